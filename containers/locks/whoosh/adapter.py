"""whoosh.util.filelock.FileLock, the lock of Whoosh's indexes, tried as IndexWriter tries it."""

from lockstorm_adapter import PATH, Polling, serve
from whoosh import versionstring
from whoosh.util.filelock import FileLock


class IndexLock(Polling):
    library, version = "whoosh", versionstring()

    def __init__(self):
        self.lock = FileLock(PATH)

    def attempt(self):
        return self.lock.acquire()

    def give_up(self):
        self.lock.release()


serve(IndexLock())
