"""A known-good lock with a lifetime: a row of generations, each a file that link(2) makes.

The newest generation says who has the lock, or that it is free. To take it, renew it or release
it is to make the next one, and of all who try link(2) lets one: no name is ever used twice, so
a call that comes late finds the next owner's in its place and nothing that it could harm.
The age of a generation is told by the server's clock alone, by a file that is made to ask for
it. Generations stay, a file each: who comes late must not find a place empty.
"""

import contextlib
import glob
import os
import time

from lockstorm_adapter import LIFETIME, PATH, Polling, serve
from lockstorm_lockfile import OWN_NAME, NotHeld, discard

SLOP = 10.0  # seconds by which the server's clock may be set ahead
HELD, FREE, PASSED = b"h", b"f", b"p"


def write(path, content):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)


def read(path):
    """Content and mtime as the server has them: an open asks for them."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 200), os.fstat(file).st_mtime
    finally:
        os.close(file)


class Generations(Polling):
    library, version = "good-lifetime", "1"
    not_held = (NotHeld,)
    serial = 0
    seen, expires = None, 0.0

    def __init__(self):
        # Only a hint: from any generation there is a way up to the newest.
        paths = glob.glob(glob.escape(self.name("")) + "*")
        self.newest = max((int(path.rpartition("-")[2]) for path in paths), default=0)

    @staticmethod
    def name(generation):
        return f"{PATH}.generation-{generation}"

    def make(self, state):
        """Make the next generation: whether it is ours."""
        self.serial += state == HELD
        content = state + f" {OWN_NAME} {self.serial}".encode()
        path = self.name(self.newest + 1)
        write(OWN_NAME, content)
        try:
            os.link(OWN_NAME, path)
        except FileExistsError:
            # Perhaps it was made all the same, and only the reply got lost.
            if read(path)[0] != content:
                self.newest += 1
                return False
        finally:
            discard(OWN_NAME)
        self.newest += 1
        return True

    def attempt(self):
        while self.newest == 0 or self.is_over():
            if self.make(HELD):
                return True
        return False

    def is_over(self):
        """Whether the newest generation that we know of is free, passed, or too old."""
        state = content, mtime = read(self.name(self.newest))
        if content[:1] != HELD:
            return True
        now = time.monotonic()
        if state == self.seen and now < self.expires:
            return False
        write(OWN_NAME, b"")
        left = mtime + LIFETIME + SLOP - read(OWN_NAME)[1]
        discard(OWN_NAME)
        self.seen, self.expires = state, now + left
        return left < 0

    def follow(self, state):
        """Make the generation after our own, and tell who waits for that one to look further."""
        if not self.held:
            raise NotHeld
        own = self.name(self.newest)
        if not self.make(state):
            self.held = False
            raise NotHeld
        with contextlib.suppress(OSError):
            write(own, PASSED)

    def refresh(self, lifetime):
        if lifetime != LIFETIME:
            return "unsupported"  # contenders go by their own
        self.follow(HELD)

    def release(self):
        self.follow(FREE)
        self.held = False

    def is_held(self):
        """The only sure way to know is to renew it."""
        with contextlib.suppress(NotHeld):
            self.follow(HELD)
        return self.held


serve(Generations())
