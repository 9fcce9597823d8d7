"""lockfile.linklockfile.LinkLockFile as in its documentation's second example: who has waited for a
minute breaks the lock."""

from importlib.metadata import version

from lockfile import AlreadyLocked, LockTimeout, NotLocked, NotMyLock
from lockfile.linklockfile import LinkLockFile
from lockstorm_adapter import LIFETIME, PATH, Adapter, serve


class BreakingLinkLock(Adapter):
    library, version = "lockfile-link-break", version("lockfile")
    refused = (AlreadyLocked, LockTimeout)
    not_held = (NotLocked, NotMyLock)

    def __init__(self):
        self.lock = LinkLockFile(PATH, threaded=False)

    def acquire(self, timeout):
        if timeout is not None:
            return self.lock.acquire(timeout)  # whoever gives up breaks nothing
        while not self.lock.i_am_locking():
            try:
                self.lock.acquire(timeout=LIFETIME)
            except LockTimeout:
                self.lock.break_lock()
                self.lock.acquire()

    def release(self):
        self.lock.release()

    def is_held(self):
        return self.lock.i_am_locking()  # `is_locked` is about anybody


serve(BreakingLinkLock())
