"""A known-bad lock: a release that fails is forgotten, and the lock stays for ever.

To release it opens its file once more, and at its third time it has no descriptor left for that.
"""

import os
import resource

from lockstorm_adapter import PATH, serve
from lockstorm_control import Decent
from lockstorm_lockfile import discard, status

FAILS_AT = 3


class ForgetsFailedRelease(Decent):
    library, version = "forgets-failed-release", "1"
    releases = 0

    def give_up(self):
        # By now it says that it does not hold.
        self.releases += 1
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        if self.releases == FAILS_AT:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            status(PATH)  # EMFILE
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        discard(PATH)


serve(ForgetsFailedRelease())
