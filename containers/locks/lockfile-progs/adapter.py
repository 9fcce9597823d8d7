"""lockfile-create, lockfile-touch and lockfile-remove (lockfile-progs), on a lock file that is
named. Its own retries wait for 5, 10, 15 ... seconds, so scripts that must not wait long try
once and again; so does this."""

import subprocess

from lockstorm_adapter import LIFETIME, PATH, Polling, package_version, serve

FIVE_MINUTES = 300  # "the lock must be touched at least once every five minutes"
MAX_TRIES = 4  # lockfile_create(3)


def run(program, *arguments):
    command = ("lockfile-" + program, *arguments, "--lock-name", PATH)
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


class LockfileProgs(Polling):
    library, version = "lockfile-progs", package_version("lockfile-progs")

    def attempt(self):
        status = run("create", "--quiet", "--retry", "0")
        return status != MAX_TRIES and check("create", status)

    def release(self):
        self.held = False
        check("remove", run("remove"))  # whoever has it: it asks for no owner

    def refresh(self, lifetime):
        check_lifetime(lifetime)
        check("touch", run("touch", "--oneshot"))


def check(program, status):
    if status:
        raise RuntimeError(f"lockfile-{program} ended with status {status}")
    return True


def check_lifetime(lifetime):
    if lifetime not in (None, FIVE_MINUTES):
        raise ValueError(f"its lifetime is {FIVE_MINUTES} s, not {lifetime}")


check_lifetime(LIFETIME)
serve(LockfileProgs())
