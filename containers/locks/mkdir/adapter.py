"""A lock directory by mkdir(2): who makes it holds, until it is removed."""

import os

from lockstorm_adapter import PATH, Polling, serve


class LockDirectory(Polling):
    library, version = "mkdir", os.uname().release

    def attempt(self):
        try:
            os.mkdir(PATH)
            return True
        except FileExistsError:
            return False

    def give_up(self):
        os.rmdir(PATH)


serve(LockDirectory())
