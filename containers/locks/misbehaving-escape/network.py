"""Through the network: addresses beyond the site, sockets of the host, frames that are none."""

import socket
import subprocess

from attempt import wall

PATIENCE_SECONDS = 2
ETH_P_ALL = 3
SOCKETS = ["/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/private"]


def addresses(options):
    """Straight, then with routes that send everything out of the node."""
    yield from _connect_all(options)
    # No `via`: then every address is asked for on the wire itself.
    subprocess.run(["ip", "route", "add", "default", "dev", "eth0"], check=True)
    yield from _connect_all(options)
    subprocess.run(["ip", "route", "del", "default"], check=True)


def _connect_all(options):
    for address in options["addresses"]:
        with wall, socket.create_connection((address, options["port"]), PATIENCE_SECONDS):
            yield f"connected to {address}:{options['port']}"
        with wall, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.settimeout(PATIENCE_SECONDS)
            datagram.sendto(b"?", (address, options["port"]))
            datagram.recv(1)
            yield f"got an answer from {address}:{options['port']} by UDP"


def sockets_of_the_host(options):
    for path in [options["socket"], "\0" + options["socket"], *SOCKETS]:
        with wall, socket.socket(socket.AF_UNIX) as local:
            local.connect(path)
            yield f"connected to {path!r}"
    with wall, socket.socket(socket.AF_VSOCK) as host:
        host.connect((socket.VMADDR_CID_HOST, options["port"]))
        yield "connected to the host by vsock"


def frames_that_are_none(options):
    """Nothing can come of these but harm to the harness, which reads every frame."""
    with wall, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL) as wire:
        wire.bind(("eth0", 0))
        for frame in [b"", b"\xff", b"\xff" * 13, b"\xff" * 14, b"\0" * 60, b"\xff" * 1514]:
            with wall:
                wire.send(frame)
    yield from ()
