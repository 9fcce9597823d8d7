"""Misbehaves on purpose, to test the harness: answers acquire with lines without end."""

import os

from lockstorm_adapter import Adapter, serve


class Flood(Adapter):
    library, version = "misbehaving-flood", "1"

    def acquire(self, timeout):
        while True:
            os.write(1, b'{"flood": true}\n' * 256)


serve(Flood())
