"""A SQLite database as a lock, by lock directories in place of fcntl: an exclusive transaction."""

import sqlite3

from lockstorm_adapter import PATH, Adapter, serve

URI = f"file:{PATH}?vfs=unix-dotfile"
FOR_EVER_MS = 2**31 - 1  # 24 days


class ExclusiveTransaction(Adapter):
    library, version = "sqlite-dotfile", sqlite3.sqlite_version
    connection = None

    def acquire(self, timeout):
        if self.connection is None:
            self.connection = sqlite3.connect(URI, uri=True, isolation_level=None)
        patience = FOR_EVER_MS if timeout is None else round(timeout * 1000)
        self.connection.execute(f"PRAGMA busy_timeout = {patience}")
        try:
            self.connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False

    def release(self):
        if not self.is_held():
            return "not_held"
        self.connection.execute("ROLLBACK")

    def is_held(self):
        return self.connection is not None and self.connection.in_transaction


serve(ExclusiveTransaction())
