"""All that outlives a runtime, in the SQLite database of its state directory."""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import field, frozen
from pydantic import JsonValue

from everai_autoscaler.errors import PlaceholderError
from everai_autoscaler.model import Record
from everai_autoscaler.runtime.database import Database
from everai_autoscaler.runtime.forms import DecisionForm
from everai_autoscaler.runtime.state import make_directory, usable

__all__ = ["Held", "Kind", "Store", "TickRow"]

Kind: TypeAlias = Literal["ConfigMap", "Secret"]

HISTORIES = 20
"""How many earlier samples a snapshot includes."""
KEEP_DECISIONS = 31_000
"""A week of one each 20 seconds."""
KEEP_SAMPLES = 7 * 86_400.0
"""Seconds."""
KEEP_WORKERS = 1_000
"""Workers that have ended."""
MOST_LISTED = 20

_OURS = 0x45564153
"""By this number in its header a database is known as ours."""
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE held (kind TEXT, name TEXT, data TEXT, created_at REAL, updated_at REAL, PRIMARY KEY (kind, name))",
    "CREATE TABLE app (name TEXT PRIMARY KEY, info TEXT, seen_at REAL, memory TEXT, operator TEXT, queue TEXT)",
    "CREATE TABLE worker (id TEXT PRIMARY KEY, app TEXT, created_at REAL, deleted_at REAL, view TEXT)",
    """CREATE TABLE decision (id INTEGER PRIMARY KEY AUTOINCREMENT, app TEXT, at REAL, took REAL, lag REAL,
        failure TEXT, operator TEXT, applied TEXT, record BLOB)""",
    "CREATE TABLE sample (app TEXT, at REAL, view TEXT)",
    "CREATE INDEX worker_of ON worker (app, deleted_at)",
    "CREATE INDEX decision_of ON decision (app)",
    "CREATE INDEX sample_of ON sample (app, at)",
)


@frozen
class Held:
    """A ConfigMap or a Secret, which doesn't show its values. All times are epoch seconds."""

    name: str
    data: Mapping[str, str] = field(repr=False)
    created_at: float
    updated_at: float


@frozen(kw_only=True)
class TickRow:
    """What a tick leaves in the store. All times are epoch seconds, all durations seconds."""

    at: float
    """When it was."""
    took: float
    lag: float
    """By how much it began late."""
    record: str | None
    """The decision's record, a JSON line; ``None`` where nothing was decided."""
    memory: JsonValue
    """What the policy remembers."""
    applied: Mapping[str, Any] | None
    """What was really done."""
    operator: Mapping[str, Any] | None
    """The operator's override that was in force."""
    failure: str
    """What failed, in one line; empty when nothing did."""
    workers: Sequence[Mapping[str, Any]]
    """The rows of the workers that start, serve or drain."""
    queue: Sequence[tuple[float, str]]
    """Of each request that waits: when it came, and why it waits, in the platform's words."""
    sample: Mapping[str, Any]
    """The workers and the queue in numbers."""


