"""What of a run is drawn over time: requests that wait or are served, and workers by status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isnan
from typing import TYPE_CHECKING

from attrs import frozen

from everai_autoscaler.simulator.plots.levels import Level, are_many, level, united

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Run, TickRow

__all__ = ["ROUNDING", "Demand", "Fleet", "demand_of", "end_of", "fleet_of", "steps_level"]

ROUNDING = 1e-6
"""Seconds; moments are sums of epoch seconds, and a wait of exactly the limit isn't late for their last bit."""


@frozen
class Demand:
    """Requests that wait, those that are being served, and both together."""

    waiting: Level
    serving: Level
    both: Level


@frozen
class Fleet:
    """Workers by status, on average in each column, and all of them together."""

    busy: list[float]
    free: list[float]
    starting: list[float]
    draining: list[float]
    total: Level


def end_of(run: Run) -> float:
    """The second at which the pictures of *run* end; above 0."""
    last = run.ticks[-1].at if run.ticks else 0.0
    return max(run.ended_at, last, run.workload.span) or run.setting.interval or 1.0


def demand_of(run: Run, columns: int) -> Demand:
    """The requests of *run* over time; where none were kept, what was seen of them at each decision."""
    end = end_of(run)
    fates = run.requests
    if not len(fates):
        waiting = _seen(run, lambda row: row.waiting, end, columns)
        serving = _seen(run, lambda row: row.busy, end, columns)
        return Demand(waiting, serving, _seen(run, lambda row: row.waiting + row.busy, end, columns))
    if are_many(len(fates)):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        waiting, serving, both = many.demand(fates, end=end, columns=columns)
        return Demand(waiting, serving, both)
    refused, left = set(fates.refused), dict(fates.left)
    rows = [
        (came, began, left.get(number, answered))
        for number, (came, began, answered) in enumerate(zip(fates.came, fates.began, fates.answered, strict=True))
        if number not in refused
    ]
    came, began, answered = ([row[part] for row in rows] for part in range(3))
    # One whose client hung up is gone then, served or not.
    left_queue = [gone if isnan(start) else start for start, gone in zip(began, answered, strict=True)]
    served = [(start, gone) for start, gone in zip(began, answered, strict=True) if not isnan(start)]
    return Demand(
        level(came, left_queue, end=end, columns=columns),
        level((start for start, _ in served), (gone for _, gone in served), end=end, columns=columns),
        level(came, answered, end=end, columns=columns),
    )


def fleet_of(run: Run, columns: int) -> Fleet:
    """The workers of *run* over time; where their lives weren't kept, what was seen of them at each decision."""
    end = end_of(run)
    draining = _seen(run, lambda row: row.draining, end, columns).mean
    if run.workers:
        gone = [end if life.ended_at is None else life.ended_at for life in run.workers]
        ready = [
            out if life.ready_at is None else min(life.ready_at, out)
            for life, out in zip(run.workers, gone, strict=True)
        ]
        started = [life.started_at for life in run.workers]
        total = level(started, gone, end=end, columns=columns)
        starting = level(started, ready, end=end, columns=columns).mean
        if len(run.requests):
            busy = _busy(run, gone, end, columns)
        else:
            busy = _seen(run, lambda row: row.busy, end, columns).mean
    else:
        total = _seen(run, lambda row: row.free + row.busy + row.inflight + row.draining, end, columns)
        starting = _seen(run, lambda row: row.inflight, end, columns).mean
        busy = [a + b for a, b in zip(_seen(run, lambda row: row.busy, end, columns).mean, draining, strict=True)]
    parts = list(zip(total.mean, starting, busy, draining, strict=True))
    return Fleet(
        busy=[max(0.0, some - leaving) for _, _, some, leaving in parts],
        free=[max(0.0, all_ - new - max(some, leaving)) for all_, new, some, leaving in parts],
        starting=list(starting),
        draining=list(draining),
        total=total,
    )


def steps_level(steps: Iterable[tuple[float, float]], *, end: float, columns: int) -> Level:
    """A number that becomes each of the *steps* (second, whole number) in turn.

    >>> steps_level([(0, 2), (5, 0)], end=10, columns=2)
    Level(mean=[2.0, 0.0], peak=[2, 0])
    """
    ups: list[float] = []
    downs: list[float] = []
    before = 0
    for moment, number in steps:
        change = round(number) - before
        (ups if change > 0 else downs).extend([moment] * abs(change))
        before += change
    return level(ups, downs, end=end, columns=columns)


def _seen(run: Run, read: Callable[[TickRow], int], end: float, columns: int) -> Level:
    return steps_level(((row.at, max(0, read(row))) for row in run.ticks), end=end, columns=columns)


def _busy(run: Run, gone: Sequence[float], end: float, columns: int) -> list[float]:
    """How many workers serve, on average in each column."""
    fates = run.requests
    if run.setting.concurrency == 1 and are_many(len(fates)):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        return many.level(*many.served(fates, gone, end), end=end, columns=columns).mean
    left = dict(fates.left)
    spans = []
    for number, (worker, began, answered) in enumerate(zip(fates.worker, fates.began, fates.answered, strict=True)):
        if not isnan(began):
            until = gone[worker] if 0 <= worker < len(gone) else end
            spans.append((worker, began, left.get(number, until) if isnan(answered) else answered))
    begins, ends = [began for _, began, _ in spans], [until for _, _, until in spans]
    if run.setting.concurrency > 1:
        begins, ends = united(spans, end=end)
    return level(begins, ends, end=end, columns=columns).mean
