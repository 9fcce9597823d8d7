"""A lock file by O_CREAT | O_EXCL that others break when its mtime is too old."""

import os

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging, create


class AgingFile(Aging):
    library, version = "create-lifetime", os.uname().release

    def create(self):
        create(PATH)


serve(AgingFile())
