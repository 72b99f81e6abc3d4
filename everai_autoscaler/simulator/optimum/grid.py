"""The grid over time on which a linear programme looks at a workload, and the stretches it is cut into."""

from __future__ import annotations

import numpy as np

from everai_autoscaler.simulator.optimum.exact import Floats

__all__ = ["grid", "stretches"]


def grid(came: Floats, until: Floats, end: float, cells: int) -> Floats:
    """Edges of about *cells* equal cells from second 0 to *end*, and one wide cell wherever nothing can run.

    Args:
        came: when each request comes, in order.
        until: the last second at which it may still run.
        end: the last edge.
        cells: how many cells are wanted where something can run; at least 1.
    """
    latest = np.maximum.accumulate(until)
    idle = np.flatnonzero(came[1:] > latest[:-1])
    quiet = np.append(latest[idle], latest[-1]), np.append(came[idle + 1], end)
    begins, ends = np.append(0.0, quiet[0]), np.append(came[0], quiet[1])
    width = max((end - float(np.sum(ends - begins))) / cells, end * 1e-9)
    count = max(round(end / width), 1)
    if count > 50 * cells:
        return _of_busy(begins, ends, width)
    edges = np.linspace(0.0, end, count + 1)
    place = np.searchsorted(begins, edges, "right") - 1
    inside = (edges > begins[place] + width) & (edges < ends[place] - width)
    inside[[0, -1]] = False
    return edges[~inside]


def _of_busy(begins: Floats, ends: Floats, width: float) -> Floats:
    """Edges where something can run: between the end of one quiet time and the beginning of the next."""
    parts = [np.array([0.0])]
    for busy, quiet in zip(ends[:-1].tolist(), begins[1:].tolist(), strict=True):
        parts.append(np.linspace(busy, quiet, max(round((quiet - busy) / width), 1) + 1))
    return np.unique(np.append(np.concatenate(parts), ends[-1]))


def stretches(came: Floats, until: Floats, edges: Floats, cells: int, cold_start: float) -> list[tuple[int, int]]:
    """Cuts the grid into stretches of about *cells* cells, where few requests can run within a cold start of the cut.

    Returns:
        For each stretch the number of its first edge and that of its last.
    """
    ended = np.sort(until)
    near = np.searchsorted(came, edges + cold_start, "right") - np.searchsorted(ended, edges, "left")
    cuts = [0]
    last = len(edges) - 1
    while last - cuts[-1] > 1.4 * cells:
        first = cuts[-1] + int(0.7 * cells)
        cuts.append(first + int(np.argmin(near[first : cuts[-1] + int(1.3 * cells)])))
    return list(zip(cuts, [*cuts[1:], last], strict=True))
