"""A SQLite file that several threads and processes use at a time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.state import usable

__all__ = ["Database"]

PATIENCE = 5.0
"""Seconds that another process is given to finish writing."""


class Database:
    """The database at *path*, which is made where there is none. Whatever fails leaves what was there before.

    Args:
        path: where it is.
        ours: the number in its header by which it is known as ours.
        version: the version of *schema*.
        schema: the statements that make a new one.

    Raises:
        StateError: it can't be read or written, or isn't ours. So does every method.
    """

    def __init__(self, path: Path, *, ours: int, version: int, schema: Sequence[str]) -> None:
        self._path = path
        self._ours = ours
        self._version = version
        self._schema = (*schema, f"PRAGMA application_id = {ours}", f"PRAGMA user_version = {version}")
        with usable(path.parent):
            # Made here, so that it never is open to others. One that is there must not be opened, since closing it
            # would take away the locks that this process has on it; touching it doesn't.
            path.touch(mode=0o600)
            path.chmod(0o600)
        # Two connections, so that reading doesn't wait for a thread that waits to write.
        self._writing, self._reading = threading.RLock(), threading.Lock()
        with self._in_one_line():
            self._writer = self._connect()
            try:
                self._begin()
                self._reader = self._connect()
            except BaseException:
                self._writer.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._in_one_line(), self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    def read(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        """The rows that *statement* finds."""
        with self._in_one_line(), self._reading:
            return self._reader.execute(statement, given).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all that is done within it, or nothing; a part of the one that is under way, if one is."""
        with self._in_one_line(), self._writing:
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)

    def _begin(self) -> None:
        is_new = self._is_new()
        self._write_ahead()
        self._writer.execute("PRAGMA synchronous = NORMAL")
        self._writer.execute("PRAGMA secure_delete = ON")  # a Secret that is deleted is to be gone
        if is_new:
            with self.change() as db:
                if self._is_new():  # no other process has made it since
                    for statement in self._schema:
                        db.execute(statement)

    def _write_ahead(self) -> None:
        """Have changes written to a log beside the database, so that reading doesn't wait for them."""
        # For this switch alone SQLite doesn't wait for another process, as it does everywhere else.
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._writer.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return

    def _is_new(self) -> bool:
        """Whether there is nothing in it yet.

        Raises:
            StateError: there is something that isn't ours to write.
        """
        version, whose, tables = self._writer.execute(
            "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)"
            " FROM pragma_user_version, pragma_application_id"
        ).fetchone()
        if not (version or whose or tables):
            return True
        if whose != self._ours:
            why = f"{self._path.name} is another program's database; move it away"
        elif version > self._version:
            why = "was written by a newer version of this package; update it"
        else:
            return False
        raise StateError(f"state directory {self._path.parent}: {why}, or give another --state-dir")

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        """Say in one line what SQLite says, or Python about a value that SQLite can't take."""
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
            raise StateError(f"state directory {self._path.parent}: {self._path.name}: {error}") from error
