"""A proven lower bound where requests may wait: linear programmes over a time grid, priced where they are cut apart."""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen

from everai_autoscaler.simulator.optimum.exact import Floats
from everai_autoscaler.simulator.optimum.grid import grid, stretches
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.optimum.stretch import Asked, Prices, Stretch

__all__ = ["Bound", "lower_bound"]

_SIZES = {True: (1500, 1000), False: (400, 300)}
"""Cells of the rough programme and of each stretch, by whether every request must begin in time."""


@frozen(eq=False)
class Bound:
    """A proven bound, and the fractional plan behind it, from which schedules are made."""

    value: float
    """Worker-seconds that no schedule costs less than."""
    edges: Floats
    """The grid, in seconds."""
    ready: Floats
    """Ready workers in each cell on average, as the programmes would have them; a fraction."""
    late: Floats
    """For each request, the part by which it was let be late."""


def lower_bound(came: Floats, services: Floats, question: Question, *, known: float, cells: int) -> Bound:
    """The bound on a grid of about *cells* cells, where a schedule of cost *known* is known.

    Each stretch of time is a linear programme that every schedule satisfies (:class:`~.stretch.Stretch`). So the sum
    of their least costs is a bound, if what a stretch takes over from the one before is free. It is made better, and
    stays valid, by prices: a stretch pays for each worker that is ready at its start, for each second of work done by
    then, and for each request that is late, and the one before is paid the same. Over a schedule the payments cancel
    (those for late requests but for the price of as many as may be late, which is taken off), whatever the prices are.
    They come from a rough programme over the whole time, and only how good the bound is depends on them.
    """
    asked = Asked.of(came, services, question, known)
    end = asked.horizon + question.wait
    rough_cells, stretch_cells = _SIZES[not question.may_be_late]
    rough = grid(came, asked.until, end, min(cells, rough_cells))
    whole = Stretch(asked, rough, Prices(), np.zeros(len(came), np.int64), alone=True)
    solution = whole.programme.solve()
    common = whole.prices(solution)

    edges = grid(came, asked.until, end, cells)
    cut = stretches(came, asked.until, edges, stretch_cells, question.cold_start)
    cuts = edges[[first for first, _ in cut[1:]]]
    handed = np.zeros((len(cut) + 1, 2))
    near = np.clip(np.searchsorted(rough, cuts), 0, len(rough) - 2)
    known_there = np.abs(rough[near] - cuts) + np.diff(rough)[near] <= 2 * (question.cold_start + question.wait)
    handed[1:-1] = np.where(known_there[:, None], np.stack(whole.edge_prices(solution), 1)[near], 0.0)
    crossed = np.searchsorted(cuts, asked.until, "left") - np.searchsorted(cuts, came, "right")

    value = whole.programme.bound(solution.prices) if len(cut) == 1 and len(edges) <= len(rough) else None
    ready, late = np.zeros(len(edges) - 1), np.zeros(len(came))
    total = -common.late * question.may_be_late
    # A stretch counts work from what was over before it began.
    over = [float(services[asked.until <= moment].sum()) for moment in edges[[first for first, _ in cut]]]
    total += float(np.sum(handed[1:-1, 1] * np.diff(over)))
    for number, (first, last) in enumerate(cut):
        start, finish = handed[number].tolist(), handed[number + 1].tolist()
        part = Stretch(asked, edges[first : last + 1], evolve(common, at_start=start, at_end=finish), crossed)
        solution = part.programme.solve()
        total += part.programme.bound(solution.prices)
        ready[first:last] = solution.values[part.ready]
        np.maximum.at(late, *part.let_be_late(solution))
    best = total if value is None else max(total, value)
    return Bound(max(0.0, min(best - 1e-9 * abs(best), known)), edges, ready, late)
