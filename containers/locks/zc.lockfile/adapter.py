"""zc.lockfile.LockFile: the constructor tries once, close() lets go."""

from importlib.metadata import version

from lockstorm_adapter import PATH, Polling, serve
from zc.lockfile import LockError, LockFile


class ZopeLock(Polling):
    library, version = "zc.lockfile", version("zc.lockfile")
    lock = None

    def attempt(self):
        # The library says LockError to whatever went wrong.
        try:
            self.lock = LockFile(PATH)
            return True
        except LockError:
            return False

    def give_up(self):
        self.lock.close()


serve(ZopeLock())
