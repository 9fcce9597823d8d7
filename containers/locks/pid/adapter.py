"""pid.PidFile, as a program uses it that must run once: create() tries, close() ends it."""

import os
from importlib.metadata import version

from lockstorm_adapter import PATH, Polling, serve
from pid import PidFile, PidFileAlreadyLockedError, PidFileAlreadyRunningError


class OneProgram(Polling):
    library, version = "pid", version("pid")

    def __init__(self):
        directory, name = os.path.split(PATH)
        self.file = PidFile(name, directory, register_term_signal_handler=False)

    def attempt(self):
        try:
            self.file.create()
            return True
        except (PidFileAlreadyLockedError, PidFileAlreadyRunningError):
            return False

    def give_up(self):
        self.file.close()


serve(OneProgram())
