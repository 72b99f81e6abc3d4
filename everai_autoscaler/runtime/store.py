"""What outlives the runtime: a SQLite database in the state directory."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen
from pydantic import JsonValue

from everai_autoscaler.errors import PlaceholderError, StateError

__all__ = ["Decision", "Held", "Kind", "Store", "TickRow"]

Kind = Literal["ConfigMap", "Secret"]

VERSION = 1
HISTORIES = 20
KEEP_DECISIONS, KEEP_SAMPLES, KEEP_WORKERS = 10_000, 7 * 86_400.0, 1_000

_SCHEMA = """
CREATE TABLE held (kind TEXT, name TEXT, data TEXT, created_at REAL, updated_at REAL, PRIMARY KEY (kind, name));
CREATE TABLE app (name TEXT PRIMARY KEY, info TEXT, seen_at REAL, memory TEXT, operator TEXT, queue TEXT);
CREATE TABLE worker (id TEXT PRIMARY KEY, app TEXT, created_at REAL, deleted_at REAL, view TEXT);
CREATE TABLE decision (id INTEGER PRIMARY KEY AUTOINCREMENT, app TEXT, at REAL, took REAL, lag REAL, failure TEXT,
    operator TEXT, applied TEXT, record TEXT);
CREATE TABLE sample (app TEXT, at REAL, view TEXT);
CREATE INDEX worker_of ON worker (app, deleted_at);
CREATE INDEX decision_of ON decision (app, at);
CREATE INDEX sample_of ON sample (app, at);
"""


@frozen
class Held:
    """A ConfigMap or a Secret. All times are epoch seconds."""

    name: str
    data: Mapping[str, str] = field(repr=False)
    created_at: float
    updated_at: float


@frozen(kw_only=True)
class TickRow:
    """All that one tick leaves."""

    at: float
    """When it was (epoch seconds)."""
    took: float
    """Seconds."""
    lag: float
    """Seconds by which it began late."""
    record: str | None
    """The decision's record, a JSON line."""
    memory: JsonValue
    """What the policy remembers."""
    applied: Mapping[str, Any] | None
    """What was really done."""
    operator: Mapping[str, Any] | None
    """The word that was in force."""
    failure: str
    workers: Sequence[Mapping[str, Any]]
    queue: Sequence[tuple[float, str]]
    sample: Mapping[str, Any]


@frozen(kw_only=True)
class Decision:
    """A decision as it is kept."""

    id: int
    at: float
    took: float
    failure: str
    operator: Mapping[str, Any] | None
    applied: Mapping[str, Any] | None
    record: str | None

    def view(self) -> dict[str, Any]:
        """The decision as lists show it: plain JSON."""
        record = {} if self.record is None else json.loads(self.record)
        result = record.get("result") or {"actions": [], "held": True, "reasons": [], "max_workers": None}
        actions = result["actions"]
        return {
            "id": self.id,
            "at": self.at,
            "took": self.took,
            "scaler": record.get("scaler", ""),
            "up": sum(action["count"] for action in actions if action["action"] == "ScaleUp"),
            "down": [action["worker_id"] for action in actions if action["action"] == "ScaleDown"],
            "held": result["held"],
            "max_workers": result["max_workers"],
            "why": [f"{reason['who']}: {reason['why']}" for reason in result["reasons"]],
            "operator": self.operator,
            "applied": self.applied,
            "failure": self.failure,
        }


