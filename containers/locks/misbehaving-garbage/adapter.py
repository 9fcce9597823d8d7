"""Misbehaves on purpose, to test the harness: answers acquire with what is not JSON."""

import os

from lockstorm_adapter import Adapter, serve


class Garbage(Adapter):
    library, version = "misbehaving-garbage", "1"

    def acquire(self, timeout):
        os.write(1, b"\xff\x00 { not JSON ]\n")


serve(Garbage())
