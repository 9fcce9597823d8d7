"""A symbolic link that names its owner: made in one step, it holds until it is removed."""

import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import OWN_NAME, is_own_symlink


class OwnersLink(Polling):
    library, version = "symlink", os.uname().release

    def attempt(self):
        try:
            os.symlink(OWN_NAME, PATH)
            return True
        except FileExistsError:
            return is_own_symlink()  # made all the same, and only the reply got lost

    def give_up(self):
        os.unlink(PATH)


serve(OwnersLink())
