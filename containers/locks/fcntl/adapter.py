"""A POSIX record lock over a whole file, by fcntl.lockf, on a descriptor that stays open."""

import fcntl
import os
import platform
import time

from lockstorm_adapter import PATH, Adapter, serve

POLL_SECONDS = 0.05


class RecordLock(Adapter):
    library, version = "fcntl", platform.release()
    file = None
    held = False

    def acquire(self, timeout):
        # Opened once: closing any descriptor of the file would drop the process's locks on it.
        if self.file is None:
            self.file = os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if timeout is None:
            fcntl.lockf(self.file, fcntl.LOCK_EX)
        elif not self.poll(timeout):
            return "timeout" if timeout else "busy"
        self.held = True

    def poll(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(POLL_SECONDS)

    def release(self):
        if not self.held:
            return "not_held"
        fcntl.lockf(self.file, fcntl.LOCK_UN)
        self.held = False

    def is_held(self):
        return self.held


serve(RecordLock())