class Store:
    """The database of one state directory; any thread may use it, and several processes may have it open.

    Raises:
        StateError: the directory can't be made or written, or what is in it is no database of ours.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "state.db"
        self._lock = threading.RLock()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (directory / "logs").mkdir(mode=0o700, exist_ok=True)
            # Made here rather than by SQLite, so that it is never open to others.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StateError(f"state directory {directory}: can't be used: {error.strerror}") from error
        with self._told():
            self._db = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
            self._begin()

    def _begin(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("BEGIN IMMEDIATE")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute("COMMIT")
        if version > VERSION:
            raise StateError(
                f"state directory {self.directory}: was written by a newer version of this package; update it, or give"
                " another --state-dir"
            )

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._db.close()

    # ConfigMaps and Secrets.

    def put(self, kind: Kind, name: str, data: Mapping[str, str]) -> None:
        """Keep *data* under *name*, in place of what was there."""
        now = time.time()
        with self._write() as db:
            db.execute(
                "INSERT INTO held VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, name)"
                " DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at",
                (kind, name, json.dumps(dict(data)), now, now),
            )

    def get(self, kind: Kind, name: str) -> Held | None:
        """What is kept under *name*."""
        found = self._read(
            "SELECT name, data, created_at, updated_at FROM held WHERE kind = ? AND name = ?", kind, name
        )
        return _held(found[0]) if found else None

    def names(self, kind: Kind) -> list[Held]:
        """All of that *kind*, by name."""
        rows = self._read("SELECT name, data, created_at, updated_at FROM held WHERE kind = ? ORDER BY name", kind)
        return [_held(row) for row in rows]

    def delete(self, kind: Kind, name: str) -> bool:
        """Forget it; whether it was there."""
        with self._write() as db:
            return bool(db.execute("DELETE FROM held WHERE kind = ? AND name = ?", (kind, name)).rowcount)

    def reader(self, kind: Kind) -> Callable[[str, str], str]:
        """Reads one value of that *kind*, as a Decider's provider does."""

        def read(name: str, key: str) -> str:
            thing, command = f"{kind} {name}/{key}", f"everai-autoscaler {kind.lower()}"
            found = self.get(kind, name)
            if found is None:
                there = ", ".join(held.name for held in self.names(kind)) or "none"
                raise PlaceholderError(
                    f"{thing}: no {kind} of this name in {self.directory}, which has {there}; make it: "
                    f"{command} create {name} --from-literal {key}=..."
                )
            if key not in found.data:
                raise PlaceholderError(
                    f"{thing}: no such key; there are {', '.join(sorted(found.data)) or 'none'}; add it: "
                    f"{command} update {name} --from-literal {key}=..."
                )
            return found.data[key]

        return read

    # Apps.

    def remember_app(self, app: str, info: Mapping[str, Any]) -> None:
        """*app* runs here now."""
        with self._write() as db:
            db.execute(
                "INSERT INTO app (name, info, seen_at) VALUES (?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET info = excluded.info, seen_at = excluded.seen_at",
                (app, json.dumps(dict(info)), time.time()),
            )

    def last_app(self) -> str | None:
        """The app that ran here last."""
        found = self._read("SELECT name FROM app ORDER BY seen_at DESC LIMIT 1")
        return found[0][0] if found else None

    def app_info(self, app: str) -> dict[str, Any] | None:
        """What was remembered of it, with when as ``seen_at``."""
        found = self._read("SELECT info, seen_at FROM app WHERE name = ? AND info IS NOT NULL", app)
        return {**json.loads(found[0][0]), "seen_at": found[0][1]} if found else None

    # Workers.

    def save_worker(self, app: str, view: Mapping[str, Any]) -> None:
        """Keep what is known of a worker."""
        with self._write() as db:
            _save_worker(db, app, view)

    def workers(self, app: str, *, ended: bool = False) -> list[dict[str, Any]]:
        """The workers that haven't ended, in the order in which they were started; with *ended*, all that are known."""
        which = "" if ended else " AND deleted_at IS NULL"
        return [
            json.loads(row[0])
            for row in self._read(f"SELECT view FROM worker WHERE app = ?{which} ORDER BY created_at, rowid", app)  # noqa: S608
        ]

    # Ticks.

    def write_tick(self, app: str, row: TickRow) -> int | None:
        """Keep all of a tick or nothing; the number of its decision, ``None`` where nothing was decided."""
        with self._write() as db:
            decision_id = None
            if row.record is not None or row.failure:
                decision_id = db.execute(
                    "INSERT INTO decision (app, at, took, lag, failure, operator, applied, record)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (app, row.at, row.took, row.lag, row.failure, _json(row.operator), _json(row.applied), row.record),
                ).lastrowid
            db.execute("INSERT INTO sample VALUES (?, ?, ?)", (app, row.sample["at"], json.dumps(row.sample)))
            for view in row.workers:
                _save_worker(db, app, view)
            db.execute(
                "INSERT INTO app (name, seen_at, memory, queue) VALUES (?, ?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET seen_at = excluded.seen_at, memory = excluded.memory, queue = excluded.queue",
                (app, row.at, json.dumps(row.memory), json.dumps(list(row.queue))),
            )
            return decision_id

    def decisions(
        self, app: str, *, limit: int = 50, before: int | None = None, at: float | None = None
    ) -> list[Decision]:
        """The last decisions, the newest first: those *before* a number, or up to the moment *at*."""
        where = "app = ?"
        given: list[Any] = [app]
        if before is not None:
            where, given = f"{where} AND id < ?", [*given, before]
        if at is not None:
            where, given = f"{where} AND at <= ?", [*given, at]
        rows = self._read(f"SELECT {_DECISION} FROM decision WHERE {where} ORDER BY id DESC LIMIT ?", *given, limit)  # noqa: S608
        return [_decision(row) for row in rows]

    def decision(self, app: str, decision_id: int) -> Decision | None:
        """One decision."""
        rows = self._read(f"SELECT {_DECISION} FROM decision WHERE app = ? AND id = ?", app, decision_id)  # noqa: S608
        return _decision(rows[0]) if rows else None

    def queue(self, app: str) -> list[dict[str, Any]]:
        """The queue as the last tick saw it."""
        found = self._read("SELECT queue FROM app WHERE name = ? AND queue IS NOT NULL", app)
        return [{"created_at": came, "reason": reason} for came, reason in json.loads(found[0][0])] if found else []

    def samples(self, app: str, *, since: float, most: int = 1000) -> list[dict[str, Any]]:
        """The samples *since* then (epoch seconds), the oldest first; thinned evenly where they exceed *most*."""
        rows = self._read("SELECT view FROM sample WHERE app = ? AND at >= ? ORDER BY at, rowid", app, since)
        step = max(1, -(-len(rows) // most))
        return [json.loads(row[0]) for row in rows[(len(rows) - 1) % step :: step]]

    def seen(self, app: str) -> list[dict[str, Any]]:
        """The last samples, the newest first."""
        rows = self._read("SELECT view FROM sample WHERE app = ? ORDER BY at DESC, rowid DESC LIMIT ?", app, HISTORIES)
        return [json.loads(row[0]) for row in rows]

    def memory(self, app: str) -> JsonValue:
        """What the policy remembered last."""
        found = self._read("SELECT memory FROM app WHERE name = ? AND memory IS NOT NULL", app)
        memory: JsonValue = json.loads(found[0][0]) if found else None
        return memory

    # An operator's word.

    def operator(self, app: str) -> dict[str, Any] | None:
        """What an operator has said."""
        found = self._read("SELECT operator FROM app WHERE name = ? AND operator IS NOT NULL", app)
        word: dict[str, Any] | None = json.loads(found[0][0]) if found else None
        return word

    def set_operator(self, app: str, word: Mapping[str, Any] | None) -> None:
        """Keep what an operator says; ``None`` takes it away."""
        with self._write() as db:
            db.execute(
                "INSERT INTO app (name, operator) VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET operator = excluded.operator",
                (app, _json(word)),
            )

    def prune(self, app: str, now: float) -> None:
        """Forget what is older than anybody asks for, and delete the logs of the workers that are forgotten."""
        with self._write() as db:
            db.execute(
                "DELETE FROM decision WHERE app = ? AND id <= (SELECT id FROM decision WHERE app = ?"
                " ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (app, app, KEEP_DECISIONS),
            )
            db.execute("DELETE FROM sample WHERE app = ? AND at < ?", (app, now - KEEP_SAMPLES))
            forgotten = db.execute(
                "DELETE FROM worker WHERE app = ? AND deleted_at IS NOT NULL AND id NOT IN (SELECT id FROM worker"
                " WHERE app = ? AND deleted_at IS NOT NULL ORDER BY deleted_at DESC LIMIT ?) RETURNING id",
                (app, app, KEEP_WORKERS),
            ).fetchall()
        for (worker_id,) in forgotten:
            for log in (self.directory / "logs").glob(f"{worker_id}.log*"):
                log.unlink(missing_ok=True)

    def _read(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        with self._told(), self._lock:
            return self._db.execute(statement, given).fetchall()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all that is done within it, or nothing."""
        with self._told(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"state directory {self.directory}: {self._path.name}: {error}") from error


_DECISION = "id, at, took, failure, operator, applied, record"


def _save_worker(db: sqlite3.Connection, app: str, view: Mapping[str, Any]) -> None:
    # One that has ended stays so, whoever comes late with an older look at it.
    db.execute(
        "INSERT INTO worker VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET deleted_at = excluded.deleted_at,"
        " view = excluded.view WHERE deleted_at IS NULL OR excluded.deleted_at IS NOT NULL",
        (view["id"], app, view["created_at"], view["deleted_at"], json.dumps(dict(view))),
    )


def _held(row: tuple[Any, ...]) -> Held:
    name, data, created_at, updated_at = row
    return Held(name, json.loads(data), created_at, updated_at)


def _decision(row: tuple[Any, ...]) -> Decision:
    number, at, took, failure, operator, applied, record = row
    return Decision(
        id=number,
        at=at,
        took=took,
        failure=failure,
        operator=None if operator is None else json.loads(operator),
        applied=None if applied is None else json.loads(applied),
        record=record,
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(dict(value))
