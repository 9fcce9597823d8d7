"""A known-bad lock: who saw it expired unlinks the name, whoever's lock it is by then."""

import random
import time

from lockstorm_adapter import PATH, serve
from lockstorm_control import DecentAging
from lockstorm_lockfile import discard

# Between look and deed, as it may happen to any process: some break what others have taken since.
PAUSE_SECONDS = (0.1, 1.1)


class TwoBreakers(DecentAging):
    library, version = "two-breakers", "1"

    def end(self, stamp, how):
        if how == self.remove:
            time.sleep(random.uniform(*PAUSE_SECONDS))
        how()

    def give_up(self):
        self.check()
        self.stamp = None
        discard(PATH)


serve(TwoBreakers())
