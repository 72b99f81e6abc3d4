"""The least cost of workers that begin with every request at a given moment: exact, level by level of the demand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import frozen

from everai_autoscaler.simulator.optimum.question import Question

__all__ = ["Cover", "Floats", "cover", "most_at_once"]

Floats = npt.NDArray[np.float64]


@frozen(eq=False)
class Cover:
    """The cheapest fleet that is never smaller than the demand."""

    cost: float
    """Worker-seconds from launch to removal."""
    launches: int
    """Workers that are launched; those that are ready at second 0 anyway don't count."""
    fleet: tuple[tuple[float, int], ...]
    """From each second on, how many workers there are, starting ones included."""


def cover(begins: Floats, ends: Floats, question: Question, horizon: float) -> Cover:
    """The least worker-seconds by which a worker is there for each interval from *begins* to *ends*.

    With one request at a time a worker, this is the exact optimum for requests that begin at those moments; where none
    may wait, the moments are the arrivals. It takes O(n log n).

    Why it is exact. Let D(t) be the number of intervals that contain t. Whoever serves them all has at least D(t) ready
    workers at each t. Conversely, a fleet of n(t) >= D(t) ready workers serves them all: at each beginning at most
    D(t) - 1 workers are busy, so that one is free, and whenever n falls, a free worker leaves. So the least cost is
    that of the cheapest step function n >= D, which costs its integral and a cold start for each step up.

    Level k of a fleet is when it has at least k workers. Integral and steps up are sums over levels, and n >= D says
    that level k of n covers level k of D. So each level may be made as cheap as can be on its own: it is covered where
    D >= k, the first such piece needs one launch, and every later piece either a launch, for one cold start, or the
    gap before it kept, for the gap's length; the smaller of the two is the least. The levels so found are nested, and
    hence a fleet: a gap of level k lies within a gap of level k + 1, so that it is kept whenever the wider one is.

    A gap of level k begins when D falls from k to k - 1, and ends when D next rises from k - 1 to k: gaps match the
    ends of intervals with later beginnings last in, first out, as brackets match.

    The *minimum* lowest levels are covered from second 0 to the horizon, and levels up to ``question.ready`` have a
    piece of no length at second 0: a worker that is kept from there needs no launch.

    Args:
        begins: when each interval begins, in seconds.
        ends: when it ends; an interval of no length needs a worker for that moment.
        question: the cold start, and which workers are there anyway.
        horizon: the second until which the minimum is there.
    """
    least, greatest, levels = _pieces(begins, ends)
    anyway = np.arange(1, question.ready + 1)
    kept_until = np.where(anyway <= question.minimum, horizon, 0.0)
    first = np.concatenate((np.zeros(len(anyway)), least))
    last = np.concatenate((kept_until, greatest))
    level = np.concatenate((anyway, levels))
    base = level <= question.minimum
    base[: len(anyway)] = False
    first[base], last[base] = np.maximum(first[base], horizon), np.maximum(last[base], horizon)
    order = np.argsort(level, kind="stable")
    first, last, level = first[order], last[order], level[order]
    lowest = np.ones(len(level), bool)
    lowest[1:] = level[1:] != level[:-1]
    gap = np.full(len(level), np.inf)
    gap[1:] = np.where(lowest[1:], np.inf, first[1:] - last[:-1])
    given = lowest & (level <= question.ready)
    launched = (gap > question.cold_start) & ~given
    kept = ~launched & ~given
    cost = float(np.sum(last - first) + np.sum(gap[kept]) + question.cold_start * np.count_nonzero(launched))
    leaves = np.ones(len(level), bool)
    leaves[:-1] = ~kept[1:]
    comes = np.concatenate((first[launched] - question.cold_start, first[given]))
    return Cover(cost, int(np.count_nonzero(launched)), steps(comes, last[leaves]))


def most_at_once(begins: Floats, ends: Floats) -> int:
    """How many intervals of some length there are at one moment, at most; *begins* never fall. At an end it is over."""
    over = np.searchsorted(np.sort(ends), begins, side="right")
    return int((np.arange(1, len(begins) + 1) - over).max(initial=0))


def steps(comes: Floats, goes: Floats) -> tuple[tuple[float, int], ...]:
    """How many workers there are from each second on, when one *comes* and one *goes* at each of these."""
    times, place = np.unique(np.concatenate((comes, goes)), return_inverse=True)
    change = np.concatenate((np.ones(len(comes)), -np.ones(len(goes))))
    there = np.cumsum(np.bincount(place, change, minlength=len(times))).round().astype(np.int64)
    changed = np.diff(there, prepend=0) != 0
    return tuple(zip(times[changed].tolist(), there[changed].tolist(), strict=True))


def _pieces(begins: Floats, ends: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """The pieces of each level of the demand: when each begins and ends, and its level; in order within a level."""
    # At one moment: ends, then requests of no length one after the other, then beginnings. The next may begin at once.
    lasting = ends > begins
    moments = np.repeat(begins[~lasting], 2)
    times = np.concatenate((ends[lasting], moments, begins[lasting]))
    count = np.count_nonzero(lasting)
    signs = np.concatenate((-np.ones(count, np.int64), np.tile([1, -1], len(moments) // 2), np.ones(count, np.int64)))
    order = np.argsort(times, kind="stable")
    times, signs = times[order], signs[order]
    level = np.cumsum(signs) + (signs < 0)
    by_level = np.argsort(level, kind="stable")
    times, level = times[by_level], level[by_level]
    return times[0::2], times[1::2], level[0::2]
