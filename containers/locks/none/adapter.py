"""A known-bad lock: it always says yes."""

from lockstorm_adapter import Adapter, serve


class NoLock(Adapter):
    library, version = "none", "1"
    held = False

    def acquire(self, timeout):
        self.held = True

    def release(self):
        if not self.held:
            return "not_held"
        self.held = False

    def is_held(self):
        return self.held


serve(NoLock())
