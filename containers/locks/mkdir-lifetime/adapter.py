"""A lock directory by mkdir(2) that others break when its mtime is too old."""

import contextlib
import os

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging


class AgingDirectory(Aging):
    library, version = "mkdir-lifetime", os.uname().release

    def create(self):
        os.mkdir(PATH)

    def remove(self):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(PATH)


serve(AgingDirectory())
