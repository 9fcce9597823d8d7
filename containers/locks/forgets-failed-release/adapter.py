"""A known-bad lock: a release that fails is forgotten, and the lock stays for ever.

To release it opens its directory, and at its third time it has no descriptor left for that.
"""

import os
import resource

from lockstorm_adapter import PATH, serve
from lockstorm_control import Decent
from lockstorm_lockfile import discard

FAILS_AT = 3


class ForgetsFailedRelease(Decent):
    library, version = "forgets-failed-release", "1"
    releases = 0

    def release(self):
        if not self.held:
            return "not_held"
        self.held = False  # before it is true
        self.releases += 1
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        if self.releases == FAILS_AT:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            os.close(os.open(os.path.dirname(PATH), os.O_RDONLY))  # EMFILE
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        discard(PATH)


serve(ForgetsFailedRelease())
