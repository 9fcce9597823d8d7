"""A known-bad lock: it says from memory that it is held, and never looks."""

from lockstorm_adapter import serve
from lockstorm_control import DecentAging


class RemembersHeld(DecentAging):
    library, version = "remembers-held", "1"

    def is_held(self):
        return self.stamp is not None


serve(RemembersHeld())
