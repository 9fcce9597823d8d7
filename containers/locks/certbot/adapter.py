"""certbot's lock of a directory: LockFile tries once when it is made; release() unlinks it."""

from importlib.metadata import version

from certbot._internal.lock import LockFile
from certbot.errors import LockError
from lockstorm_adapter import PATH, Polling, serve


class DirectoryLock(Polling):
    library, version = "certbot", version("certbot")
    lock = None

    def attempt(self):
        try:
            self.lock = LockFile(PATH)
            return True
        except LockError:
            return False

    def give_up(self):
        self.lock.release()


serve(DirectoryLock())
