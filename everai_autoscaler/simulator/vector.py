"""The metrics of very many requests, in whole columns at a time; the same numbers as one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from everai_autoscaler.simulator.elasticity import Follow
from everai_autoscaler.simulator.waits import LIMITS, ROUNDING, SHORTEST, STEP, Waits

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Requests, Run

__all__ = ["add_waits", "follow_of", "requests_of", "sums_of", "total_of"]


def requests_of(run: Run, slo: float) -> dict[str, Any]:
    """What the requests of *run* come to, by the names of ``Metrics``; and ``served``."""
    sums = sums_of(
        run.requests,
        [life.ready_at for life in run.workers],
        start=run.setting.warm_up,
        end=run.ended_at,
    )
    begun, starved, came = sums["begun"], sums["starved"], sums["requests"]
    waits = np.sort(np.concatenate([begun, starved]))
    ranks = {percent: max(0, math.ceil(round(len(waits) * percent / 100, 9)) - 1) for percent in (50, 95, 99)}
    return {
        "requests": came,
        "answered": sums["answered"],
        "refused": sums["refused"],
        "interrupted": sums["interrupted"],
        "waiting_at_end": len(starved),
        "mean_wait": math.fsum(waits.data) / len(waits) if len(waits) else None,
        **{f"wait_p{percent}": float(waits[rank]) if len(waits) else None for percent, rank in ranks.items()},
        "wait_max": float(waits[-1]) if len(waits) else None,
        "slo_attainment": int((begun <= slo + ROUNDING).sum()) / came if came else None,
        "cold_start_delayed": sums["cold"] / came if came else None,
        "served": total_of(0.0, sums["served"]),
        "elasticity": follow_of(run).elasticity(),
    }


def sums_of(fates: Requests, ready: list[float | None], *, start: float, end: float) -> dict[str, Any]:
    """The counts of the requests that came from *start* on, and the waits of those that began or starved.

    And, of all, the seconds that each was being served from *start* on.
    """
    came, began, answered, service = (_floats(getattr(fates, name)) for name in _COLUMNS)
    worker = np.frombuffer(fates.worker, dtype=np.int64) if len(fates) else np.empty(0, dtype=np.int64)
    begins, ends = ~np.isnan(began), ~np.isnan(answered)
    until = np.where(ends, answered, began + service)
    gone = np.zeros(len(came), dtype=bool)
    gone[list(fates.refused)] = True
    for number, moment in fates.left:
        gone[number] = True
        if not ends[number]:
            until[number] = moment
    spans = np.minimum(until, end) - np.maximum(began, start)
    judged = came >= start
    waits = began - came
    ready_at = np.array([math.nan if moment is None else moment for moment in ready] + [math.nan])
    cold = judged & (waits > 0) & (worker >= 0) & (ready_at[worker] > came)
    return {
        "requests": int(judged.sum()),
        "answered": int((judged & ends).sum()),
        "refused": int(judged[list(fates.refused)].sum()),
        "interrupted": int(judged[list(fates.interrupted)].sum()),
        "begun": waits[judged & begins],
        "starved": np.maximum(0.0, end - came[judged & ~begins & ~gone]),
        "cold": int(cold.sum()),
        "served": np.maximum(0.0, spans[begins]),
    }


def add_waits(waits: Waits, seconds: Any) -> None:
    """Add each of the *seconds*, an array, to *waits*."""
    if not len(seconds):
        return
    waits.number += len(seconds)
    waits.total = total_of(waits.total, seconds)
    waits.longest = max(waits.longest, float(seconds.max()))
    between = np.bincount(np.searchsorted(_ROUNDED, seconds, side="left"), minlength=len(waits.between))
    waits.between[:] = (between + waits.between).tolist()
    classes = np.where(seconds <= ROUNDING, 0, 1)
    is_long = seconds >= SHORTEST
    classes[is_long] = 2 + (np.log(seconds[is_long] / SHORTEST) / STEP).astype(np.int64)
    counts = np.bincount(classes)
    for place in np.flatnonzero(counts).tolist():
        waits.classes[place] = waits.classes.get(place, 0) + int(counts[place])


def total_of(total: float, numbers: Any) -> float:
    """*total* and all *numbers*, an array, added one after the other: the same, to the last bit, as in a loop."""
    return float(np.add.accumulate(np.concatenate([[total], numbers]))[-1])


def follow_of(run: Run) -> Follow:
    """How supply followed demand in *run*."""
    start, end, fates = run.setting.warm_up, run.ended_at, run.requests
    came, over = _floats(fates.came), _floats(fates.answered).copy()
    over[np.isnan(over)] = end
    for number, moment in fates.left:
        over[number] = min(over[number], moment)
    kept = np.ones(len(came), dtype=bool)
    kept[list(fates.refused)] = False
    came, over = came[kept], np.sort(over[kept])
    there = [life for life in run.workers if life.ready_at is not None]
    ready = np.sort(np.array([life.ready_at for life in there], dtype=np.float64))
    gone = np.sort(np.array([end if life.ended_at is None else life.ended_at for life in there], dtype=np.float64))

    def seen(moments: Any) -> tuple[Any, Any]:
        here = np.searchsorted(came, moments, side="right") - np.searchsorted(over, moments, side="right")
        workers = np.searchsorted(ready, moments, side="right") - np.searchsorted(gone, moments, side="right")
        return -(-here // run.setting.concurrency), workers

    moments = np.concatenate([came, over, ready, gone])
    moments = np.concatenate([[start], np.sort(moments[(moments > start) & (moments < end)])])
    needed, supplied = seen(moments)
    seconds = np.diff(np.append(moments, end))
    follow, width = Follow(), int(supplied.max(initial=0)) + 1
    pairs, places = np.unique(needed * width + supplied, return_inverse=True)
    for pair, together in zip(pairs.tolist(), np.bincount(places, weights=seconds).tolist(), strict=True):
        if together > 0:
            follow.span(together, needed=pair // width, ready=pair % width)
    beats = start + run.setting.interval * np.arange(max(0, math.ceil((end - start) / run.setting.interval)))
    steps = [np.sign(np.diff(column)) for column in seen(beats)]
    follow.periods(max(0, len(beats) - 1), moved=int((steps[0] != steps[1]).sum()))
    return follow


_ROUNDED = np.array(LIMITS) + ROUNDING
_COLUMNS = ("came", "began", "answered", "service")


def _floats(column: Any) -> Any:
    return np.frombuffer(column, dtype=np.float64) if len(column) else np.empty(0)
