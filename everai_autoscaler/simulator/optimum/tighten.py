"""Closes the gaps in a worker's life: its requests begin as late as they may, so that it is launched later."""

from __future__ import annotations

import numpy as np

from everai_autoscaler.simulator.optimum.exact import Floats
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.optimum.schedule import Schedule

__all__ = ["tightened"]


def tightened(schedule: Schedule, came: Floats, services: Floats, question: Question) -> Floats:
    """When requests begin if each worker, one request at a time, serves its own in the same order in the least time.

    First each begins as soon as it can, which gives the soonest last answer; then, from the last to the first, as late
    as that answer and its own limit allow. No life with the same requests in the same order is shorter. Requests that
    are late already stay late.
    """
    order = np.lexsort((services > 0, schedule.begins, schedule.worker))
    worker = schedule.worker[order].tolist()
    arrivals, lengths = came[order].tolist(), services[order].tolist()
    limits = np.where(schedule.begins > came + question.wait, np.inf, came + question.wait)[order].tolist()
    begins = [0.0] * len(order)
    life, free = -1, 0.0
    for place, number in enumerate(worker):
        free = free if number == life else 0.0
        life = number
        begins[place] = max(arrivals[place], free)
        free = begins[place] + lengths[place]
    life, until = -1, 0.0
    for place in range(len(order) - 1, -1, -1):
        until = until if worker[place] == life else begins[place] + lengths[place]
        life = worker[place]
        # Never sooner than it could begin, whatever rounding says.
        begins[place] = max(begins[place], min(limits[place], until - lengths[place]))
        until = begins[place]
    result = np.empty(len(order))
    result[order] = begins
    return result
