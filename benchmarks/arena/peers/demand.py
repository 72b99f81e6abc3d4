"""What a snapshot says of the demand, and what a peer remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from everai_autoscaler.model import Factors, WorkerStatus

__all__ = ["at_once", "mean", "now_at_once", "recalled", "within"]


def now_at_once(factors: Factors) -> int | None:
    """Requests that are served or wait now; ``None`` when that isn't known."""
    waiting = factors.waiting()
    if factors.workers is None or waiting is None:
        return None
    busy = (worker for worker in factors.workers if worker.status is WorkerStatus.Busy)
    return waiting + sum(worker.current_request or 1 for worker in busy)


def at_once(factors: Factors) -> dict[int, float] | None:
    """Requests that were served or waited, by age in seconds, now included; ``None`` when that isn't known now.

    Earlier moments count busy workers, each of which is taken to have served as many requests as one does now.
    """
    now = now_at_once(factors)
    if now is None:
        return None
    busy = factors.count(WorkerStatus.Busy) or 0
    each = (now - (factors.waiting() or 0)) / busy if busy else 1.0
    queues, workers = factors.queue_histories or {}, factors.worker_histories or {}
    earlier = {
        age: workers[age].get(WorkerStatus.Busy, 0) * each + sum(queues[age].values())
        for age in workers
        if age in queues
    }
    return {**earlier, 0: float(now)}


def mean(by_age: Mapping[int, float], window: float) -> float:
    """The average over the moments of the last *window* seconds, now included."""
    recent = [value for age, value in by_age.items() if age <= window]
    return sum(recent) / len(recent)


def recalled(memory: JsonValue, **fresh: Any) -> dict[str, Any]:
    """What *memory* holds under the names of *fresh*; *fresh* itself where it is of another kind."""
    return memory if isinstance(memory, dict) and memory.keys() == fresh.keys() else fresh


def within(ledger: list[Any], now: float, seconds: float) -> list[Any]:
    """The entries of *ledger*, each a moment and a number, that are younger than so many *seconds*."""
    return [entry for entry in ledger if now - entry[0] < seconds]
