"""A known-bad lock: a refresh is answered with "ok", and nothing is done."""

from lockstorm_adapter import serve
from lockstorm_control import DecentAging


class ForgetsRefresh(DecentAging):
    library, version = "forgets-refresh", "1"

    def refresh(self, lifetime):
        self.check()


serve(ForgetsRefresh())
