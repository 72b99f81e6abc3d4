"""What is drawn of very many requests, in whole columns at a time; the same as one by one, in a tenth of the time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from everai_autoscaler.simulator.plots.levels import GRAIN, Level

if TYPE_CHECKING:
    from everai_autoscaler.simulator.plots.axes import View
    from everai_autoscaler.simulator.plots.scale import Scale
    from everai_autoscaler.simulator.run import Requests

__all__ = ["by_tick", "counts", "demand", "dots", "level", "longest_wait", "quantiles", "served", "waits"]


def level(ups: Any, downs: Any, *, end: float, columns: int) -> Level:
    """As ``levels.level``."""
    came, went, width = _floats(ups), _floats(downs), end / columns
    came, went = came[came < end], went[went < end]
    edges = np.arange(columns) * width
    # Where a column begins is a moment as well, so that no span lies in two columns.
    moments = np.maximum(np.concatenate([edges, went, came]), 0.0)
    changes = np.repeat([0, -1, 1], [columns, len(went), len(came)])
    in_order = np.argsort(moments, kind="stable")
    moments = moments[in_order]
    here = np.cumsum(changes[in_order])
    seconds = np.diff(np.append(moments, max(end, moments[-1])))
    column = np.searchsorted(edges, moments, side="right") - 1
    first = np.searchsorted(column, np.arange(columns), side="left")
    peak = np.maximum.reduceat(np.where(seconds > 0, here, 0), first)
    mean = np.bincount(column, weights=here * seconds, minlength=columns) / width
    return Level(mean.tolist(), np.maximum(peak, 0).tolist())


def counts(moments: Any, *, width: float, columns: int) -> list[int]:
    """As ``levels.counts``."""
    places = np.minimum(columns - 1, (_floats(moments) / width).astype(np.int64))
    found: list[int] = np.bincount(places, minlength=columns).tolist()
    return found


def quantiles(moments: Any, values: Any, shares: Sequence[float], *, width: float, columns: int) -> list[list[float]]:
    """As ``levels.quantiles``."""
    places, of = np.minimum(columns - 1, (_floats(moments) / width).astype(np.int64)), _floats(values)
    in_order = np.lexsort((of, places))
    groups = np.split(of[in_order], np.searchsorted(places[in_order], np.arange(1, columns)))
    return [
        [float(group[max(0, math.ceil(share * len(group)) - 1)]) if len(group) else math.nan for group in groups]
        for share in shares
    ]


def demand(fates: Requests, *, end: float, columns: int) -> tuple[Level, Level, Level]:
    """The requests that wait, those that are being served, and both together."""
    kept = np.ones(len(fates), dtype=bool)
    kept[list(fates.refused)] = False
    gone = _floats(fates.answered).copy()
    for number, moment in fates.left:  # one whose client hung up is gone then, served or not
        gone[number] = moment
    came, began, gone = _floats(fates.came)[kept], _floats(fates.began)[kept], gone[kept]
    is_begun = ~np.isnan(began)
    return (
        level(came, np.where(is_begun, began, gone), end=end, columns=columns),
        level(began[is_begun], gone[is_begun], end=end, columns=columns),
        level(came, gone, end=end, columns=columns),
    )


def served(fates: Requests, gone: Sequence[float], end: float) -> tuple[Any, Any]:
    """When a worker began with each request that one began with, and when it had nothing to do with it any more.

    Args:
        fates: what became of the requests.
        gone: when each worker was gone.
        end: when the run ended.
    """
    began, until = _floats(fates.began), _floats(fates.answered).copy()
    worker = np.asarray(fates.worker, dtype=np.int64)
    unanswered = np.isnan(until)
    known = (worker >= 0) & (worker < len(gone))
    until[unanswered] = np.where(known, np.append(_floats(gone), end)[np.where(known, worker, -1)], end)[unanswered]
    for number, moment in fates.left:
        if unanswered[number]:
            until[number] = moment
    is_begun = ~np.isnan(began)
    return began[is_begun], until[is_begun]


def waits(fates: Requests, *, limit: float) -> tuple[tuple[Any, Any], tuple[Any, Any], list[float]]:
    """When requests came, and for how many seconds each waited: those up to the *limit*, and the others.

    And when those came that no worker began with.
    """
    came, began = _floats(fates.came), _floats(fates.began)
    never, late = np.isnan(began), began - came > limit
    in_time = ~never & ~late
    return (came[in_time], (began - came)[in_time]), (came[late], (began - came)[late]), came[never].tolist()


def dots(came: Any, seconds: Any, view: View, scale: Scale, height: float) -> list[tuple[float, float]]:
    """Where the waits of so many *seconds* stand, one for each square of some pixels, as ``levels.thinned``."""
    x, y = _floats(came) / view.end * view.width, height * (1 - _places(scale, _floats(seconds)))
    squares = (x // GRAIN).astype(np.int64) * (int(height // GRAIN) + 2) + (y // GRAIN).astype(np.int64)
    _, first = np.unique(squares, return_index=True)
    _, last = np.unique(squares[::-1], return_index=True)
    chosen = (len(squares) - 1 - last)[np.argsort(first)]
    return list(zip(x[chosen].tolist(), y[chosen].tolist(), strict=True))


def longest_wait(fates: Requests) -> tuple[float, float]:
    """How long the longest wait was, and when its request came; 0 and 0 where none waited."""
    seconds = _floats(fates.began) - _floats(fates.came)
    longest = float(np.nanmax(seconds, initial=0.0))
    return (longest, fates.came[int(np.nanargmax(seconds))]) if longest > 0 else (0.0, 0.0)


def by_tick(
    fates: Requests, at: Sequence[float], *, ended_at: float, limit: float
) -> tuple[list[int], list[int], list[float]]:
    """For each decision the requests that came until the next, how many of them were late, and the longest wait.

    Args:
        fates: what became of the requests.
        at: when each decision was.
        ended_at: when the run ended: what no worker began with has waited until then, and is late.
        limit: the longest wait that isn't late.
    """
    came, began = _floats(fates.came), _floats(fates.began)
    never = np.isnan(began)
    seconds = np.where(never, ended_at, began) - came
    places = np.maximum(0, np.searchsorted(_floats(at), came, side="right") - 1)
    late = np.bincount(places[(seconds > limit) | never], minlength=len(at))
    longest = np.zeros(len(at))
    np.maximum.at(longest, places, seconds)
    return np.bincount(places, minlength=len(at)).tolist(), late.tolist(), longest.tolist()


def _places(scale: Scale, values: Any) -> Any:
    """As ``Scale.place``, for an axis that begins at 0."""
    if scale.linear_to == math.inf:
        return np.minimum(values / scale.top, 1.0)
    bends = np.minimum(values, scale.top) / scale.linear_to
    bent = np.where(bends <= 1, bends, 1 + np.log(np.maximum(bends, 1)))
    return bent / (1 + math.log(scale.top / scale.linear_to))


def _floats(column: Any) -> Any:
    return np.asarray(column, dtype=np.float64)
