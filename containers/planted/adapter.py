"""Five small locks, and a defect in one of them: python3 adapter.py NAME.

Without a defect (`base-link`, `base-mkdir`, ...) they keep their promises. Every defect is an
`if planted(...)` beside the line that is right; README.md has the table of them. What is common
to all adapters is in ../locks/lib/python.
"""

import contextlib
import errno
import fcntl
import itertools
import os
import sys
import threading
import time

from lockstorm_adapter import LIFETIME, PATH, Polling, serve
from lockstorm_lockfile import CLOCK_SLOP, OWN_NAME, NotHeld, create, discard, is_own_symlink

NAME = sys.argv[1]
SERIALS = itertools.count()


def planted(name):
    return name == NAME


def stamp_of(path):
    """What tells a lock from any other; NotHeld if there is none."""
    try:
        now = os.lstat(path)
    except FileNotFoundError:
        raise NotHeld from None
    return now.st_ino, now.st_mtime_ns


def is_expired(stamp):
    slop = 0 if planted("link-no-slop") else CLOCK_SLOP
    return time.time() > stamp[1] / 1e9 + LIFETIME + slop


# --- With a lifetime ------------------------------------------------------------------------


class Lease(Polling):
    """A name that others remove when its mtime is too old, and that its owner keeps young.

    Whoever is to remove or renew a lock with a certain stamp first makes a symbolic link with
    that stamp in its name, its deed: of all who try, one gets it (as Aging in ../locks).
    """

    not_held = (NotHeld,)
    stamp = None  # of the lock that we hold
    suspect = None  # the stamp of another's that was too old at the last attempt

    def create(self):
        """Make the lock; FileExistsError if there is one."""
        raise NotImplementedError

    def remove(self):
        raise NotImplementedError

    def attempt(self):
        try:
            self.create()
        except FileExistsError:
            self.break_expired()
            return False
        self.stamp = stamp_of(PATH)
        return True

    def break_expired(self):
        with contextlib.suppress(NotHeld):  # released meanwhile, or broken by another
            stamp, before = stamp_of(PATH), self.suspect
            self.suspect = stamp if is_expired(stamp) else None
            if self.suspect is None or stamp != before:
                return
            if planted("link-break-by-name"):
                self.remove()
                return
            self.end(stamp, self.remove)

    def end(self, stamp, how):
        """Do that to the lock with this stamp, and to no other, if nobody else is at it."""
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
                if planted("link-deed-forever"):
                    raise NotHeld from None
                if not is_expired(stamp_of(name)):
                    raise NotHeld from None

    def is_there(self, stamp):
        try:
            return stamp_of(PATH) == stamp
        except NotHeld:
            return False

    def give_up(self):
        if planted("link-release-by-name"):
            self.remove()
        else:
            self.end(self.stamp, self.remove)
        self.stamp = None

    def renew(self):
        if self.stamp is None:
            raise NotHeld
        self.end(self.stamp, lambda: os.utime(PATH, follow_symlinks=False))
        self.stamp = stamp_of(PATH)

    def refresh(self, lifetime):
        if lifetime != LIFETIME:
            return "unsupported"  # contenders go by their own
        self.renew()

    def is_held(self):
        """The only sure way to know is to renew it."""
        with contextlib.suppress(NotHeld):
            self.renew()
            return True
        return False


class SecondName(Lease):
    """link(2) of a file of one's own, and its link count if another name was there."""

    claim = None

    def acquire(self, timeout):
        if not planted("link-old-claim"):
            return super().acquire(timeout)
        self.make_claim()
        try:
            return super().acquire(timeout)
        finally:
            discard(self.claim)

    def make_claim(self):
        self.claim = f"{OWN_NAME}.{next(SERIALS)}"
        create(self.claim)

    def create(self):
        # A new file each time: the lock must not be as old as the wait for it.
        if planted("link-old-claim"):
            self.link()
            return
        try:
            self.make_claim()
            self.link()
        finally:
            discard(self.claim)

    def link(self):
        try:
            os.link(self.claim, PATH)
        except FileExistsError:
            if not self.has_two_names():
                raise
        except OSError:
            if not planted("link-any-error"):
                raise

    def has_two_names(self):
        """Whether the lock was made all the same, and only the reply got lost."""
        try:
            return os.path.samestat(os.lstat(PATH), os.lstat(self.claim))
        except FileNotFoundError:
            return False

    def remove(self):
        discard(PATH)

    def refresh(self, lifetime):
        if planted("link-refresh-takes") and self.stamp is not None:
            self.make_claim()
            os.rename(self.claim, PATH)
            self.stamp = stamp_of(PATH)
            return None
        return super().refresh(lifetime)


