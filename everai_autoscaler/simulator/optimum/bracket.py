"""The limits round the least cost of one question."""

from __future__ import annotations

import numpy as np

from everai_autoscaler.simulator.optimum.answer import Optimum
from everai_autoscaler.simulator.optimum.exact import cover
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.workload import Workload

__all__ = ["bracket"]


def bracket(workload: Workload, question: Question, *, static: int, static_cost: float) -> Optimum:
    """The proven limits for *question*, beside the static fleet that was found for it."""
    came = np.frombuffer(workload.arrivals, np.float64)
    service = np.frombuffer(workload.services, np.float64)
    ends = came + service
    horizon = float(ends.max(initial=0.0))
    best = cover(came, ends, question, horizon)
    exact = question.wait == 0 and question.share == 1 and question.concurrency == 1
    work = float(service.sum()) / question.concurrency
    return Optimum(
        question=question,
        bound=best.cost if exact else min(work, best.cost),
        schedule=best.cost,
        bound_how="exact: no request waits, so that each level of the demand is covered at its own least cost"
        if exact
        else "all the work has to be done",
        schedule_how="every request begins when it comes; each level of the demand is covered at its own least cost",
        fleet=best.fleet,
        launches=best.launches,
        horizon=horizon,
        static=static,
        static_cost=static_cost,
    )
