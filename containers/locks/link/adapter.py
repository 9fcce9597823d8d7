"""The recipe of open(2): a file of one's own, link(2) to the lock's name, and its link count."""

import contextlib
import itertools
import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import OWN_NAME, create


class SecondName(Polling):
    library, version = "link", os.uname().release
    names = (f"{OWN_NAME}.{serial}" for serial in itertools.count())

    def acquire(self, timeout):
        self.name = next(self.names)
        create(self.name)
        try:
            return super().acquire(timeout)
        finally:
            # Who has got the lock must hear so, whatever becomes of this name.
            with contextlib.suppress(OSError):
                os.unlink(self.name)

    def attempt(self):
        try:
            os.link(self.name, PATH)
            return True
        except FileExistsError:
            return self.has_two_names()  # made all the same, and only the reply got lost

    def has_two_names(self):
        # An open asks the server; a stat might answer from the client's cache.
        file = os.open(self.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.fstat(file).st_nlink == 2
        finally:
            os.close(file)

    def give_up(self):
        os.unlink(PATH)


serve(SecondName())
