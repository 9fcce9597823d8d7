"""Tries the walls of the guest: on acquire, as root, every way to the host that we know.

Each attempt is a generator that yields what worked. An OSError is a wall that held; any other
exception is a mistake in here and goes out as one, so that no attempt is skipped unnoticed.
"""

import os

import devices
import kernel
import network
from lockstorm_adapter import OPTIONS, Adapter, serve

ATTEMPTS = [
    kernel.host_file_systems,
    kernel.host_paths,
    kernel.way_out_of_the_root,
    kernel.code_in_the_kernel,
    kernel.system_calls_of_another_kind,
    devices.host_memory,
    devices.more_disks_than_ours,
    devices.node_image_through_files,
    devices.node_image_through_the_disk,
    network.addresses,
    network.sockets_of_the_host,
    network.frames_that_are_none,
]


class Escaped(Exception):
    """What worked, and must not."""


class Escape(Adapter):
    library, version = "misbehaving-escape", "1"

    def acquire(self, timeout):
        if os.geteuid() != 0:
            raise RuntimeError("this proves little: it does not run as root")
        worked = [what for attempt in ATTEMPTS for what in attempt(OPTIONS)]
        if worked:
            raise Escaped("; ".join(worked))


serve(Escape())
