"""Misbehaves on purpose, to test the harness: dies on acquire."""

import os

from lockstorm_adapter import Adapter, serve


class Exit(Adapter):
    library, version = "misbehaving-exit", "1"

    def acquire(self, timeout):
        os._exit(3)


serve(Exit())
