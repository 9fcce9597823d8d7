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


def is_own_symlink(path=PATH):
    try:
        return os.readlink(path) == OWN_NAME
    except FileNotFoundError:
        return False


class NotHeld(Exception):
    """The lock is not there any more, or it is somebody else's."""


class Aging(Polling):
    """A lock that its contenders break when it is older than its lifetime.

    Its age is the contender's clock less the mtime that the server gave it; the owner renews it
    by a new mtime. Inode number and mtime together are its stamp, which tells it from any other.

    To look and then remove would be two steps, and another's lock may come between them. So whoever
    is to end a lock with a certain stamp, by breaking, renewing or releasing it, first makes a
    symbolic link with that stamp in its name, its deed: of all who try one gets it, and nobody else
    ends that lock. A deed whose maker is gone grows too old like a lock, and another is made.
    """

    not_held = (NotHeld,)
    stamp = None  # of the lock that we hold
    suspect = None  # the stamp of another's that was too old at the last attempt
    since = 0.0  # when it was first seen so

    def create(self):
        """Make the lock; FileExistsError if there is one."""
        raise NotImplementedError

    def remove(self):
        discard(PATH)

    def look(self, path):
        """The stamp; NotHeld if there is no such lock.

        An open would ask the server, but it might also leave a delegation with us, and nobody
        could remove the lock before our lease is over, should we die. A create that failed has just
        brought fresh attributes anyway, and so has the making of a deed.
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
            self.suspect = stamp if is_expired(stamp) else None
            if self.suspect is None:
                return
            if stamp != before:
                self.since = time.monotonic()
            # After an exclusive create the mtime is the call's verifier, and no time, until the
            # creator sets it: that may take it as long as it may be held up.
            elif is_time(stamp) or time.monotonic() > self.since + LIFETIME:
                self.end(stamp, self.remove)
        except NotHeld:
            pass  # released meanwhile, or broken by another

    def end(self, stamp, how):
        """End the lock with this stamp, and no other, if nobody else is at it."""
        deed = self.deed(stamp)
        is_there = self.is_there(stamp)
        if is_there:
            how()  # if that fails, it may still come to pass: the deed stays
        with contextlib.suppress(OSError):
            os.unlink(deed)
        if not is_there:
            raise NotHeld

    def deed(self, stamp):
        """The name of the link that only we have made; NotHeld if another has."""
        for turn in itertools.count():
            name = f"{PATH}.deed-{stamp[0]:x}-{stamp[1]:x}-{turn}"
            try:
                os.symlink(OWN_NAME, name)
                return name
            except FileExistsError:
                if is_own_symlink(name):  # made all the same, and only the reply got lost
                    return name
                if not is_expired(self.look(name)):
                    raise NotHeld from None

    def give_up(self):
        self.check()
        self.end(self.stamp, self.remove)
        self.stamp = None

    def refresh(self, lifetime):
        if lifetime != LIFETIME:
            return "unsupported"  # contenders go by their own
        self.check()
        self.end(self.stamp, lambda: os.utime(PATH, follow_symlinks=False))
        self.stamp = self.look(PATH)

    def is_held(self):
        return self.stamp is not None and self.is_there(self.stamp)

    def check(self):
        if not self.is_held():
            raise NotHeld

    def is_there(self, stamp):
        try:
            return self.look(PATH) == stamp
        except NotHeld:
            return False


def is_expired(stamp):
    return time.time() > stamp[1] / 1e9 + LIFETIME + CLOCK_SLOP


def is_time(stamp):
    """Whether the mtime may be one: no clock is off by more than an hour."""
    return abs(time.time() - stamp[1] / 1e9) < LIFETIME + 3600
