"""A known-bad lock: whatever goes wrong when it is taken, it says that another has it."""

from lockstorm_adapter import serve
from lockstorm_control import Decent


class BusyOnError(Decent):
    library, version = "busy-on-error", "1"

    def attempt(self):
        try:
            return super().attempt()
        except OSError:
            return False


serve(BusyOnError())
