"""Through devices: memory, disks, and the node image, which all nodes share."""

import fcntl
import glob
import mmap
import os
import stat

from attempt import SCRATCH, can_read, mount, wall

# Documentation/admin-guide/devices.txt: memory, kernel memory, ports, the kernel's messages.
MEMORY = {"mem": (1, 1), "kmem": (1, 2), "port": (1, 4), "oldmem": (1, 12)}
# RAM disks, loop, SCSI, User Mode Linux's ubd, and the host's own virtio disks.
BLOCK_MAJORS = [1, 7, 8, 98]
OURS = {"vda"}  # a client has no other disk

MS_REMOUNT = 32
BLKROSET, BLKDISCARD, BLKZEROOUT, BLKSECDISCARD = 0x125D, 0x1277, 0x127F, 0x127D
SG_IO = 0x2285
BLOCK = 4096


def host_memory(options):
    """What a kernel shows of memory is, in User Mode Linux, memory of a process of the host."""
    for path in ["/dev/mem", "/dev/kmem", "/dev/port", "/proc/kcore", "/proc/mm", "/dev/mmapper"]:
        if can_read(path):
            yield f"read {path}"
    for name, number in MEMORY.items():
        if can_read(_node(stat.S_IFCHR, *number)):
            yield f"read {name} through a device node"


def more_disks_than_ours(options):
    names = {os.path.basename(path) for path in glob.glob("/sys/class/block/*")}
    yield from (f"has the disk {name}" for name in sorted(names - OURS))
    for major in BLOCK_MAJORS:
        if can_read(_node(stat.S_IFBLK, major, 0)):
            yield f"read a block device {major}:0"


def node_image_through_files(options):
    with wall:
        mount("/dev/vda", "/", "erofs", MS_REMOUNT)
    for path in ["/escaped", "/usr/lib/lockstorm/escaped"]:
        with wall:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            yield f"created {path} in the node image"


def node_image_through_the_disk(options):
    """Declared writable, the disk still belongs to the harness, which must refuse."""
    with wall:
        disk = os.open("/dev/vda", os.O_RDONLY)
        for command, argument in [(BLKROSET, b"\0" * 8), (SG_IO, b"\0" * 88)]:
            with wall:
                fcntl.ioctl(disk, command, argument)
    for flags in [os.O_WRONLY | os.O_DIRECT, os.O_RDWR | os.O_SYNC]:
        with wall:
            disk = os.open("/dev/vda", flags)
            yield from _write(disk)


def _write(disk):
    garbage = mmap.mmap(-1, BLOCK)  # aligned, as O_DIRECT wants it
    garbage.write(b"escaped!" * (BLOCK // 8))
    size = os.lseek(disk, 0, os.SEEK_END)
    # Not the beginning: it is the guest's own root, which has more to try.
    last = size // BLOCK * BLOCK - BLOCK
    with wall:
        os.pwritev(disk, [garbage], last)
        os.fsync(disk)
        yield "wrote to the node image"
    extent = last.to_bytes(8, "little") + BLOCK.to_bytes(8, "little")
    for name, command in [("discard", BLKDISCARD), ("zero", BLKZEROOUT), ("shred", BLKSECDISCARD)]:
        with wall:
            fcntl.ioctl(disk, command, extent)
            yield f"could {name} a block of the node image"


def _node(kind, major, minor):
    os.makedirs(SCRATCH, exist_ok=True)
    path = f"{SCRATCH}/node"
    with wall:
        os.unlink(path)
    os.mknod(path, kind | 0o600, os.makedev(major, minor))
    return path
