"""Misbehaves on purpose, to test the harness: answers acquire with output without end."""

import os

from lockstorm_adapter import OPTIONS, Adapter, serve

CHUNKS = {"lines": b'{"flood": true}\n' * 256, "one_line": b"x" * 4096}


class Flood(Adapter):
    library, version = "misbehaving-flood", "1"

    def acquire(self, timeout):
        while True:
            os.write(OPTIONS["descriptor"], CHUNKS[OPTIONS["of"]])


serve(Flood())
