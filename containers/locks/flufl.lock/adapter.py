"""flufl.lock, as its documentation uses it: one Lock object a process."""

from datetime import timedelta

from flufl.lock import Lock, NotLockedError, TimeOutError, __version__
from lockstorm_adapter import LIFETIME, PATH, Adapter, serve


class FluflLock(Adapter):
    library, version = "flufl.lock", __version__
    refused = (TimeOutError,)
    not_held = (NotLockedError,)

    def __init__(self):
        self.lock = Lock(PATH, lifetime=None if LIFETIME is None else timedelta(seconds=LIFETIME))

    def acquire(self, timeout):
        # A float is a TypeError in the library. AlreadyLockedError is not "ok": it goes out
        # as an error with its class, since the caller was not told that it has the lock.
        self.lock.lock(timeout=None if timeout is None else timedelta(seconds=timeout))

    def release(self):
        self.lock.unlock()

    def refresh(self, lifetime):
        self.lock.refresh(timedelta(seconds=lifetime))

    def is_held(self):
        # The public `is_locked` extends the lifetime as a side effect; this is its other half.
        return self.lock._is_locked_no_refresh()


serve(FluflLock())
