"""How many of something there were at each time, put together in columns of a picture without losing a peak."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from attrs import frozen

from everai_autoscaler.simulator.totals import MANY

__all__ = ["GRAIN", "Level", "are_many", "counts", "level", "quantiles", "thinned", "united"]


GRAIN = 1.5
"""Pixels: of all dots within a square of that size one is drawn."""


def are_many(number: int) -> bool:
    """Whether so many requests are drawn in whole columns at a time, by the functions of ``many``: they need numpy."""
    return number >= MANY and find_spec("numpy") is not None


@frozen
class Level:
    """A number over time: for each column its average over time, and the most that there were at once."""

    mean: list[float]
    peak: list[float]


def level(ups: Iterable[float], downs: Iterable[float], *, end: float, columns: int) -> Level:
    """The number of things that are there, of which one comes at each of *ups* and one goes at each of *downs*.

    Moments are seconds; those before 0 count as 0, those that are NaN or after *end* don't come.

    >>> level([0, 1], [3], end=4, columns=2)
    Level(mean=[1.5, 1.5], peak=[2, 2])
    """
    came = sorted(moment for moment in ups if moment < end)
    went = sorted(moment for moment in downs if moment < end)
    width = end / columns
    total, peak = [0.0] * columns, [0] * columns
    here, since, column, edge = 0, 0.0, 0, width
    first, second, many, few = 0, 0, len(came), len(went)
    while first < many or second < few:
        if second < few and (first == many or went[second] <= came[first]):
            moment, change = went[second], -1
            second += 1
        else:
            moment, change = came[first], 1
            first += 1
        while moment >= edge and column < columns - 1:  # what stays from one column into the next
            total[column] += here * (edge - since)
            if here > peak[column] and edge > since:
                peak[column] = here
            since = edge
            column += 1
            edge = (column + 1) * width
        if moment > since:
            total[column] += here * (moment - since)
            if here > peak[column]:  # noqa: PLR1730 - once for each of a million moments
                peak[column] = here
            since = moment
        here += change
    while column < columns:
        total[column] += here * (max(edge, since) - since)
        peak[column] = max(peak[column], here)
        since = edge
        column += 1
        edge = (column + 1) * width
    return Level([seconds / width for seconds in total], [max(0, most) for most in peak])


def united(spans: Iterable[tuple[int, float, float]], *, end: float) -> tuple[list[float], list[float]]:
    """When at least one of the *spans* (owner, from, to) of each owner holds: where that begins, and where it ends.

    >>> united([(0, 1, 4), (0, 2, 6), (0, 7, 8), (1, 3, 5)], end=10)
    ([1, 7, 3], [6, 8, 5])
    """
    begins: list[float] = []
    ends: list[float] = []
    owner, until = -1, -math.inf
    for whose, start, stop in sorted(spans):
        if whose != owner or start > until:
            if owner >= 0:
                ends.append(until)
            begins.append(start)
            owner, until = whose, stop
        elif stop > until:
            until = stop
    if owner >= 0:
        ends.append(until)
    return begins, [min(end, moment) for moment in ends]


def counts(moments: Iterable[float], *, width: float, columns: int) -> list[int]:
    """How many *moments* (seconds) are in each column of *width* seconds.

    >>> counts([0, 1, 9], width=5, columns=2)
    [2, 1]
    """
    found = [0] * columns
    for moment in moments:
        found[min(columns - 1, int(moment / width))] += 1
    return found


def quantiles(
    moments: Sequence[float], values: Sequence[float], shares: Sequence[float], *, width: float, columns: int
) -> list[list[float]]:
    """For each column the *values* below which each of *shares* lies; NaN where the column has none.

    The nearest rank is taken, so that each is a value that was there.

    >>> quantiles([0, 1, 2, 9], [5, 1, 3, 7], [0.5, 1.0], width=5, columns=2)
    [[3, 7], [5, 7]]
    """
    groups: list[list[float]] = [[] for _ in range(columns)]
    for moment, value in zip(moments, values, strict=True):
        groups[min(columns - 1, int(moment / width))].append(value)
    found: list[list[float]] = [[] for _ in shares]
    for group in groups:
        group.sort()
        for place, share in enumerate(shares):
            rank = max(0, math.ceil(share * len(group)) - 1)
            found[place].append(group[rank] if group else math.nan)
    return found


def thinned(points: Iterable[tuple[float, float]], *, grain: float = GRAIN) -> list[tuple[float, float]]:
    """One of the *points* (pixels) for each square of *grain* pixels: what would be seen of them.

    >>> thinned([(0, 0), (0.1, 0.2), (5, 0)])
    [(0.1, 0.2), (5, 0)]
    """
    return list({(x // grain, y // grain): (x, y) for x, y in points}.values())
