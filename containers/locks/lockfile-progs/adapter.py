"""lockfile-create, lockfile-touch and lockfile-remove (lockfile-progs), on a lock file that is
named. Its own retries wait for 5, 10, 15 ... seconds, so scripts that must not wait long try
once and again; so does this."""

import subprocess
import time

from lockstorm_adapter import LIFETIME, OPTIONS, PATH, Adapter, package_version, serve

FIVE_MINUTES = 300  # "the lock must be touched at least once every five minutes"
MAX_TRIES = 4  # lockfile_create(3)
POLL_SECONDS = OPTIONS["poll"]


def run(program, *arguments):
    command = ("lockfile-" + program, *arguments, "--lock-name", PATH)
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


class LockfileProgs(Adapter):
    library, version = "lockfile-progs", package_version("lockfile-progs")
    held = False

    def acquire(self, timeout):
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := run("create", "--quiet", "--retry", "0")) == MAX_TRIES:
            if deadline is not None and time.monotonic() >= deadline:
                return "timeout" if timeout else "busy"
            time.sleep(POLL_SECONDS)
        check("create", status)
        self.held = True

    def release(self):
        check("remove", run("remove"))  # whoever has it: it asks for no owner
        self.held = False

    def refresh(self, lifetime):
        check_lifetime(lifetime)
        check("touch", run("touch", "--oneshot"))

    def is_held(self):
        return self.held  # what it answered last: it cannot be asked for an owner


def check(program, status):
    if status:
        raise RuntimeError(f"lockfile-{program} ended with status {status}")


def check_lifetime(lifetime):
    if lifetime not in (None, FIVE_MINUTES):
        raise ValueError(f"its lifetime is {FIVE_MINUTES} s, not {lifetime}")


check_lifetime(LIFETIME)
serve(LockfileProgs())
