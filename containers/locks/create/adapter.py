"""A lock file by open(2) with O_CREAT | O_EXCL: who creates it holds, until it is unlinked."""

import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import create


class ExclusiveCreate(Polling):
    library, version = "create", os.uname().release

    def attempt(self):
        try:
            create(PATH)
            return True
        except FileExistsError:
            return False

    def give_up(self):
        os.unlink(PATH)


serve(ExclusiveCreate())
