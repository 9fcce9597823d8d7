"""The recipe of open(2): a file of one's own, link(2) to the lock's name, and its link count."""

import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import OWN_NAME, create, discard, status


class SecondName(Polling):
    library, version = "link", os.uname().release

    def acquire(self, timeout):
        create(OWN_NAME)
        try:
            return super().acquire(timeout)
        finally:
            discard(OWN_NAME)

    def attempt(self):
        try:
            os.link(OWN_NAME, PATH)
            return True
        except FileExistsError:
            # Made all the same, and only the reply got lost?
            return status(OWN_NAME).st_nlink == 2

    def give_up(self):
        os.unlink(PATH)


serve(SecondName())
