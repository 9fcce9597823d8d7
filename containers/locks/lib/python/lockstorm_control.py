"""What the controls are but for the one thing that each breaks: lock files by link(2).

Not by O_EXCL: until its creator has set them, the times of a file that was made so on NFS are
the verifier of the call, and whoever looks at its age then finds it old.
"""

import os

from lockstorm_adapter import PATH, Polling
from lockstorm_lockfile import OWN_NAME, Aging, create, discard, is_own_file


def link():
    """Make the lock; FileExistsError if there is one."""
    create(OWN_NAME)
    try:
        os.link(OWN_NAME, PATH)
    except FileExistsError:
        if not is_own_file():  # made all the same, and only the reply got lost
            raise
    finally:
        discard(OWN_NAME)


class Decent(Polling):
    """A lock that nobody breaks."""

    def attempt(self):
        try:
            link()
            return True
        except FileExistsError:
            return False

    def give_up(self):
        discard(PATH)


class DecentAging(Aging):
    """A lock that is broken when it is older than its lifetime."""

    def create(self):
        link()
