"""git's lock on a reference: a transaction of `git update-ref --stdin` that is prepared holds it,
and `abort` frees it. The bare repository is made by whoever comes first."""

import os
import socket
import subprocess

from lockstorm_adapter import PATH, Adapter, serve

REF = "refs/heads/lockstorm"
TAKEN = "File exists"
ENVIRONMENT = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}


def git(*arguments):
    command = ("git", "-c", "safe.directory=*", *arguments)
    return start(command)


def start(command):
    kinds = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=ENVIRONMENT, text=True, **kinds)


def make_repository():
    """`git init` is many steps, so it works on a name of its own: the rename is one step, which
    fails once somebody's repository is there, since that is not empty."""
    mine = f"{PATH}.{socket.gethostname()}.{os.getpid()}"
    git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", mine).communicate()
    start(("mv", "--no-target-directory", mine, PATH)).communicate()
    start(("rm", "-rf", mine)).communicate()
    found = git("--git-dir", PATH, "rev-parse", "--git-dir")
    _, said = found.communicate()
    if found.returncode:
        raise RuntimeError(f"no repository: {said}")


class GitReference(Adapter):
    library = "git"
    version = git("--version").communicate()[0].split()[-1]  # "git version 2.39.5"
    transaction = None

    def acquire(self, timeout):
        limit = -1 if timeout is None else round(timeout * 1000)
        transaction = git(
            f"--git-dir={PATH}", "-c", f"core.filesRefLockTimeout={limit}", "update-ref", "--stdin"
        )
        # `verify` of a reference that does not exist: it is locked, and nothing is written.
        transaction.stdin.write(f"start\nverify {REF}\nprepare\n")
        transaction.stdin.flush()
        if [transaction.stdout.readline() for _ in "12"] == ["start: ok\n", "prepare: ok\n"]:
            self.transaction = transaction
            return True
        _, said = transaction.communicate()
        if TAKEN in said:
            return False
        raise RuntimeError(said)

    def release(self):
        if self.transaction is None:
            return "not_held"  # no transaction that could be aborted
        transaction, self.transaction = self.transaction, None
        _, said = transaction.communicate("abort\n")
        if transaction.returncode:
            raise RuntimeError(said)

    def is_held(self):
        return self.transaction is not None and self.transaction.poll() is None


make_repository()
serve(GitReference())
