"""A known-bad lock: a release that fails is forgotten, and the lock stays for ever."""

import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import create


class ForgetsFailedRelease(Polling):
    library, version = "forgets-failed-release", "1"

    def attempt(self):
        try:
            create(PATH)
            return True
        except FileExistsError:
            return False

    def release(self):
        if not self.held:
            return "not_held"
        self.held = False  # before it is so
        os.unlink(PATH)


serve(ForgetsFailedRelease())
