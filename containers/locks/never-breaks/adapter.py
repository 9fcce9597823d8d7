"""A known-bad lock: it promises to break what has expired, and waits for ever."""

from lockstorm_adapter import serve
from lockstorm_control import DecentAging


class NeverBreaks(DecentAging):
    library, version = "never-breaks", "1"

    def break_expired(self):
        pass


serve(NeverBreaks())
