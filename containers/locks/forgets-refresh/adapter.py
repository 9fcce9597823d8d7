"""A known-bad lock: a refresh is answered with "ok", and nothing is done."""

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging, create


class ForgetsRefresh(Aging):
    library, version = "forgets-refresh", "1"

    def create(self):
        create(PATH)

    def refresh(self, lifetime):
        self.check()


serve(ForgetsRefresh())
