"""A directory that is never empty, renamed to the lock's name and back.

rename(2) replaces a file and an empty directory, but not a directory with something in it:
that makes it exclusive. Each holder has a directory of its own, so it also tells who holds:
who finds its own directory gone has renamed it, whatever rename answered.
"""

import errno
import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import OWN_NAME

CONTENT = os.path.join(OWN_NAME, "occupied")
OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)


class MovedDirectory(Polling):
    library, version = "rename", os.uname().release
    moved = False  # our directory has the lock's name

    def acquire(self, timeout):
        os.makedirs(CONTENT, exist_ok=True)
        if super().acquire(timeout) is False:
            self.clean()
            return False

    def attempt(self):
        try:
            os.rename(OWN_NAME, PATH)
        except FileNotFoundError:
            pass  # an earlier one was made, and its reply got lost
        except OSError as error:
            if error.errno in OCCUPIED:
                return False
            raise
        self.moved = True
        return True

    def give_up(self):
        if self.moved:
            self.move_back()
        # If only this fails, the next try must not move a lock that is another's by then.
        self.clean()

    def move_back(self):
        try:
            os.rename(PATH, OWN_NAME)
        except OSError as error:
            # Likewise: the lock is gone, or another's, and ours lies where it belongs.
            if error.errno not in (errno.ENOENT, *OCCUPIED) or not os.path.isdir(OWN_NAME):
                raise
        self.moved = False

    def clean(self):
        for directory in (CONTENT, OWN_NAME):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                pass  # an earlier try got so far


serve(MovedDirectory())
