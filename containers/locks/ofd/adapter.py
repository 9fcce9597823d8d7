"""An open file description lock over a whole file, by fcntl(2)."""

import fcntl
import os
import struct

from lockstorm_adapter import PATH, Polling, serve


def whole_file(kind):
    """A struct flock: type, whence, start, length (0: to the end), pid (must be 0)."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)


class DescriptionLock(Polling):
    library, version = "ofd", os.uname().release
    file = None

    def acquire(self, timeout):
        if self.file is None:
            self.file = os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if timeout is not None:
            return super().acquire(timeout)
        fcntl.fcntl(self.file, fcntl.F_OFD_SETLKW, whole_file(fcntl.F_WRLCK))
        self.held = True

    def attempt(self):
        try:
            fcntl.fcntl(self.file, fcntl.F_OFD_SETLK, whole_file(fcntl.F_WRLCK))
            return True
        except BlockingIOError:
            return False

    def give_up(self):
        fcntl.fcntl(self.file, fcntl.F_OFD_SETLK, whole_file(fcntl.F_UNLCK))


serve(DescriptionLock())
