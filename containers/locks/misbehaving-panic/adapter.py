"""Misbehaves on purpose, to test the harness: ends its node's kernel on acquire."""

import ctypes

from lockstorm_adapter import OPTIONS, Adapter, serve

# reboot(2)
COMMANDS = {"restart": 0x01234567, "halt": 0xCDEF0123, "power_off": 0x4321FEDC}
MIB = 1 << 20


def panic():
    """Root can have the kernel panic where it would else kill a process: when memory is short."""
    with open("/proc/sys/vm/panic_on_oom", "w") as switch:
        switch.write("2")
    hoard = []
    while True:
        hoard.append(b"x" * MIB)


class Panic(Adapter):
    library, version = "misbehaving-panic", "1"

    def acquire(self, timeout):
        how = OPTIONS["how"]
        if how == "panic":
            panic()
        ctypes.CDLL(None).reboot(ctypes.c_int(COMMANDS[how]))


serve(Panic())
