"""A known-bad lock: whoever finds it taken breaks it, however young it is."""

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging, NotHeld, create


class BreaksAnyAge(Aging):
    library, version = "breaks-any-age", "1"

    def create(self):
        create(PATH)

    def break_expired(self):
        try:
            self.take_away(self.look(PATH))
        except NotHeld:
            pass


serve(BreaksAnyAge())
