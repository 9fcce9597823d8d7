"""A lock file on a shared directory, which others may break when its owner has gone."""

import os
import time

__version__ = "1.0"
SLOP = 10.0  # seconds by which clocks may differ


class NotHeld(Exception):
    """The lock is somebody else's by now, or nobody's."""


class LeaseLock:
    def __init__(self, path, lifetime):
        self.path, self.lifetime = path, lifetime
        self.own = f"{path}.{os.uname().nodename}.{os.getpid()}"
        self.mark = self.suspect = None

    def try_acquire(self):
        """Try once: whether the lock was taken."""
        os.close(os.open(self.own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            os.link(self.own, self.path)
        except FileExistsError:
            # Perhaps it was made all the same, and only the reply got lost.
            if _mark(self.own) != _mark(self.path):
                self._break_expired()
                return False
        finally:
            os.unlink(self.own)
        self.mark = _mark(self.path)
        return True

    def release(self):
        os.unlink(self.path)

    def _break_expired(self):
        mark, before = _mark(self.path), self.suspect
        expired = mark and time.time() > mark[1] / 1e9 + self.lifetime + SLOP
        self.suspect = mark if expired else None
        if expired and mark == before:
            self._remove(mark)

    def _remove(self, mark):
        """Remove the lock file with this mark and no other: whether it was there."""
        away = self.own + ".away"
        try:
            os.rename(self.path, away)
        except FileNotFoundError:
            return False
        mine = _mark(away) == mark
        if not mine:
            try:
                os.link(away, self.path)
            except FileExistsError:
                pass
        os.unlink(away)
        return mine


def _mark(path):
    """What tells a lock file from the next one of the same name."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
