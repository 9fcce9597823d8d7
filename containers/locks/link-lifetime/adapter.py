"""The recipe of open(2) with link(2), for a lock that others break when its mtime is too old."""

import os

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import OWN_NAME, Aging, create, discard, is_own_file


class AgingSecondName(Aging):
    library, version = "link-lifetime", os.uname().release

    def create(self):
        # A new file each time: the lock must not be as old as the wait for it.
        create(OWN_NAME)
        try:
            os.link(OWN_NAME, PATH)
        except FileExistsError:
            if not is_own_file():  # made all the same, and only the reply got lost
                raise
        finally:
            discard(OWN_NAME)


serve(AgingSecondName())
