"""What a snapshot says of the demand, and what a peer remembers of it."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from everai_autoscaler.model import Factors, WorkerStatus

__all__ = ["now_at_once", "recalled", "within"]


def now_at_once(factors: Factors) -> int | None:
    """Requests that are served or wait now; ``None`` when that isn't known."""
    waiting = factors.waiting()
    if factors.workers is None or waiting is None:
        return None
    busy = (worker for worker in factors.workers if worker.status is WorkerStatus.Busy)
    return waiting + sum(worker.current_request or 1 for worker in busy)


def recalled(memory: JsonValue, **fresh: Any) -> dict[str, Any]:
    """What *memory* holds under the names of *fresh*; *fresh* itself where it is of another kind."""
    return memory if isinstance(memory, dict) and memory.keys() == fresh.keys() else fresh


def within(ledger: list[Any], now: float, seconds: float) -> list[Any]:
    """The entries of *ledger*, each a moment and a number, that are younger than so many *seconds*."""
    return [entry for entry in ledger if now - entry[0] < seconds]
