"""A known-bad lock: a release unlinks what is there, whoever's lock it is."""

from lockstorm_adapter import PATH, serve
from lockstorm_control import DecentAging
from lockstorm_lockfile import discard


class ReleasesAny(DecentAging):
    library, version = "releases-any", "1"

    def give_up(self):
        self.stamp = None
        discard(PATH)


serve(ReleasesAny())
