"""A known-bad lock: a release that fails is forgotten, and the lock stays for ever."""

from lockstorm_adapter import PATH, serve
from lockstorm_control import Decent
from lockstorm_lockfile import discard


class ForgetsFailedRelease(Decent):
    library, version = "forgets-failed-release", "1"

    def release(self):
        if not self.held:
            return "not_held"
        self.held = False  # before it is so
        discard(PATH)


serve(ForgetsFailedRelease())
