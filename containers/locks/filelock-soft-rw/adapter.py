"""filelock.SoftReadWriteLock, its write side: a thread of the library renews the lock."""

from filelock import SoftReadWriteLock, Timeout, __version__
from lockstorm_adapter import LIFETIME, OPTIONS, PATH, Adapter, serve


class WriteSide(Adapter):
    library, version = "filelock-soft-rw", __version__
    refused = (Timeout,)

    def __init__(self):
        self.lock = SoftReadWriteLock(
            PATH,
            heartbeat_interval=LIFETIME / 3,  # the library's own ratio
            stale_threshold=LIFETIME,
            poll_interval=OPTIONS["poll"],
        )

    def acquire(self, timeout):
        self.lock.acquire_write(-1 if timeout is None else timeout)

    def release(self):
        if self.lock.generation is None:
            return "not_held"
        lost = self.lock.compromise
        self.lock.release()
        return "not_held" if lost else "ok"

    def is_held(self):
        return self.lock.generation is not None and self.lock.compromise is None


serve(WriteSide())
