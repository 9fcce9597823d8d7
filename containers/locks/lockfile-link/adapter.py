"""lockfile.linklockfile.LinkLockFile, one object a process."""

from importlib.metadata import version

from lockfile import AlreadyLocked, LockTimeout, NotLocked, NotMyLock
from lockfile.linklockfile import LinkLockFile
from lockstorm_adapter import PATH, Adapter, serve


class LinkLock(Adapter):
    library, version = "lockfile-link", version("lockfile")
    refused = (AlreadyLocked, LockTimeout)
    not_held = (NotLocked, NotMyLock)

    def __init__(self):
        self.lock = LinkLockFile(PATH, threaded=False)

    def acquire(self, timeout):
        # The library polls each 0.1 s, or each tenth of a time limit.
        self.lock.acquire(timeout)

    def release(self):
        self.lock.release()

    def is_held(self):
        return self.lock.i_am_locking()  # `is_locked` is about anybody


serve(LinkLock())
