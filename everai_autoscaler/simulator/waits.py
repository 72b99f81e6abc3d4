"""How long requests waited, added up: exact for some limits, and to one in a hundred for all else."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter

from attrs import Factory, define

__all__ = ["LIMITS", "RESOLUTION", "ROUNDING", "SHORTEST", "STEP", "Waits"]

RESOLUTION = 0.01
"""A wait that is read from a histogram is at most this share too long."""
SHORTEST = 0.001
"""Seconds; shorter waits share one class."""
LIMITS = (0.0, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 600.0)
"""Seconds; for these wait limits the share of requests in time is exact, for any other to the resolution."""
ROUNDING = 1e-6
"""Seconds; moments are sums, and a wait of exactly the limit isn't late for the last bit of one."""
_ROUNDED = [limit + ROUNDING for limit in LIMITS]
STEP = math.log1p(RESOLUTION)


@define
class Waits:
    """How long the waits were: counts in classes of which each is 1 % longer than the one before.

    >>> waits = Waits()
    >>> for seconds in (0, 0, 1.5, 20):
    ...     waits.add(seconds)
    >>> waits.number, waits.mean, waits.longest
    (4, 5.375, 20)
    >>> waits.percentile(50), round(waits.percentile(75), 2), waits.percentile(99)
    (0.0, 1.5, 20)
    """

    number: int = 0
    """How many there were."""
    total: float = 0.0
    """Seconds, together."""
    longest: float = 0.0
    """Seconds."""
    between: list[int] = Factory(lambda: [0] * (len(LIMITS) + 1))
    """How many were longer than the limit before, and at most as long as each of ``LIMITS``; then all longer."""
    classes: dict[int, int] = Factory(Counter)
    """How many are in each class; class 0 is none at all, 1 is shorter than ``SHORTEST``."""

    @property
    def mean(self) -> float | None:
        """Seconds, on average; ``None`` of none."""
        return self.total / self.number if self.number else None

    def add(self, seconds: float) -> None:
        """One more."""
        self.number += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        if seconds < SHORTEST:
            self.classes[0 if seconds <= ROUNDING else 1] += 1
        else:
            self.classes[2 + int(math.log(seconds / SHORTEST) / STEP)] += 1
        self.between[bisect_left(_ROUNDED, seconds)] += 1

    def and_also(self, others: Waits) -> Waits:
        """These waits and the *others*."""
        return Waits(
            self.number + others.number,
            self.total + others.total,
            max(self.longest, others.longest),
            [mine + more for mine, more in zip(self.between, others.between, strict=True)],
            Counter(self.classes) + Counter(others.classes),
        )

    def percentile(self, percent: float) -> float | None:
        """What *percent* of the waits don't exceed, at most ``RESOLUTION`` too long; ``None`` of none."""
        rank, seen = max(1, math.ceil(round(self.number * percent / 100, 9))), 0
        for place in sorted(self.classes):
            seen += self.classes[place]
            if seen >= rank:
                return min(self.longest, SHORTEST * math.exp((place - 1) * STEP) if place else 0.0)
        return None

    def in_time(self, limit: float) -> int:
        """How many were at most *limit* seconds: exactly for one of ``LIMITS``, else to the resolution."""
        if limit in LIMITS:
            return sum(self.between[: LIMITS.index(limit) + 1])
        if limit >= self.longest:
            return self.number
        last = 2 + int(math.log(limit / SHORTEST) / STEP) if limit >= SHORTEST else 0
        return sum(number for place, number in self.classes.items() if place <= last)
