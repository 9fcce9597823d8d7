"""A known-bad lock: it promises to break what has expired, and waits for ever."""

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging, create


class NeverBreaks(Aging):
    library, version = "never-breaks", "1"

    def create(self):
        create(PATH)

    def break_expired(self):
        pass


serve(NeverBreaks())
