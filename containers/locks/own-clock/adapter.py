"""A known-bad lock: it takes its own clock for the only one, and allows for no difference."""

import time

from lockstorm_adapter import LIFETIME, PATH, serve
from lockstorm_control import DecentAging
from lockstorm_lockfile import NotHeld


class OwnClock(DecentAging):
    library, version = "own-clock", "1"

    def break_expired(self):
        try:
            stamp = self.look(PATH)
            if time.time() > stamp[1] / 1e9 + LIFETIME:
                self.end(stamp, self.remove)
        except NotHeld:
            pass


serve(OwnClock())
