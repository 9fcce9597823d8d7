"""portalocker.Lock with the other primitive that it can use, lockf."""

import fcntl
import math

from lockstorm_adapter import OPTIONS, PATH, Adapter, serve
from portalocker import AlreadyLocked, Lock, __version__, portalocker

portalocker.LOCKER = fcntl.lockf


class Lockf(Adapter):
    library, version = "portalocker-lockf", __version__
    refused = (AlreadyLocked,)

    def __init__(self):
        # A release that fails would only be logged.
        self.lock = Lock(PATH, check_interval=OPTIONS["poll"], raise_on_release_error=True)

    def acquire(self, timeout):
        self.lock.acquire(timeout=math.inf if timeout is None else timeout)

    def release(self):
        # A release of what is not held does nothing and says nothing.
        if self.lock.fh is None:
            return "not_held"
        self.lock.release()

    def is_held(self):
        return self.lock.fh is not None


serve(Lockf())
