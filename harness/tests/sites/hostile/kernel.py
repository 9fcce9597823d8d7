#!/usr/bin/python3
"""A kernel that is none: it connects as User Mode Linux does, and then misbehaves.

`how=` on its command line says in which way. It writes the file that `told=` names when it has.
"""

import array
import os
import socket
import struct
import sys
import time

ACK, START, REQUEST, WAIT, GET = range(5)
SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR, GET_FEATURES, SET_VRING_ENABLE = 5, 8, 9, 1, 18
NEVER = 2**64 - 1
MEMORY = 1 << 20
DESCRIPTORS, AVAILABLE, USED, BUFFER = 0x1000, 0x2000, 0x3000, 0x4000

words = [word.split("=", 1) for word in sys.argv[1:] if "=" in word]
how = dict(words)["how"]
sockets = [value.split(":")[0] for key, value in words if key == "virtio_uml.device"]


def connect(path):
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.connect(path)
    return end


def time_message(op):
    return struct.pack("=IIQ", op, 1, NEVER)


def driver_message(code, payload):
    return struct.pack("=III", code, 1, len(payload)) + payload


def stall():
    open(dict(words)["told"], "w").close()
    time.sleep(600)
    sys.exit(1)


def start():
    """Connects to the clock, which then runs this kernel's first slice."""
    path = dict(words)["time-travel"].removeprefix("ext:1:")
    clock = connect(path)
    if how == "never starts":
        stall()
    if how == "half a START":
        clock.sendall(time_message(START)[:7])
        stall()
    if how == "begins with WAIT":
        clock.sendall(time_message(WAIT))
        stall()
    clock.sendall(time_message(START))
    room = array.array("i", [0, 0])
    _, ancillary, _, _ = clock.recvmsg(16, socket.CMSG_SPACE(2 * room.itemsize))
    room.frombytes(ancillary[0][2])
    return clock, room[2]


def wait_until(clock, segment, moment):
    """Requests to run then (ns, struct um_timetravel_schedshm), and waits until it may."""
    os.pwrite(segment, struct.pack("=IIQ", 0, 1, moment), 4096 + 128)
    clock.sendall(time_message(WAIT))
    clock.recv(16)


def misbehave_with_the_clock(clock):
    if how.endswith("half a WAIT"):
        clock.sendall(time_message(WAIT)[:15])
        stall()
    if how == "asks without end":
        while True:
            clock.sendall(time_message(GET))
            clock.recv(16)
    if how == "reads no answers":
        while True:
            clock.sendall(time_message(GET))
    if how == "a byte now and then":
        while True:
            clock.sendall(b"\2")
            time.sleep(0.02)
    if how == "leaves":
        clock.close()
        stall()


def misbehave_with_a_device(device, clock):
    if how == "half a header":
        device.sendall(driver_message(GET_FEATURES, b"")[:11])
        stall()
    if how == "half a payload":
        device.sendall(driver_message(SET_VRING_NUM, bytes(8))[:-1])
        stall()
    if how.endswith("nonsense"):
        device.sendall(struct.pack("=III", GET_FEATURES, 1, 1 << 20))
        stall()
    if how == "memory cut short":
        memory = give_memory(device)
        start_ring(device, 0)
        os.truncate(memory, 0)
        clock.sendall(time_message(WAIT))
        stall()


def give_memory(device):
    memory = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR)
    os.truncate(memory, MEMORY)
    table = struct.pack("=IIQQQQ", 1, 0, 0, MEMORY, 0, 0)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [memory]))]
    device.sendmsg([driver_message(SET_MEM_TABLE, table)], rights)
    return memory


def start_ring(device, ring):
    device.sendall(driver_message(SET_VRING_NUM, struct.pack("=II", ring, 16)))
    places = struct.pack("=IIQQQQ", ring, 0, DESCRIPTORS, USED, AVAILABLE, 0)
    device.sendall(driver_message(SET_VRING_ADDR, places))
    device.sendall(driver_message(SET_VRING_ENABLE, struct.pack("=II", ring, 1)))
    # An answer comes when all this has been served.
    device.sendall(driver_message(GET_FEATURES, b""))
    device.recv(20)


def say(control, clock, text):
    """Says it over the port of the console (ring 1), and ends the slice."""
    memory = give_memory(control)
    start_ring(control, 1)
    os.pwrite(memory, text, BUFFER)
    os.pwrite(memory, struct.pack("=QIHH", BUFFER, len(text), 0, 0), DESCRIPTORS)
    os.pwrite(memory, struct.pack("=HHH", 0, 1, 0), AVAILABLE)
    clock.sendall(time_message(WAIT))
    stall()


def main():
    if "time-travel" not in dict(words):
        misbehave_with_a_device(connect(sockets[0]), None)
    clock, segment = start()
    if how.startswith("later"):
        wait_until(clock, segment, 1000)
    if how == "sleeps past the end of time":
        wait_until(clock, segment, NEVER - 1)
    if how == "says hello twice":
        say(connect(sockets[2]), clock, b'"hello"\n"hello"\n')
    misbehave_with_the_clock(clock)
    misbehave_with_a_device(connect(sockets[0]), clock)


main()
