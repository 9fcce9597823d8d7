"""A known-bad lock: a file lock in a directory of each machine's own."""

import fcntl
import os

from lockstorm_adapter import Polling, serve


class LocalFile(Polling):
    library, version = "local-file", "1"
    file = None

    def attempt(self):
        if self.file is None:
            self.file = os.open("/tmp/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False

    def give_up(self):
        fcntl.flock(self.file, fcntl.LOCK_UN)


serve(LocalFile())
