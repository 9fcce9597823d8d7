"""lockfile.mkdirlockfile.MkdirLockFile, one object a process."""

from importlib.metadata import version

from lockfile import AlreadyLocked, LockTimeout, NotLocked, NotMyLock
from lockfile.mkdirlockfile import MkdirLockFile
from lockstorm_adapter import PATH, Adapter, serve


class MkdirLock(Adapter):
    library, version = "lockfile-mkdir", version("lockfile")
    refused = (AlreadyLocked, LockTimeout)
    not_held = (NotLocked, NotMyLock)

    def __init__(self):
        self.lock = MkdirLockFile(PATH, threaded=False)

    def acquire(self, timeout):
        # The library polls each 0.1 s, or each tenth of a time limit.
        self.lock.acquire(timeout)

    def release(self):
        self.lock.release()

    def is_held(self):
        return self.lock.i_am_locking()  # `is_locked` is about anybody


serve(MkdirLock())
