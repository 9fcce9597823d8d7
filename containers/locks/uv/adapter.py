"""uv's lock on a package in its cache, which is on the mount. While one uv builds a package from
its sources, another that needs it waits; so to build is to hold. What is built is `package`."""

import math
import os
import re
import subprocess
import tempfile

from lockstorm_adapter import PATH, Adapter, serve

HERE = os.path.dirname(os.path.abspath(__file__))
UV = os.path.join(HERE, "site/bin/uv")
HOME = tempfile.mkdtemp()  # what is installed where is the client's own
FOR_EVER = 10**9
COMMAND = (
    *(UV, "pip", "install", "--offline", "--no-config", "--no-index", "--no-deps"),
    *("--no-build-isolation", "--python", "/usr/bin/python3", "--target", HOME + "/target"),
    os.path.join(HERE, "package"),
)
WAITED = "when waiting for lock on"
ON_PURPOSE = "no wheel on purpose"


def version():
    return subprocess.run((UV, "--version"), capture_output=True, text=True).stdout.split()[1]


class Building(Adapter):
    library, version = "uv", version()
    program = end = None

    def acquire(self, timeout):
        builds, says = os.pipe()
        ends, end = os.pipe()
        own = {
            "HOME": HOME,
            "UV_CACHE_DIR": PATH,
            # in whole seconds
            "UV_LOCK_TIMEOUT": str(FOR_EVER if timeout is None else math.ceil(timeout)),
            "BUILDS": str(says),
            "ENDS": str(ends),
        }
        program = subprocess.Popen(
            COMMAND,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **own},
            pass_fds=(says, ends),
        )
        os.close(says)
        os.close(ends)
        is_building = os.read(builds, 16) == b"builds\n"
        os.close(builds)
        if is_building:
            self.program, self.end = program, end
            return True
        os.close(end)
        said = program.communicate()[1]
        if WAITED in said:
            return False
        raise trouble(said)

    def release(self):
        if self.program is None:
            return "not_held"  # no uv runs
        program, self.program = self.program, None
        os.close(self.end)
        said = program.communicate()[1]
        if ON_PURPOSE not in said:
            raise trouble(said)

    def is_held(self):
        return self.program is not None and self.program.poll() is None


def trouble(said):
    said = " ".join(re.sub("[×├╰─▶│]", " ", said).split())
    number = re.search(r"\(os error (\d+)\)", said)
    return OSError(int(number[1]), said) if number else RuntimeError(said)


serve(Building())
