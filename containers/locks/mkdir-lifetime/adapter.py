"""A lock directory by mkdir(2) that others break when its mtime is too old."""

import os

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging


class AgingDirectory(Aging):
    library, version = "mkdir-lifetime", os.uname().release

    def create(self):
        os.mkdir(PATH)

    def remove(self, path):
        os.rmdir(path)

    def put_back(self, path):
        # A directory has no second name, and rename would replace another's empty one.
        os.mkdir(PATH)
        os.rename(path, PATH)


serve(AgingDirectory())