class Directory(Polling):
    """A directory with its owner's file in it, renamed to the lock's name, and kept young.

    rename(2) replaces no directory that has something in it, so of all who try one gets the lock;
    an empty one is free. The file's name is its owner's and another at each renewal, so that to
    remove it ends this lock as it was seen, and no other: not the next owner's, and not one that
    was renewed meanwhile. A thread renews it for as long as it is held.
    """

    not_held = (NotHeld,)
    own = None  # the name of our file in the directory

    def __init__(self):
        self.mutex = threading.Lock()  # the thread and its owner share a name
        self.over = threading.Event()

    def attempt(self):
        if self.is_taken():
            return False
        self.own = f"{os.path.basename(OWN_NAME)}-{next(SERIALS)}.0"
        try:
            os.makedirs(OWN_NAME, exist_ok=True)
            create(os.path.join(OWN_NAME, self.own))
            os.rename(OWN_NAME, PATH)
            # It may be old by now, or broken.
            self.renew()
            return True
        except NotHeld:
            return False
        except OSError as error:
            self.clear_away()
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise

    def is_taken(self):
        """Whether there is an owner that is not too old; one that is, is removed."""
        try:
            owners = os.listdir(PATH)  # opening a directory asks the server
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESTALE):
                raise
            return False  # there is none, or it was removed just now
        for owner in owners:
            with contextlib.suppress(NotHeld):
                path = os.path.join(PATH, owner)
                if not is_expired(stamp_of(path)):
                    return True
                discard(path)
        return False

    def clear_away(self):
        """Remove what an attempt has made, of which all or nothing may have come to pass."""
        for directory in (OWN_NAME, PATH):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(directory, self.own))
            with contextlib.suppress(OSError):
                os.rmdir(directory)

    def renew(self):
        """Make the file young, and only then give it its next name."""
        if planted("mkdir-beat-adopts"):
            self.own = (os.listdir(PATH) or [self.own])[0]
        stem, _, generation = self.own.rpartition(".")
        after = f"{stem}.{int(generation) + 1}"
        path = os.path.join(PATH, self.own)
        try:
            os.utime(path)
            os.rename(path, os.path.join(PATH, after))
        except FileNotFoundError:
            raise NotHeld from None
        self.own = after

    def acquire(self, timeout):
        if super().acquire(timeout) is False:
            return False
        self.over = threading.Event()
        threading.Thread(target=self.beat, args=(self.over,), daemon=True).start()
        return True

    def beat(self, over):
        while not over.wait(LIFETIME / 3):
            with self.mutex, contextlib.suppress(OSError):  # it is tried again at the next beat
                if over.is_set():
                    return
                try:
                    self.renew()
                except NotHeld:
                    return

    def give_up(self):
        try:
            os.unlink(os.path.join(PATH, self.own))
        except FileNotFoundError:
            raise NotHeld from None
        # Empty it is free; who comes late removes no other's, which is never empty.
        with contextlib.suppress(OSError):
            os.rmdir(PATH)

    def release(self):
        if not self.held:
            return "not_held"
        with self.mutex:
            if planted("mkdir-beats-on"):
                self.held = False
            try:
                self.give_up()
            except NotHeld:
                self.held = False
                self.over.set()
                raise
            # After any other error it is still held, and has to be kept young.
            self.held = False
            self.over.set()
        return None

    def refresh(self, lifetime):
        if lifetime != LIFETIME:
            return "unsupported"  # contenders go by their own
        with self.mutex:
            if not self.held:
                raise NotHeld
            self.renew()
        return None

    def is_held(self):
        """The only sure way to know is to renew it."""
        if not self.held:
            return False
        if planted("mkdir-any-directory"):
            return os.path.isdir(PATH)
        with self.mutex, contextlib.suppress(NotHeld):
            self.renew()
            return True
        return False


