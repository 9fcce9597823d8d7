"""mercurial.lock, with which Mercurial guards a repository, on a lock of our own."""

import math
import os

from lockstorm_adapter import PATH, Adapter, serve
from mercurial import error, lock, util, vfs

DIRECTORY, NAME = (os.fsencode(part) for part in os.path.split(PATH))


class MercurialLock(Adapter):
    library, version = "mercurial", util.version().decode()
    refused = (error.LockHeld,)
    lock = None

    def acquire(self, timeout):
        # Whole seconds: it counts down to exactly 0. A negative timeout waits for ever.
        limit = -1 if timeout is None else math.ceil(timeout)
        self.lock = lock.lock(vfs.vfs(DIRECTORY), NAME, timeout=limit)

    def release(self):
        if self.lock is None or not self.lock.held:
            return "not_held"
        self.lock.release()

    def is_held(self):
        return self.lock is not None and bool(self.lock.held)


serve(MercurialLock())
