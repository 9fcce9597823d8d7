"""Misbehaves on purpose, to test the harness: spins on acquire without a system call."""

from lockstorm_adapter import Adapter, serve


class Spin(Adapter):
    library, version = "misbehaving-spin", "1"

    def acquire(self, timeout):
        while True:
            pass


serve(Spin())
