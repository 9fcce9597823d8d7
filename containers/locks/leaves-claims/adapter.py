"""A known-bad lock: whoever is refused leaves the file behind by which it had asked."""

import os

from lockstorm_adapter import PATH, Polling, serve
from lockstorm_lockfile import OWN_NAME, create, discard


class LeavesClaims(Polling):
    library, version = "leaves-claims", "1"
    asked = 0

    def acquire(self, timeout):
        self.asked += 1
        self.claim = f"{OWN_NAME}.{self.asked}"
        create(self.claim)
        return super().acquire(timeout)

    def attempt(self):
        try:
            os.link(self.claim, PATH)
        except FileExistsError:
            if not os.path.samestat(os.lstat(PATH), os.lstat(self.claim)):
                return False
        discard(self.claim)
        return True

    def give_up(self):
        discard(PATH)


serve(LeavesClaims())
