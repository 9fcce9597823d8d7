"""flock(2) on a descriptor that stays open. It is open for writing: over NFS it must be."""

import fcntl
import os

from lockstorm_adapter import PATH, Polling, serve


class WholeFileLock(Polling):
    library, version = "flock", os.uname().release
    file = None

    def acquire(self, timeout):
        if self.file is None:
            self.file = os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if timeout is not None:
            return super().acquire(timeout)
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.held = True

    def attempt(self):
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False

    def give_up(self):
        fcntl.flock(self.file, fcntl.LOCK_UN)


serve(WholeFileLock())
