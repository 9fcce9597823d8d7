"""A known-bad lock: who sees it expired unlinks the name, whoever's lock it is by then."""

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging, create, discard


class TwoBreakers(Aging):
    library, version = "two-breakers", "1"

    def create(self):
        create(PATH)

    def take_away(self, stamp):
        discard(PATH)


serve(TwoBreakers())
