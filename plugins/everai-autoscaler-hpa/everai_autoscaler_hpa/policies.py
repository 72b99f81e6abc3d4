"""The policies of a ``behavior``: how many workers may be started or removed within a period."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from attrs import frozen

from everai_autoscaler.errors import ArgumentError

__all__ = ["SELECTIONS", "Ledger", "Policy", "highest", "longest", "lowest", "parse_policies"]

SELECTIONS = ("max", "min", "disabled")
"""Which of several policies counts: the one that allows most, the one that allows least, or no change at all."""

_POLICY = re.compile(r"(\d+) ?(%?) ?/ ?(\d+(?:\.\d+)?) ?s")
Ledger: TypeAlias = list[Any]
"""Numbers of workers, each entry a list of a moment in epoch seconds and such a number."""


@frozen
class Policy:
    """So many workers, or so many percent of them, within a period."""

    value: int
    percent: bool
    """Whether *value* is in percent of the workers at the beginning of the period."""
    period: float
    """Seconds."""

    def highest(self, before: int) -> int:
        """The most workers that it allows where there were *before* at the beginning of the period.

        >>> Policy(100, percent=True, period=15).highest(3), Policy(4, percent=False, period=15).highest(3)
        (6, 7)
        """
        return -(-before * (100 + self.value) // 100) if self.percent else before + self.value

    def lowest(self, before: int) -> int:
        """The fewest workers that it allows where there were *before* at the beginning of the period.

        >>> Policy(10, percent=True, period=60).lowest(72), Policy(4, percent=False, period=60).lowest(72)
        (64, 68)
        """
        return before * (100 - self.value) // 100 if self.percent else before - self.value

    def __str__(self) -> str:
        return f"{self.value}{'%' if self.percent else ''}/{self.period:g}s"


@lru_cache(maxsize=256)
def parse_policies(text: str) -> tuple[Policy, ...]:
    """The policies that *text* states, as in ``100%/15s, 4/15s``: numbers of workers or percent, per period.

    >>> [str(one) for one in parse_policies("100 % / 15 s, 4/60s")]
    ['100%/15s', '4/60s']
    >>> parse_policies("a few")
    Traceback (most recent call last):
    everai_autoscaler.errors.ArgumentError: 'a few' is not a list of policies such as '100%/15s, 4/15s'

    Raises:
        ArgumentError: it states none, or has a part that is none.
    """
    found = [_POLICY.fullmatch(part.strip()) for part in text.split(",")]
    policies = tuple(Policy(int(one[1]), bool(one[2]), float(one[3])) for one in found if one)
    if len(policies) < len(found) or not all(one.period for one in policies):
        raise ArgumentError(f"{text!r} is not a list of policies such as '100%/15s, 4/15s'")
    return policies


def longest(policies: Sequence[Policy]) -> float:
    """The longest period of *policies*, in seconds."""
    return max(one.period for one in policies)


def highest(
    policies: Sequence[Policy], select: str, there: int, now: float, *, started: Ledger, removed: Ledger
) -> int:
    """The most workers that there may be now, where *there* are: never fewer than these.

    Args:
        policies: what is allowed.
        select: which of them counts, one of ``SELECTIONS``.
        there: how many workers there are.
        now: epoch seconds.
        started: what was started lately.
        removed: what was removed lately.
    """
    if select == "disabled":
        return there
    allowed = [one.highest(_before(there, now - one.period, started, removed)) for one in policies]
    return max(there, max(allowed) if select == "max" else min(allowed))


def lowest(policies: Sequence[Policy], select: str, there: int, now: float, *, started: Ledger, removed: Ledger) -> int:
    """The fewest workers that there may be now, where *there* are: never more than these. As ``highest``."""
    if select == "disabled":
        return there
    allowed = [one.lowest(_before(there, now - one.period, started, removed)) for one in policies]
    return min(there, min(allowed) if select == "max" else max(allowed))


def _before(there: int, since: float, started: Ledger, removed: Ledger) -> int:
    """How many workers there were at the moment *since*, where *there* are now."""
    added, left = (sum(int(count) for at, count in ledger if at > since) for ledger in (started, removed))
    return there - added + left
