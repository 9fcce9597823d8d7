"""A POSIX record lock over a whole file, by fcntl.lockf, on a descriptor that stays open."""

import fcntl
import os

from lockstorm_adapter import PATH, Polling, serve


class RecordLock(Polling):
    library, version = "fcntl", os.uname().release
    file = None

    def acquire(self, timeout):
        # Opened once: closing any descriptor of the file would drop the process's locks on it.
        if self.file is None:
            self.file = os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if timeout is not None:
            return super().acquire(timeout)
        fcntl.lockf(self.file, fcntl.LOCK_EX)
        self.held = True

    def attempt(self):
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False

    def give_up(self):
        fcntl.lockf(self.file, fcntl.LOCK_UN)


serve(RecordLock())
