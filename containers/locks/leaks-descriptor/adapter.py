"""A known-bad lock: each round opens the lock's file and does not close it."""

import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import discard


class LeaksDescriptor(Polling):
    library, version = "leaks-descriptor", "1"

    def attempt(self):
        try:
            # The descriptor is forgotten here.
            os.open(PATH, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            return True
        except FileExistsError:
            return False

    def give_up(self):
        discard(PATH)


serve(LeaksDescriptor())
