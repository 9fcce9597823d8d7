"""A known-bad lock: it says from memory that it is held, and never looks."""

from lockstorm_adapter import PATH, serve
from lockstorm_lockfile import Aging, create


class RemembersHeld(Aging):
    library, version = "remembers-held", "1"

    def create(self):
        create(PATH)

    def is_held(self):
        return self.stamp is not None


serve(RemembersHeld())
