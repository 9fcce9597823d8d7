"""Misbehaves on purpose, to test the harness: never answers acquire."""

import time

from lockstorm_adapter import Adapter, serve


class Hang(Adapter):
    library, version = "misbehaving-hang", "1"

    def acquire(self, timeout):
        while True:
            time.sleep(3600)


serve(Hang())
