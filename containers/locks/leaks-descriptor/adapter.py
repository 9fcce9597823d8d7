"""A known-bad lock: each round opens the lock's file and does not close it."""

import os

from lockstorm_adapter import PATH, serve
from lockstorm_control import Decent


class LeaksDescriptor(Decent):
    library, version = "leaks-descriptor", "1"

    def give_up(self):
        os.open(PATH, os.O_RDONLY | os.O_CLOEXEC)  # forgotten
        super().give_up()


serve(LeaksDescriptor())
