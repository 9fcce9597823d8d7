"""filelock.SoftFileLease: a thread of the library renews the lease, nobody else can."""

from filelock import SoftFileLease, Timeout, __version__
from lockstorm_adapter import LIFETIME, OPTIONS, PATH, Adapter, serve


class Lease(Adapter):
    library, version = "filelock-soft-lease", __version__
    refused = (Timeout,)

    def __init__(self):
        self.lock = SoftFileLease(PATH, lease_duration=LIFETIME, poll_interval=OPTIONS["poll"])

    def acquire(self, timeout):
        self.lock.acquire(timeout=-1 if timeout is None else timeout)

    def release(self):
        if not self.lock.is_locked:
            return "not_held"
        self.lock.release()
        # What the thread found out: the lease was lost before it was released.
        return "not_held" if self.lock.compromise else "ok"

    def is_held(self):
        return self.lock.is_locked and self.lock.compromise is None


serve(Lease())
