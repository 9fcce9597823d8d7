"""fasteners.InterProcessLock, as its documentation uses it: one object a process."""

from fasteners import InterProcessLock, __version__
from lockstorm_adapter import OPTIONS, PATH, Adapter, serve


class Fastener(Adapter):
    library, version = "fasteners", __version__

    def __init__(self):
        self.lock = InterProcessLock(PATH)

    def acquire(self, timeout):
        poll = OPTIONS["poll"]
        return self.lock.acquire(blocking=timeout != 0, max_delay=poll, timeout=timeout)

    def release(self):
        if not self.lock.acquired:
            return "not_held"
        self.lock.release()

    def is_held(self):
        return self.lock.acquired


serve(Fastener())