# --- Without one ----------------------------------------------------------------------------


class ExclusiveCreate(Polling):
    """O_CREAT | O_EXCL, with a record in the file that says who has it."""

    empty = 0  # attempts in a row that found no record

    def attempt(self):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            file = os.open(PATH, flags, 0o666)
        except FileExistsError:
            self.look_who()
            return False
        try:
            self.write_record(file)
        except OSError:
            # It is ours, so far: nobody ever breaks it.
            if not planted("excl-write-fails"):
                discard(PATH)
            raise
        self.empty = 0
        return True

    @staticmethod
    def write_record(file):
        try:
            os.write(file, f"{os.uname().nodename} {os.getpid()}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)

    def look_who(self):
        """Nobody's lock is ever broken; two defects do so nevertheless."""
        if not (planted("excl-empty-is-stale") or planted("excl-dead-pid")):
            return
        try:
            with open(PATH) as record:
                host, pid = record.read().split()
        except FileNotFoundError:
            return
        except ValueError:  # there is no record in it
            self.empty += 1
            if planted("excl-empty-is-stale") and self.empty == 2:
                discard(PATH)
            return
        self.empty = 0
        is_here = planted("excl-dead-pid") and host == os.uname().nodename
        if is_here and not os.path.exists(f"/proc/{pid}"):
            discard(PATH)

    def release(self):
        if not self.held:
            return "not_held"
        if planted("excl-swallows-release"):
            with contextlib.suppress(OSError):
                os.unlink(PATH)
            self.held = False
            return None
        # First all that may fail and leaves the lock as it is, and can be made again.
        directory = os.open(os.path.dirname(PATH), os.O_RDONLY | os.O_CLOEXEC)
        try:
            discard(PATH)
            if not planted("excl-release-again"):
                self.held = False
            # So that the lock does not come back with a power cut.
            os.fsync(directory)
        except OSError:
            if self.held:
                raise
        finally:
            os.close(directory)
        self.held = False
        return None


class RecordLock(Polling):
    """fcntl(2) on a file that stays, opened for each acquire."""

    file = None

    def acquire(self, timeout):
        self.file = os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        got = False
        try:
            got = super().acquire(timeout) is not False
        finally:
            if not got and not planted("fcntl-timeout-leak"):
                os.close(self.file)
        return got

    def attempt(self):
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            if planted("fcntl-error-is-busy"):
                return False
            raise
        return True

    def give_up(self):
        fcntl.lockf(self.file, fcntl.LOCK_UN)
        os.close(self.file)

    def is_held(self):
        if planted("fcntl-second-descriptor") and self.held:
            # To close any descriptor of a file drops the process's locks on it (fcntl(2)).
            with open(PATH, "rb") as file:
                return os.path.samestat(os.fstat(file.fileno()), os.fstat(self.file))
        return self.held


class UnlinkedFile(Polling):
    """flock(2) on a file that is unlinked at the release."""

    file = None

    def attempt(self):
        while True:
            file = os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self.is_named(file):
                    self.file, file = file, None
                    return True
            except BlockingIOError:
                return False
            finally:
                if file is not None:
                    os.close(file)

    @staticmethod
    def is_named(file):
        """Whether the name still leads to this file, and not to none, or to the next one."""
        if planted("unlink-cached-stat"):
            try:
                return os.path.samestat(os.stat(PATH), os.fstat(file))
            except FileNotFoundError:
                return False
        # A listing comes from the server if the directory has changed. A stat may be answered from
        # what the client knew, and an open may find the old file by its handle.
        directory, name = os.path.split(PATH)
        inode = os.fstat(file).st_ino
        with os.scandir(directory) as entries:
            return any(entry.name == name and entry.inode() == inode for entry in entries)

    def give_up(self):
        if planted("unlink-unlocks-first"):
            fcntl.flock(self.file, fcntl.LOCK_UN)
        discard(PATH)
        os.close(self.file)
        self.file = None


LOCKS = {
    "link": SecondName,
    "mkdir": Directory,
    "excl": ExclusiveCreate,
    "fcntl": RecordLock,
    "unlink": UnlinkedFile,
}
lock = LOCKS[NAME.removeprefix("base-").partition("-")[0]]()
lock.library, lock.version = NAME, "1"
serve(lock)
