"""A known-bad lock: a release unlinks what is there, whoever's lock it is."""

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging, create, discard


class ReleasesAny(Aging):
    library, version = "releases-any", "1"

    def create(self):
        create(PATH)

    def give_up(self):
        self.stamp = None
        discard(PATH)


serve(ReleasesAny())
