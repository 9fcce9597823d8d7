"""oslo.concurrency's external lock: lockutils.lock without its thread-local half."""

import os
from importlib.metadata import version

from lockstorm_adapter import OPTIONS, PATH, Adapter, serve
from oslo_concurrency import lockutils


class ExternalLock(Adapter):
    library, version = "oslo.concurrency", version("oslo.concurrency")

    def __init__(self):
        directory, name = os.path.split(PATH)
        self.lock = lockutils.external_lock(name, lock_path=directory)

    def acquire(self, timeout):
        poll = OPTIONS["poll"]
        return self.lock.acquire(blocking=timeout != 0, max_delay=poll, timeout=timeout)

    def release(self):
        if not self.lock.acquired:
            return "not_held"
        self.lock.release()

    def is_held(self):
        return self.lock.acquired


serve(ExternalLock())
