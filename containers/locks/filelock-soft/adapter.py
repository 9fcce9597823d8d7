"""filelock.SoftFileLock, as its documentation uses it: one object a process."""

from filelock import SoftFileLock, Timeout, __version__
from lockstorm_adapter import OPTIONS, PATH, Adapter, serve


class SoftLock(Adapter):
    library, version = "filelock-soft", __version__
    refused = (Timeout,)

    def __init__(self):
        self.lock = SoftFileLock(PATH)

    def acquire(self, timeout):
        # Not to the constructor, which has no such parameter in old releases.
        self.lock.acquire(-1 if timeout is None else timeout, poll_interval=OPTIONS["poll"])

    def release(self):
        # A release of what is not held does nothing and says nothing; `is_locked` says it.
        if not self.lock.is_locked:
            return "not_held"
        self.lock.release()

    def is_held(self):
        return self.lock.is_locked


serve(SoftLock())
