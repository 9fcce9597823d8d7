"""dotlockfile(1): creates, touches and removes the lock file that is named."""

import subprocess

from lockstorm_adapter import LIFETIME, OPTIONS, PATH, Adapter, package_version, serve

FIVE_MINUTES = 300  # "A lockfile is treated as valid if it [...] has been touched less than 5 minutes ago"
LOCKED, MAX_TRIES = 0, 4  # lockfile_create(3)
INTERVAL = OPTIONS["poll"]  # whole seconds


def dotlockfile(*arguments):
    return subprocess.run(("dotlockfile", *arguments), stdin=subprocess.DEVNULL).returncode


class Dotlockfile(Adapter):
    library, version = "dotlockfile", package_version("liblockfile-bin")
    held = False

    def acquire(self, timeout):
        retries = -1 if timeout is None else -int(-timeout // INTERVAL)
        status = dotlockfile("-l", "-r", str(retries), "-i", str(INTERVAL), PATH)
        if status == MAX_TRIES:
            return False
        check("-l", status)
        self.held = True

    def release(self):
        check("-u", dotlockfile("-u", PATH))  # whoever has it: "-u" asks for no owner
        self.held = False

    def refresh(self, lifetime):
        check_lifetime(lifetime)
        check("-t", dotlockfile("-t", PATH))

    def is_held(self):
        return self.held  # what it answered last: it cannot be asked


def check(option, status):
    if status:
        raise RuntimeError(f"dotlockfile {option} ended with status {status}")


def check_lifetime(lifetime):
    if lifetime not in (None, FIVE_MINUTES):
        raise ValueError(f"its lifetime is {FIVE_MINUTES} s, not {lifetime}")


check_lifetime(LIFETIME)
serve(Dotlockfile())
