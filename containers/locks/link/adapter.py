"""The recipe of open(2): a file of one's own, link(2) to the lock's name, and its link count."""

import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import OWN_NAME, create, discard


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
            return self.has_two_names()  # made all the same, and only the reply got lost

    def has_two_names(self):
        # An open asks the server; a stat might answer from the client's cache.
        file = os.open(OWN_NAME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.fstat(file).st_nlink == 2
        finally:
            os.close(file)

    def give_up(self):
        os.unlink(PATH)


serve(SecondName())
