"""Snapshots as code that can be pasted into a test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum
from textwrap import indent
from typing import Any

from everai_autoscaler.model import Factors, Signal, Worker, WorkerStatus
from everai_autoscaler.testing.snapshots import NOW, snapshot, worker

__all__ = ["as_code", "call", "literal"]

_WIDTH = 100


def as_code(factors: Factors) -> str:
    """An expression that gives *factors* again, with ``snapshot``, ``worker`` and ``Factors`` at hand.

    >>> print(as_code(snapshot(waiting={"WorkerBusy": 3}, workers=[worker("a", "Busy", idle_for=30)])))
    snapshot(waiting=3, workers=[worker("a", "Busy", idle_for=30)])
    >>> print(as_code(snapshot(busy=1, free=2, idle_for=90)))
    snapshot(busy=1, free=2, idle_for=90)
    """
    if "observed_at" not in factors.model_fields_set:
        return call("Factors", *_fields(factors, Factors(), NOW))
    return min((_by_list(factors), *_by_counts(factors)), key=len)


def call(name: str, *arguments: str) -> str:
    """The call of *name* with *arguments*: in one line where it fits, else an argument a line."""
    return _enclosed(f"{name}(", arguments, ")")


def literal(value: object) -> str:
    """*value* as a plain literal: the members of an enumeration as text, whole floats as integers."""
    if isinstance(value, Enum):
        return literal(value.value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    if isinstance(value, Signal):
        return literal(value.model_dump())
    if isinstance(value, Mapping):
        return _enclosed("{", [f"{literal(key)}: {literal(held)}" for key, held in value.items()], "}")
    if isinstance(value, list):
        return _enclosed("[", [literal(held) for held in value], "]")
    return repr(value)


def _by_list(factors: Factors) -> str:
    """With every worker listed."""
    moment = {"observed_at": factors.observed_at} if factors.observed_at != NOW else {}
    given: dict[str, Any] = {"workers": factors.workers, "observed_at": factors.observed_at}
    return _snapshot(factors, {}, moment, given)


def _by_counts(factors: Factors) -> Iterable[str]:
    """With the numbers of workers alone, where those who were made from the numbers are the same."""
    if not factors.workers:
        return
    found = {status: [w for w in factors.workers if w.status is status] for status in WorkerStatus}
    counts: dict[str, Any] = {
        "busy": len(found[WorkerStatus.Busy]),
        "free": len(found[WorkerStatus.Free]),
        "inflight": len(found[WorkerStatus.Inflight]),
    }
    if found[WorkerStatus.Free]:
        counts["idle_for"] = factors.observed_at - found[WorkerStatus.Free][0].last_service_time
    if factors.observed_at != NOW:
        counts["observed_at"] = factors.observed_at
    if snapshot(**counts).workers == factors.workers:
        said = {name: value for name, value in counts.items() if value}
        yield _snapshot(factors, said, {}, counts)


def _snapshot(factors: Factors, before: Mapping[str, Any], after: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The call of ``snapshot``; what it doesn't make the same of what is *given* already is said field by field."""
    waiting: Any = factors.queue
    if waiting is not None and snapshot(waiting=sum(waiting.values()), **given).queue == waiting:
        waiting = sum(waiting.values())
    said = [] if waiting == 0 else [f"waiting={literal(waiting)}"]
    said += [f"{name}={literal(value)}" for name, value in before.items()]
    if factors.workers is None:
        said.append("workers=None")
    elif factors.workers and not before:
        said.append(f"workers={_workers(factors.workers, factors.observed_at)}")
    said += [f"{name}={literal(value)}" for name, value in after.items()]
    return call("snapshot", *said, *_fields(factors, snapshot(waiting=waiting, **given), factors.observed_at))


def _fields(factors: Factors, made: Factors, observed_at: float) -> list[str]:
    """The fields of *factors* that are others than those of what was *made* so far."""
    others = {
        name: value for name, value in vars(factors).items() if name != "observed_at" and value != getattr(made, name)
    }
    return [
        f"{name}={_workers(value, observed_at) if name == 'workers' and value else literal(value)}"
        for name, value in others.items()
    ]


def _workers(workers: Iterable[Worker], observed_at: float) -> str:
    return _enclosed("[", [_worker(one, observed_at) for one in workers], "]")


def _worker(one: Worker, observed_at: float) -> str:
    said: dict[str, Any] = {}
    if one.last_service_time > 0 and one.status is not WorkerStatus.Inflight:
        said["idle_for"] = observed_at - one.last_service_time
    if observed_at != NOW:
        said["observed_at"] = observed_at
    usual = worker(one.worker_id, one.status, **said)
    if usual.started_at != one.started_at:
        said = {"started_ago": observed_at - one.started_at, **said}
        usual = worker(one.worker_id, one.status, **said)
    said = {name: value for name, value in said.items() if value or name == "started_ago"}
    # Whatever that doesn't make the same, a moment that floats can't hold, say, is said as it is.
    said |= {name: value for name, value in vars(one).items() if value != getattr(usual, name)}
    status = [] if one.status is WorkerStatus.Free else [literal(one.status)]
    return call(
        "worker", literal(one.worker_id), *status, *(f"{name}={literal(value)}" for name, value in said.items())
    )


def _enclosed(opening: str, items: Iterable[str], closing: str) -> str:
    items = list(items)
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    lines = "".join(f"{item},\n" for item in items)
    return f"{opening}\n{indent(lines, '    ')}{closing}"
