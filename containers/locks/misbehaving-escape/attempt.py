"""What the attempts share: system calls by number, and walls that hold."""

import contextlib
import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
SCRATCH = "/tmp/escape"

# A wall that held.
wall = contextlib.suppress(OSError)


def check(result):
    """A failed call of the C library as the OSError that it is."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def mount(source, target, kind, flags=0, data=None):
    encoded = [None if text is None else text.encode() for text in (source, target, kind, data)]
    check(LIBC.mount(*encoded[:3], ctypes.c_ulong(flags), encoded[3]))


def can_read(path):
    """Whether there is a byte in it, or a name."""
    with wall:
        if os.path.isdir(path):
            return bool(os.listdir(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return bool(os.read(descriptor, 1))
        finally:
            os.close(descriptor)
    return False
