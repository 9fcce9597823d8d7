"""A known-bad lock, as it is often written: look whether the file exists, then create it."""

import os
import time

from lockstorm_adapter import PATH, Adapter, serve

POLL_SECONDS = 0.01


class CheckThenCreate(Adapter):
    library, version = "check-then-create", "1"
    held = False

    def acquire(self, timeout):
        deadline = None if timeout is None else time.monotonic() + timeout
        while os.path.exists(PATH):
            if deadline is not None and time.monotonic() >= deadline:
                return "timeout" if timeout else "busy"
            time.sleep(POLL_SECONDS)
        open(PATH, "w").close()
        self.held = True

    def release(self):
        if not self.held:
            return "not_held"
        os.unlink(PATH)
        self.held = False

    def is_held(self):
        return self.held


serve(CheckThenCreate())
