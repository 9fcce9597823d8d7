"""Drives @NAME@ for lockstorm. Put your own library where it says YOURS."""

import os

from lockstorm_adapter import PATH, Polling, serve

# Polling asks attempt() again and again. A library that waits by itself subclasses Adapter and has
# acquire(timeout): None waits for ever, 0 does not wait, else seconds; False says "refused".


class Lock(Polling):
    # YOURS: what it is called, and the version that the library itself says it has. For a library
    # that pip brings: `install: pip` in profile.yaml, and a requirements.txt beside it.
    library, version = "@NAME@", "0.1"

    def attempt(self):
        # YOURS: whether the lock was taken.
        try:
            os.close(os.open(PATH, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            return True
        except FileExistsError:
            return False

    def give_up(self):
        # YOURS: the lock is held, and is released.
        os.unlink(PATH)


serve(Lock())
