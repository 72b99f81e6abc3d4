"""The limits round the least cost of one question: each proven bound, and the cheapest schedule of each kind."""

from __future__ import annotations

import numpy as np
from attrs import evolve

from everai_autoscaler.errors import AutoscalerError
from everai_autoscaler.simulator.optimum.answer import Optimum
from everai_autoscaler.simulator.optimum.bound import lower_bound
from everai_autoscaler.simulator.optimum.exact import Floats, cover, most_at_once
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.optimum.schedule import Schedule, flaw, pack
from everai_autoscaler.simulator.optimum.search import Found, search
from everai_autoscaler.simulator.optimum.static import begins_with, static_fleet
from everai_autoscaler.simulator.workload import Workload

__all__ = ["bracket"]

_TRIALS = 400_000
"""So many requests are scheduled anew in the search, a few seconds' worth."""
_EXACT = "exact: nobody waits, so that each level of the demand is covered at its own least cost"
_WORK = "all the work has to be done, and the minimum is there"
_MUST = "requests that run for longer than they may wait are there at known times; each level of them is covered"
_GRID = "a linear programme over time, its dual objective computed outside the solver"


def bracket(workload: Workload, question: Question) -> Optimum:
    """The proven limits for *question*, beside the best static fleet."""
    came = np.frombuffer(workload.arrivals, np.float64)
    services = np.frombuffer(workload.services, np.float64)
    ends = came + services
    horizon = float(ends.max(initial=0.0))
    at_once = cover(came, ends, question, horizon)
    static, static_cost = _static(workload, question, came, ends, horizon)
    if not question.wait and not question.may_be_late and question.concurrency == 1:
        return Optimum(
            bound=at_once.cost,
            schedule=at_once.cost,
            question=question,
            bound_how=_EXACT,
            schedule_how="every request begins when it comes",
            fleet=at_once.fleet,
            launches=at_once.launches,
            horizon=horizon,
            static=static,
            static_cost=static_cost,
        )
    fixed = Found(came, 0.0, "every request begins when it comes")
    begins = np.array(begins_with(workload, static * question.concurrency), np.float64)
    constant = Found(begins, 0.0, f"first come, first served by {static} workers, each there only when it is needed")
    candidates = [(pack(one.begins, services, question, horizon), one.how) for one in (fixed, constant)]
    cheapest = min(candidates, key=lambda one: one[0].cost)
    bounds = [(_work(services, question, horizon), _WORK), (_must(came, services, question, horizon), _MUST)]
    if len(came) and horizon + question.wait > 0:
        plan = lower_bound(came, services, question, known=cheapest[0].cost, cells=_cells(question, horizon))
        bounds.append((plan.value, _GRID))
        plans = [plan]
        if question.may_be_late:
            strictly = evolve(question, share=1.0)
            plans.append(lower_bound(came, services, strictly, known=at_once.cost, cells=_cells(question, horizon)))
        trials = min(max(_TRIALS // len(came) // len(plans), 6), 40)
        found = search(came, services, question, plans, horizon, trials=trials)
        candidates.append((pack(found.begins, services, question, horizon), found.how))
    schedule, schedule_how = _checked(candidates, came, services, question, horizon)
    bound, bound_how = max(bounds)
    if bound > schedule.cost * (1 + 1e-6):
        raise AutoscalerError(f"optimum: the bound {bound} is above a schedule of {schedule.cost}; please report it")
    return Optimum(
        bound=min(bound, schedule.cost),
        schedule=schedule.cost,
        question=question,
        bound_how=bound_how,
        schedule_how=schedule_how,
        fleet=schedule.fleet,
        launches=schedule.launches,
        late=int(np.count_nonzero(schedule.begins > came + question.wait + 1e-9 * np.maximum(1.0, schedule.begins))),
        horizon=horizon,
        static=static,
        static_cost=static_cost,
    )


def _static(workload: Workload, question: Question, came: Floats, ends: Floats, horizon: float) -> tuple[int, float]:
    """As ``static_fleet``, which need not try where nobody may wait: as many as are ever served at once are enough."""
    if question.wait or question.may_be_late or question.concurrency > 1 or not len(came) or (ends == came).any():
        return static_fleet(workload, question)
    enough = max(question.minimum, most_at_once(came, ends))
    return enough, enough * horizon + question.cold_start * max(0, enough - question.ready)


def _cells(question: Question, horizon: float) -> int:
    """As many cells as make each narrow beside the limit on waiting, within what a few seconds allow."""
    width = 0.35 * max(question.wait, 1.0) ** 0.5
    return int(min(max(horizon / width, 50), 4_000 if question.may_be_late else 30_000))


def _work(services: Floats, question: Question, horizon: float) -> float:
    return max(float(services.sum()) / question.concurrency, question.minimum * horizon) * (1 - 1e-12)


def _must(came: Floats, services: Floats, question: Question, horizon: float) -> float:
    """What it costs to have a worker for each request from when it began at the latest until it ended at the soonest.

    A request that may wait W and runs for s > W is served from W to s seconds after it comes, whenever it begins.
    Whoever serves all has at least as many workers as such requests (or, with several at a time, as many as hold
    them), and the least cost of that is exact, level by level. It says nothing where requests may be late.
    """
    lasting = services > question.wait
    if question.may_be_late or not lasting.any():
        return 0.0
    begins, ends = came[lasting] + question.wait, came[lasting] + services[lasting]
    if question.concurrency > 1:
        times = np.concatenate((ends, begins))
        change = np.repeat([-1, 1], len(begins))
        order = np.argsort(times, kind="stable")
        needed = -(-np.cumsum(change[order]) // question.concurrency)
        steps = np.diff(needed, prepend=0)
        begins = np.repeat(times[order], np.maximum(steps, 0))
        ends = np.repeat(times[order], np.maximum(-steps, 0))
    return cover(begins, ends, question, horizon).cost * (1 - 1e-12)


def _checked(
    candidates: list[tuple[Schedule, str]], came: Floats, services: Floats, question: Question, horizon: float
) -> tuple[Schedule, str]:
    """The cheapest of the *candidates* that keep every rule."""
    flaws = []
    for schedule, how in sorted(candidates, key=lambda one: one[0].cost):
        found = flaw(schedule, came, services, question, horizon)
        if not found:
            return schedule, how
        flaws.append(f"{how}: {found}")
    raise AutoscalerError(f"optimum: no schedule passed the check: {'; '.join(flaws)}")
