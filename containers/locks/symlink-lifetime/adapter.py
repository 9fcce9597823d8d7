"""A symbolic link that names its owner, and that others break when its mtime is too old."""

import os

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import OWN_NAME, Aging, is_own_symlink


class AgingLink(Aging):
    library, version = "symlink-lifetime", os.uname().release

    def create(self):
        try:
            os.symlink(OWN_NAME, PATH)
        except FileExistsError:
            if not is_own_symlink():  # made all the same, and only the reply got lost
                raise


serve(AgingLink())
