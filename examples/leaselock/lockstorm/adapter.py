"""Drives leaselock for lockstorm: the tree that `--with` names is in `with`."""

import sys

from lockstorm_adapter import LIFETIME, PATH, Polling, serve

sys.path.insert(0, "with")
from leaselock import LeaseLock, NotHeld, __version__  # noqa: E402


class Lock(Polling):
    library, version = "leaselock", __version__
    not_held = (NotHeld,)
    lock = LeaseLock(PATH, LIFETIME)

    def attempt(self):
        return self.lock.try_acquire()

    def give_up(self):
        self.lock.release()


serve(Lock())
