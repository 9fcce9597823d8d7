"""A known-bad lock: it creates its file with O_EXCL, and takes "there is one" for success."""

import contextlib

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import create, discard


class IgnoresExisting(Polling):
    library, version = "ignores-eexist", "1"

    def attempt(self):
        with contextlib.suppress(FileExistsError):
            create(PATH)
        return True

    def give_up(self):
        discard(PATH)


serve(IgnoresExisting())
