"""The adapter protocol, for locks that are driven from Python (see ../../README.md).

An adapter subclasses Adapter, overrides what its lock can do and calls serve(). A lock that
can only be tried, and is asked nothing else, subclasses Polling.
It imports little, because every node of every run pays for it.
"""

import errno
import json
import os
import time

PATH = os.environ.get("LOCKSTORM_PATH", "")
LIFETIME = float(os.environ["LOCKSTORM_LIFETIME"]) if "LOCKSTORM_LIFETIME" in os.environ else None
OPTIONS = json.loads(os.environ.get("LOCKSTORM_OPTIONS", "{}"))
LINE_BYTES_MAX = 1 << 16


class Adapter:
    """One lock, one holder. A method returns "ok" (or None), "not_held" or "unsupported"."""

    library = version = "unknown"
    refused = ()  # the library's own exceptions that say "somebody else holds it"
    not_held = ()  # the library's own exceptions that say "you do not hold it"

    def acquire(self, timeout):
        """Take the lock, or return False. timeout: None is for ever, 0 does not wait."""
        return "unsupported"

    def release(self):
        return "unsupported"

    def refresh(self, lifetime):
        return "unsupported"

    def is_held(self):
        """What the library says, as a bool. Never a look at the file system of our own."""
        return "unsupported"


class Polling(Adapter):
    """A lock that can only be tried: attempt() is repeated until the time is up."""

    poll = OPTIONS.get("poll", 0.1)
    held = False

    def attempt(self):
        """Try once: whether the lock was taken."""
        raise NotImplementedError

    def give_up(self):
        """Let go of the lock, which is held."""
        raise NotImplementedError

    def acquire(self, timeout):
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.attempt():
            left = self.poll if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(self.poll, left))
        self.held = True

    def release(self):
        if not self.held:
            return "not_held"
        self.give_up()
        self.held = False

    def is_held(self):
        return self.held


def package_version(name):
    """The version of a Debian package of this node, for programs that cannot be asked."""
    with open("/usr/lib/lockstorm/packages.txt") as packages:
        return dict(line.split() for line in packages)[name]


def serve(adapter):
    """Say that the adapter is ready, then answer requests until quit or end of input."""
    _say({"ready": {"library": adapter.library, "version": adapter.version}})
    for line in _lines():
        number = None
        try:
            request = json.loads(line)
            number = request["id"]
            operation = request["op"]
            if operation == "quit":
                _say({"id": number, "answer": "ok"})
                return
            _say({"id": number, **_answer(adapter, operation, request)})
        except Exception as error:  # garbage is answered, not died of
            _say({"id": number, **_error(error)})


def _answer(adapter, operation, request):
    try:
        if operation == "acquire":
            answer = adapter.acquire(request["timeout"])
            if answer is False:
                return _refused(request)
            answer = "ok" if answer is True else answer
        elif operation == "release":
            answer = adapter.release()
        elif operation == "refresh":
            answer = adapter.refresh(request["lifetime"])
        elif operation == "is_held":
            answer = adapter.is_held()
            if isinstance(answer, bool):
                return {"answer": "ok", "held": answer}
        else:
            raise ValueError("unknown op " + repr(operation))
    except adapter.refused:
        return _refused(request)
    except adapter.not_held:
        return {"answer": "not_held"}
    return {"answer": answer or "ok"}


def _refused(request):
    return {"answer": "timeout" if request["timeout"] else "busy"}


def _error(error):
    """An exception leaves open what happened: never "not held", always "error"."""
    answer = {"answer": "error", "class": type(error).__name__, "message": str(error)}
    name = errno.errorcode.get(getattr(error, "errno", None))
    return {**answer, "errno": name} if name else answer


def _lines():
    rest = b""
    while chunk := os.read(0, LINE_BYTES_MAX):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if len(rest) > LINE_BYTES_MAX:
            yield rest
            rest = b""


def _say(message):
    line = json.dumps(message).encode() + b"\n"
    while line:
        line = line[os.write(1, line):]
