"""What candidates came to on traffic, as sums that fade with the time, and what was really spent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

from attrs import evolve, frozen

from everai_autoscaler.tuning.forms import Spent

__all__ = ["Account", "Evidence", "Outcome", "faded", "weight"]


@frozen
class Outcome:
    """What each candidate of a book came to on one stretch of traffic, in the order of the book."""

    worker_seconds: Sequence[float]
    """Seconds of all workers together, each from its launch to its removal."""
    late: Sequence[float]
    """Requests that began later than the SLO allows."""
    requests: int
    """How many requests came."""
    seconds: float
    """How long the stretch was."""


def faded(seconds: float, half_life: float) -> float:
    """What counts after so many *seconds* of what counted 1 before.

    >>> faded(86_400, 86_400), faded(0, 86_400)
    (0.5, 1.0)
    """
    return math.exp2(-seconds / half_life)


def weight(seconds: float, half_life: float) -> float:
    """What the seconds of a stretch that is just over count on average: its beginning has faded already.

    It is the mean of ``faded(t, half_life)`` over the stretch, so that steady traffic comes to the same sums in
    stretches of any length.

    >>> round(weight(86_400, 86_400), 4), weight(0, 86_400)
    (0.7213, 1.0)
    """
    rate = seconds * math.log(2) / half_life
    return -math.expm1(-rate) / rate if rate else 1.0


@frozen
class Evidence:
    """The sums for each candidate of a book, in its order."""

    worker_seconds: tuple[float, ...]
    late: tuple[float, ...]
    squares: tuple[float, ...]
    """The sum over blocks of time that are over of the square of the late requests in each."""
    open_late: tuple[float, ...]
    """Late requests in the block that isn't over."""
    open_for: float = 0.0
    """Seconds of that block that are over."""
    requests: float = 0.0
    seconds: float = 0.0

    @classmethod
    def none(cls, candidates: int) -> Self:
        """Nothing is known about so many *candidates*."""
        zeros = (0.0,) * candidates
        return cls(zeros, zeros, zeros, zeros)

    def after(self, seconds: float, *, half_life: float) -> Self:
        """It after so many *seconds* in which nothing was learnt."""
        kept = faded(seconds, half_life)
        faded_ones: dict[str, Any] = {
            **{name: tuple(one * kept for one in getattr(self, name)) for name in _COLUMNS},
            **{name: kept * getattr(self, name) for name in _SUMS},
        }
        return evolve(self, **faded_ones)

    def with_outcome(self, outcome: Outcome, *, half_life: float, block: float) -> Self:
        """It with the *outcome* of a stretch that has just ended.

        Args:
            outcome: what each candidate came to.
            half_life: seconds after which evidence counts half.
            block: seconds whose late requests are one draw of the deviation.

        >>> evidence = Evidence.none(1).with_outcome(
        ...     Outcome([600.0], [2], requests=40, seconds=300.0), half_life=1e9, block=300.0
        ... )
        >>> [round(one, 3) for one in (evidence.requests, evidence.late[0], evidence.squared(0))]
        [40.0, 2.0, 4.0]
        """
        before = self.after(outcome.seconds, half_life=half_life)
        counts = weight(outcome.seconds, half_life)
        open_late = tuple(old + counts * new for old, new in zip(before.open_late, outcome.late, strict=True))
        squares, open_for = before.squares, self.open_for + outcome.seconds
        if open_for >= block * (1 - 1e-9):
            squares = tuple(old + late * late for old, late in zip(squares, open_late, strict=True))
            open_late, open_for = (0.0,) * len(open_late), 0.0
        return type(self)(
            tuple(old + counts * new for old, new in zip(before.worker_seconds, outcome.worker_seconds, strict=True)),
            tuple(old + counts * new for old, new in zip(before.late, outcome.late, strict=True)),
            squares,
            open_late,
            open_for,
            before.requests + counts * outcome.requests,
            before.seconds + counts * outcome.seconds,
        )

    def squared(self, number: int) -> float:
        """The sum of squares of the late requests per block of one candidate, with the block that isn't over."""
        return self.squares[number] + self.open_late[number] ** 2

    def to_json(self) -> dict[str, Any]:
        """It as a JSON value."""
        return {
            **{name: list(getattr(self, name)) for name in _COLUMNS},
            **{name: getattr(self, name) for name in (*_SUMS, "open_for")},
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """What ``to_json()`` made a JSON value of."""
        fields: dict[str, Any] = {name: tuple(map(float, told[name])) for name in _COLUMNS}
        fields |= {name: float(told[name]) for name in (*_SUMS, "open_for")}
        return cls(**fields)


_COLUMNS = ("worker_seconds", "late", "squares", "open_late")
_SUMS = ("requests", "seconds")


@frozen
class Account:
    """What the app itself spent, whatever decided: sums that fade with the time."""

    due: float = 0.0
    late: float = 0.0
    worker_seconds: float = 0.0
    seconds: float = 0.0
    """Seconds over which its worker-seconds are known."""

    def after(self, seconds: float, *, half_life: float) -> Self:
        """It after so many *seconds* in which nothing came to be known."""
        kept = faded(seconds, half_life)
        return type(self)(kept * self.due, kept * self.late, kept * self.worker_seconds, kept * self.seconds)

    def with_spent(self, spent: Spent, *, seconds: float, half_life: float) -> Self:
        """It with what was *spent* in the last *seconds*."""
        before, counts = self.after(seconds, half_life=half_life), weight(seconds, half_life)
        known = spent.worker_seconds is not None
        return type(self)(
            before.due + counts * spent.due,
            before.late + counts * spent.late,
            before.worker_seconds + counts * (spent.worker_seconds or 0.0),
            before.seconds + counts * seconds * known,
        )

    @property
    def workers(self) -> float | None:
        """The workers on average; ``None`` where that isn't known."""
        return self.worker_seconds / self.seconds if self.seconds else None
