"""flock(1) around a command, as shell scripts use it. The command says that it runs, and ends
when its input does."""

import subprocess

from lockstorm_adapter import PATH, Adapter, serve

CONFLICT = 75  # the exit status that we ask for; any other than 0 is an error
COMMAND = ("sh", "-c", "echo locked; read -r _ || :")


def version():
    said = subprocess.run(("flock", "--version"), stdin=subprocess.DEVNULL, capture_output=True)
    return said.stdout.decode().split()[-1]  # "flock from util-linux 2.38.1"


class Flock(Adapter):
    library, version = "util-linux-flock", version()
    program = None

    def acquire(self, timeout):
        wait = [] if timeout is None else ["--wait", str(timeout)] if timeout else ["--nonblock"]
        program = subprocess.Popen(
            # --close: the command does not inherit the lock, so it is flock(1) that holds it
            ("flock", "--close", "--conflict-exit-code", str(CONFLICT), *wait, PATH, *COMMAND),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if program.stdout.readline() == b"locked\n":
            self.program = program
            return True
        status = program.wait()
        if status == CONFLICT:
            return False
        raise RuntimeError(f"flock ended with status {status}")

    def release(self):
        if self.program is None:
            return "not_held"  # no flock(1) runs
        program, self.program = self.program, None
        program.communicate()
        if program.returncode:
            raise RuntimeError(f"flock ended with status {program.returncode}")

    def is_held(self):
        return self.program is not None and self.program.poll() is None


serve(Flock())