class Store:
    """The database of one state directory; any thread may use it, and several processes may have it open.

    Whatever fails, a full disk say, leaves what was there before, and the same store works again when it can.

    Args:
        directory: the state directory, which is made where it isn't there.
        clock: tells the time in epoch seconds.

    Raises:
        StateError: the directory can't be made or written, or what is in it is no database of ours. So does every
            method when the database can't be read or written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     store = Store(Path(directory))
    ...     store.put("ConfigMap", "get-start-configmap", {"max_workers": "5"})
    ...     store.reader("ConfigMap")("get-start-configmap", "max_workers")
    ...     store.close()
    '5'
    """

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self._clock = clock
        make_directory(directory)
        make_directory(directory / "logs")
        self._database = Database(directory / "state.db", ours=_OURS, version=_VERSION, schema=_SCHEMA)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    # ConfigMaps and Secrets.

    def put(self, kind: Kind, name: str, data: Mapping[str, str]) -> None:
        """Store *data* under *name*, in place of all that was there."""
        now = self._clock()
        with self._database.change() as db:
            db.execute(
                "INSERT INTO held VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, name)"
                " DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at",
                (kind, name, json.dumps(dict(data)), now, now),
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One transaction: nothing else is changed meanwhile, and all that is changed within is stored, or nothing."""
        with self._database.change():
            yield

    def get(self, kind: Kind, name: str) -> Held | None:
        """What is stored under *name*."""
        found = self._database.read(f"{_HELD} AND name = ?", kind, name)
        return _held(found[0]) if found else None

    def names(self, kind: Kind) -> list[Held]:
        """All of that *kind*, by name."""
        return [_held(row) for row in self._database.read(f"{_HELD} ORDER BY name", kind)]

    def delete(self, kind: Kind, name: str) -> bool:
        """Forget it; whether it was there."""
        with self._database.change() as db:
            return bool(db.execute("DELETE FROM held WHERE kind = ? AND name = ?", (kind, name)).rowcount)

    def reader(self, kind: Kind) -> Callable[[str, str], str]:
        """A function that reads one value of that *kind*, given its name and key: a provider for a Decider.

        Raises:
            PlaceholderError: by the function: there is no such value; says what there is, and how to make it.
        """

        def read(name: str, key: str) -> str:
            thing, command = f"{kind} {name}/{key}", f"everai-autoscaler {kind.lower()}"
            found = self.get(kind, name)
            if found is None:
                there = _listed(held.name for held in self.names(kind))
                raise PlaceholderError(
                    f"{thing}: no {kind} of this name in {self.directory}, which has {there}; make it: "
                    f"{command} create {name} --from-literal {key}=..."
                )
            if key not in found.data:
                raise PlaceholderError(
                    f"{thing}: no such key; there are {_listed(found.data)}; add it: "
                    f"{command} update {name} --from-literal {key}=..."
                )
            return found.data[key]

        return read

    # Apps.

    def remember_app(self, app: str, info: Mapping[str, Any]) -> None:
        """*app* runs here now."""
        with self._database.change() as db:
            db.execute(
                "INSERT INTO app (name, info, seen_at) VALUES (?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET info = excluded.info, seen_at = excluded.seen_at",
                (app, json.dumps(dict(info)), self._clock()),
            )

    def last_app(self) -> str | None:
        """The app that was seen here last."""
        found = self._database.read("SELECT name FROM app ORDER BY seen_at DESC LIMIT 1")
        return found[0][0] if found else None

    def app_info(self, app: str) -> dict[str, Any] | None:
        """What ``remember_app`` was given, with when the app was seen last as ``seen_at``."""
        info, seen_at = self._of_app(app, "info"), self._of_app(app, "seen_at")
        return None if info is None else {**info, "seen_at": seen_at}

    def _of_app(self, app: str, column: str) -> Any:
        """What that *column* has of *app*; ``None`` where it has nothing."""
        found = self._database.read(f"SELECT {column} FROM app WHERE name = ?", app)  # noqa: S608 - our own column
        value = found[0][0] if found else None
        return json.loads(value) if isinstance(value, str) else value

    # Workers.

    def save_worker(self, app: str, row: Mapping[str, Any]) -> None:
        """Store the *row* of a worker; one that has ended stays ended."""
        with self._database.change() as db:
            _save_worker(db, app, row)

    def rows(self, app: str) -> list[dict[str, Any]]:
        """The workers that haven't ended, as they were saved."""
        rows = self._database.read(
            "SELECT view FROM worker WHERE app = ? AND deleted_at IS NULL ORDER BY created_at, rowid", app
        )
        return [json.loads(row) for (row,) in rows]

    def workers(self, app: str, *, ended: bool = False) -> list[dict[str, Any]]:
        """The workers that haven't ended, with *ended* all that are known, in the order in which they were started.

        As lists show them: without the sessions that are pinned to each.
        """
        rows = self._database.read(
            "SELECT json_remove(view, '$.pinned') FROM worker WHERE app = ? AND (deleted_at IS NULL OR ?)"
            " ORDER BY created_at, rowid",
            app,
            ended,
        )
        return [json.loads(view) for (view,) in rows]

    # Ticks.

    def write_tick(self, app: str, row: TickRow) -> int | None:
        """Store all of a tick, or nothing.

        An operator's override that came meanwhile stays as it is.

        Returns:
            The number of its decision; ``None`` where none was made and nothing failed.
        """
        # A record says most things twice, and there are 10,000 of them: pressed, they take a tenth.
        record = None if row.record is None else zlib.compress(row.record.encode("utf-8", "backslashreplace"), 1)
        around = [json.dumps(row.failure), _json(row.operator), _json(row.applied)]
        with self._database.change() as db:
            decision_id = None
            if row.record is not None or row.failure:
                decision_id = db.execute(
                    "INSERT INTO decision (app, at, took, lag, failure, operator, applied, record)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (app, row.at, row.took, row.lag, *around, record),
                ).lastrowid
            db.execute("INSERT INTO sample VALUES (?, ?, ?)", (app, row.sample["at"], json.dumps(dict(row.sample))))
            for worker in row.workers:
                _save_worker(db, app, worker)
            db.execute(
                "INSERT INTO app (name, seen_at, memory, queue) VALUES (?, ?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET seen_at = excluded.seen_at, memory = excluded.memory, queue = excluded.queue",
                (app, row.at, json.dumps(row.memory), json.dumps(list(row.queue))),
            )
        return decision_id

    def remember_end(self, app: str, at: float) -> None:
        """Store that *app* ended properly: no request waits any more."""
        with self._database.change() as db:
            db.execute("UPDATE app SET seen_at = ?, queue = '[]' WHERE name = ?", (at, app))

    def decisions(
        self, app: str, *, limit: int = 50, before: int | None = None, at: float | None = None
    ) -> list[DecisionForm]:
        """The last decisions, the newest first: those *before* a number, or from the one in force at a moment."""
        rows = self._database.read(
            f"{_DECISION} AND id < coalesce(?, id + 1) AND at <= coalesce(?, at) ORDER BY id DESC LIMIT ?",
            *(app, before, at, limit),
        )
        return [_decision(row)[0] for row in rows]

    def decision(self, app: str, decision_id: int) -> DecisionForm | None:
        """The decision of that number, with its record."""
        rows = self._database.read(f"{_DECISION} AND id = ?", app, decision_id)
        for form, record in map(_decision, rows):
            return form.model_copy(update={"record": record})
        return None

    def records(self, app: str) -> Iterator[Record]:
        """The records of its decisions, the oldest first, as far as they are kept.

        ``everai_autoscaler.simulator.real_run`` makes a run of them, with ``workers(app, ended=True)`` beside them.
        """
        rows = self._database.read("SELECT record FROM decision WHERE app = ? AND record NOT NULL ORDER BY id", app)
        return (Record.from_json(zlib.decompress(pressed)) for (pressed,) in rows)

    def queue(self, app: str) -> list[dict[str, Any]]:
        """The queue as the last tick saw it."""
        return [{"created_at": came, "reason": reason} for came, reason in self._of_app(app, "queue") or []]

    def samples(self, app: str, *, since: float, most: int = 1000) -> list[dict[str, Any]]:
        """The samples *since* then (epoch seconds), the oldest first.

        Where there are more than *most*, every second, third, ... of them, back from the newest.
        """
        rows = self._database.read(
            "SELECT view FROM (SELECT view, row_number() OVER (ORDER BY at DESC, rowid DESC) AS back,"
            " count(*) OVER () AS number FROM sample WHERE app = ? AND at >= ?)"
            " WHERE (back - 1) % max(1, (number + ? - 1) / ?) = 0 ORDER BY back DESC",
            *(app, since, most, most),
        )
        return [json.loads(view) for (view,) in rows]

    def seen(self, app: str) -> list[dict[str, Any]]:
        """The last samples, the newest first."""
        rows = self._database.read(
            "SELECT view FROM sample WHERE app = ? ORDER BY at DESC, rowid DESC LIMIT ?", app, HISTORIES
        )
        return [json.loads(view) for (view,) in rows]

    def memory(self, app: str) -> JsonValue:
        """What the policy remembered last."""
        memory: JsonValue = self._of_app(app, "memory")
        return memory

    # An operator's override.

    def operator(self, app: str) -> dict[str, Any] | None:
        """What an operator has put in place of the policy's answers."""
        override: dict[str, Any] | None = self._of_app(app, "operator")
        return override

    def set_operator(self, app: str, override: Mapping[str, Any] | None) -> None:
        """Store an operator's *override*; ``None`` takes it away."""
        with self._database.change() as db:
            db.execute(
                "INSERT INTO app (name, operator) VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET operator = excluded.operator",
                (app, _json(override)),
            )

    def prune(self, app: str, now: float) -> None:
        """Delete what is older than is asked for, with the logs of the workers that are deleted."""
        with self._database.change() as db:
            db.execute(
                "DELETE FROM decision WHERE app = ? AND id <= (SELECT id FROM decision WHERE app = ?"
                " ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (app, app, KEEP_DECISIONS),
            )
            db.execute("DELETE FROM sample WHERE app = ? AND at < ?", (app, now - KEEP_SAMPLES))
            forgotten = db.execute(
                "SELECT id FROM worker WHERE app = ? AND deleted_at IS NOT NULL"
                " ORDER BY deleted_at DESC, rowid DESC LIMIT -1 OFFSET ?",
                (app, KEEP_WORKERS),
            ).fetchall()
            db.executemany("DELETE FROM worker WHERE id = ?", forgotten)
        with usable(self.directory):
            for (worker_id,) in forgotten:
                for name in (f"{worker_id}.log", f"{worker_id}.log.1"):
                    (self.directory / "logs" / name).unlink(missing_ok=True)


_HELD = "SELECT name, data, created_at, updated_at FROM held WHERE kind = ?"
_DECISION = "SELECT id, at, took, lag, failure, operator, applied, record FROM decision WHERE app = ?"


def _save_worker(db: sqlite3.Connection, app: str, row: Mapping[str, Any]) -> None:
    # One that has ended stays so: an older row may be written after the last one.
    db.execute(
        "INSERT INTO worker VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET deleted_at = excluded.deleted_at,"
        " view = excluded.view WHERE deleted_at IS NULL OR excluded.deleted_at IS NOT NULL",
        (row["id"], app, row["created_at"], row["deleted_at"], json.dumps(dict(row))),
    )


def _held(row: tuple[Any, ...]) -> Held:
    name, data, created_at, updated_at = row
    return Held(name, json.loads(data), created_at, updated_at)


def _decision(row: tuple[Any, ...]) -> tuple[DecisionForm, JsonValue]:
    """A decision as lists show it, and its record beside it."""
    number, at, took, lag, *around, pressed = row
    failure, operator, applied = (None if text is None else json.loads(text) for text in around)
    record = None if pressed is None else json.loads(zlib.decompress(pressed))
    known = record or {}
    result = known.get("result") or {"actions": [], "held": True, "reasons": [], "max_workers": None}
    actions = result["actions"]
    form = DecisionForm(
        id=number,
        at=at,
        took=took,
        lag=lag,
        scaler=known.get("scaler", ""),
        up=sum(action["count"] for action in actions if action["action"] == "ScaleUp"),
        down=[action["worker_id"] for action in actions if action["action"] == "ScaleDown"],
        held=result["held"],
        max_workers=result["max_workers"],
        why=[f"{reason['who']}: {reason['why']}" for reason in result["reasons"]],
        operator=operator,
        applied=applied,
        failure=failure or "",
    )
    return form, record


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(dict(value))


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    if len(shown) > MOST_LISTED:
        shown[MOST_LISTED:] = [f"and {len(shown) - MOST_LISTED} more"]
    return ", ".join(shown) or "none"
