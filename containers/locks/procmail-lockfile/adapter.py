"""lockfile(1) of procmail, and `rm -f`, as its manual has it."""

import subprocess

from lockstorm_adapter import LIFETIME, OPTIONS, PATH, Adapter, serve

GAVE_UP = 73  # EX_CANTCREAT: "Sorry, giving up on ..."
SLEEP_SECONDS = OPTIONS["poll"]  # whole seconds


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


class ProcmailLockfile(Adapter):
    library = "procmail-lockfile"
    version = run("lockfile", "-v").stderr.split()[1].lstrip("v")  # "lockfile v3.23pre ..."
    held = False

    def acquire(self, timeout):
        retries = -1 if timeout is None else -int(-timeout // SLEEP_SECONDS)
        limit = () if LIFETIME is None else ("-l", str(round(LIFETIME)))
        suspend = ("-s", str(OPTIONS["suspend"]))
        done = run("lockfile", f"-{SLEEP_SECONDS}", f"-r{retries}", *limit, *suspend, PATH)
        if done.returncode == GAVE_UP:
            return False
        check(done)
        self.held = True

    def release(self):
        check(run("rm", "-f", PATH))  # whoever has it: the manual knows no other release
        self.held = False

    def is_held(self):
        return self.held  # what it answered last: it cannot be asked


def check(done):
    if done.returncode:
        raise RuntimeError(f"{done.args[0]} ended with status {done.returncode}: {done.stderr}")


serve(ProcmailLockfile())
