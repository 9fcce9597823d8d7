"""A known-bad lock: whoever finds it taken breaks it, however young it is."""

from lockstorm_adapter import PATH, serve
from lockstorm_control import DecentAging
from lockstorm_lockfile import NotHeld


class BreaksAnyAge(DecentAging):
    library, version = "breaks-any-age", "1"

    def break_expired(self):
        try:
            self.end(self.look(PATH), self.remove)
        except NotHeld:
            pass


serve(BreaksAnyAge())
