"""A known-bad lock: who sees it expired unlinks the name, whoever's lock it is by then."""

from lockstorm_adapter import PATH, serve
from lockstorm_control import DecentAging
from lockstorm_lockfile import discard


class TwoBreakers(DecentAging):
    library, version = "two-breakers", "1"

    def take_away(self, stamp):
        discard(PATH)


serve(TwoBreakers())
