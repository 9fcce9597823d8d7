"""Drives @NAME@, a lock that is made of commands, for lockstorm. Put yours where it says YOURS.

The commands run inside a node. What they need is brought by `--with DIR`, which
becomes `with/` beside this file, or is in the node image already.
"""

import subprocess

from lockstorm_adapter import PATH, Polling, serve

# YOURS. {path} is the lock's path. Status 0 of the first: taken; 1: somebody else has it.
ACQUIRE = ["mkdir", "{path}"]
RELEASE = ["rmdir", "{path}"]
REFUSED = 1


def run(command):
    words = [word.format(path=PATH) for word in command]
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode


class Commands(Polling):
    library, version = "@NAME@", "0.1"  # YOURS: the version that the program itself says it has

    def attempt(self):
        status = run(ACQUIRE)
        if status not in (0, REFUSED):
            raise RuntimeError(f"{ACQUIRE[0]} ended with status {status}")
        return status == 0

    def give_up(self):
        status = run(RELEASE)
        if status:
            raise RuntimeError(f"{RELEASE[0]} ended with status {status}")


serve(Commands())
