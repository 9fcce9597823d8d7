"""Locks that are a name on the mount: who makes it holds, until it is removed.

Aging is the textbook way to break such a lock when its owner is gone, as well as it can be
done by names alone. What it must assume is in the profiles that use it.
"""

import contextlib
import itertools
import os
import time

from lockstorm_adapter import LIFETIME, PATH, Polling

# Unlike any other holder's, now or earlier.
OWN_NAME = f"{PATH}.{os.uname().nodename}.{os.getpid()}.{os.urandom(4).hex()}"
CLOCK_SLOP = 10.0  # seconds by which a contender's clock may differ from the server's


def create(path):
    """Make an empty file; FileExistsError if there is one."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))


def discard(path):
    """Unlink a file of one's own. It may have gone by a call whose reply got lost."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def is_own_file():
    """Whether PATH is a second name of the file that is ours."""
    try:
        return os.path.samestat(os.lstat(PATH), os.lstat(OWN_NAME))
    except FileNotFoundError:
        return False


def is_own_symlink():
    try:
        return os.readlink(PATH) == OWN_NAME
    except FileNotFoundError:
        return False


class NotHeld(Exception):
    """The lock is not there any more, or it is somebody else's."""


class Aging(Polling):
    """A lock that its contenders break when it is older than its lifetime.

    Its age is the contender's clock less the mtime that the server gave it; the owner renews it
    by a new mtime. Inode number and mtime together are its stamp, which tells it from the next.
    """

    not_held = (NotHeld,)
    stamp = None  # of the lock that we hold
    suspect = None  # the stamp of another's that was too old at the last attempt
    serial = itertools.count()

    def create(self):
        """Make the lock; FileExistsError if there is one."""
        raise NotImplementedError

    def remove(self, path):
        os.unlink(path)

    def put_back(self, path):
        """Undo a rename from PATH, but not over another's lock."""
        os.link(path, PATH, follow_symlinks=False)
        os.unlink(path)

    def look(self, path):
        """The stamp; NotHeld if there is no such lock.

        An open would ask the server, but it might also leave a delegation with us, and nobody
        could rename the lock before our lease is over, should we die. A create that failed, or
        a rename that did not, has just brought fresh attributes anyway.
        """
        try:
            now = os.lstat(path)
        except FileNotFoundError:
            raise NotHeld from None
        return now.st_ino, now.st_mtime_ns

    def attempt(self):
        try:
            self.create()
        except FileExistsError:
            self.break_expired()
            return False
        self.stamp = self.look(PATH)
        return True

    def break_expired(self):
        try:
            stamp, before = self.look(PATH), self.suspect
            expired = time.time() > stamp[1] / 1e9 + LIFETIME + CLOCK_SLOP
            self.suspect = stamp if expired else None
            # Seen twice: for a moment after an exclusive create the mtime is the call's verifier.
            if expired and stamp == before:
                self.take_away(stamp)
        except NotHeld:
            pass  # released meanwhile, or broken by another

    def take_away(self, stamp):
        """Remove the lock with this stamp and no other: of two who try, one gets it."""
        away = f"{OWN_NAME}.{next(self.serial)}"
        try:
            os.rename(PATH, away)
        except FileNotFoundError:
            pass  # gone; or it was renamed all the same, and only the reply got lost
        if self.look(away) == stamp:
            self.remove(away)
            return
        try:
            self.put_back(away)
        except FileExistsError:
            self.remove(away)
        raise NotHeld

    def give_up(self):
        self.check()
        stamp, self.stamp = self.stamp, None
        self.take_away(stamp)

    def refresh(self, lifetime):
        if lifetime != LIFETIME:
            return "unsupported"  # contenders go by their own
        self.check()
        os.utime(PATH, follow_symlinks=False)
        self.stamp = self.look(PATH)

    def is_held(self):
        try:
            self.check()
            return True
        except NotHeld:
            return False

    def check(self):
        if self.stamp is None or self.look(PATH) != self.stamp:
            raise NotHeld
