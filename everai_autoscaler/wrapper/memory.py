"""What wrappers remember: their own part and that of each scaler inside; small, and forgiving to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import define, frozen
from pydantic import JsonValue

from everai_autoscaler.model import Reason

__all__ = ["MOST", "Entry", "Recalled", "entries", "moment", "nothing", "recall", "together", "written"]

MOST = 500
"""Entries that a ledger keeps at most; beyond that the oldest two become one, which stays for as long as the later."""

_LARGEST = 1e15


@define
class Recalled:
    """What was remembered, as far as it can be read."""

    own: Any
    children: Sequence[JsonValue]
    """For each scaler inside, what it remembered."""
    reasons: Sequence[Reason] = ()
    """Why it starts afresh, where it does."""


@frozen
class Entry:
    """So many workers, at one moment."""

    at: float
    workers: int


def nothing(own: Any) -> Any:
    """Reads the own part of a wrapper that remembers nothing itself."""
    return True if own is None else None


def recall(
    memory: JsonValue,
    *,
    who: str,
    children: int,
    read: Callable[[Any], Any] = nothing,
    fresh: Callable[[], Any] = bool,
) -> Recalled:
    """What a wrapper round so many *children* makes of *memory*.

    Args:
        who: the wrapper's name.
        read: makes its own part of what *memory* holds; ``None`` where that can't be.
        fresh: makes its own part where nothing is remembered.
    """
    if memory is None:
        return Recalled(fresh(), [None] * children)
    if isinstance(memory, dict):
        inside = memory.get("children")
        if isinstance(inside, list) and len(inside) == children:
            own = read(memory.get("own"))
            if own is not None:
                return Recalled(own, inside)
    why = "what was remembered is of another kind, so that it starts afresh"
    return Recalled(fresh(), [None] * children, [Reason(who=who, why=why)])


def together(own: JsonValue, children: Iterable[JsonValue]) -> JsonValue:
    """What a wrapper remembers: its *own* part and that of its *children*; ``None`` where that is nothing."""
    inside = list(children)
    return None if own is None and all(one is None for one in inside) else {"own": own, "children": inside}


def moment(value: Any, now: float) -> float | None:
    """The moment *value*, ``None`` where it is none.

    One that is later than *now* is *now*: a clock that was set back makes nothing last longer than it should.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        return None
    return min(float(value), now)


def entries(value: Any, now: float) -> list[Entry] | None:
    """The ledger that *value* is; ``None`` where it is none."""
    if not isinstance(value, list):
        return None
    found: list[Entry] = []
    for one in value[-MOST:]:
        if not isinstance(one, list) or len(one) != 2:
            return None
        at, workers = moment(one[0], now), moment(one[1], _LARGEST)
        if at is None or workers is None:
            return None
        found.append(Entry(at, int(workers)))
    return found


def written(ledger: Iterable[Entry]) -> JsonValue:
    """The *ledger* as it is remembered."""
    return [[entry.at, entry.workers] for entry in ledger]
