"""Curves of a workload over time: work that may or must have been done, and load that is there in any case."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from everai_autoscaler.simulator.optimum.exact import Floats

__all__ = ["load_in_cells", "work_done"]


def work_done(begins: Floats, services: Floats, moments: Floats) -> Floats:
    """The work done by each of the rising *moments* when requests begin at *begins*: sum of min(s, max(0, t - begin)).

    >>> work_done(np.array([0.0, 1.0]), np.array([2.0, 2.0]), np.array([0.0, 1.5, 9.0])).tolist()
    [0.0, 2.0, 4.0]
    """
    if not len(begins):
        return np.zeros(len(moments))
    times, slopes = _events(begins, begins + services)
    done = np.concatenate(([0.0], np.cumsum(slopes[:-1] * np.diff(times))))
    place = np.searchsorted(times, moments, "right") - 1
    before = np.maximum(place, 0)
    return np.where(place >= 0, done[before] + slopes[before] * (moments - times[before]), 0.0)


def load_in_cells(begins: Floats, ends: Floats, edges: Floats, concurrency: int) -> tuple[Floats, Floats, Floats]:
    """How many workers the requests that run from *begins* to *ends* need, over the cells between *edges*.

    Returns:
        The integral of that number over each cell, its value at each edge (of what has begun by then and not ended),
        and its maximum in each cell.

    >>> load_in_cells(np.array([1.0]), np.array([3.0]), np.array([0.0, 2.0, 4.0]), 1)
    (array([1., 1.]), array([0., 1., 0.]), array([1., 1.]))
    """
    if not len(begins):
        return np.zeros(len(edges) - 1), np.zeros(len(edges)), np.zeros(len(edges) - 1)
    times, load = _events(begins, ends)
    needed = np.ceil(load / concurrency)
    area = np.concatenate(([0.0], np.cumsum(needed[:-1] * np.diff(times))))
    place = np.searchsorted(times, edges, "right") - 1
    before = np.maximum(place, 0)
    at_edge = np.where(place >= 0, needed[before], 0.0)
    until = np.where(place >= 0, area[before] + at_edge * (edges - times[before]), 0.0)
    most = at_edge[:-1].copy()
    cell = np.searchsorted(edges, times, "right") - 1
    inside = (cell >= 0) & (cell < len(most))
    np.maximum.at(most, cell[inside], needed[inside])
    return np.maximum(np.diff(until), 0.0), at_edge, most


def _events(begins: Floats, ends: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The moments at which the number of those running changes, and that number from each on."""
    times = np.concatenate((begins, ends))
    change = np.concatenate((np.ones(len(begins), np.int64), -np.ones(len(ends), np.int64)))
    order = np.argsort(times, kind="stable")
    times, running = times[order], np.cumsum(change[order])
    last = np.append(times[1:] != times[:-1], True)
    return times[last], running[last]
