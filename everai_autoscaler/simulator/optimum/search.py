"""Looks for a cheap schedule: a plan's workers, rounded, then mended where requests would wait too long."""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen

from everai_autoscaler.simulator.optimum.bound import Bound
from everai_autoscaler.simulator.optimum.dispatch import begin
from everai_autoscaler.simulator.optimum.exact import Floats, cover
from everai_autoscaler.simulator.optimum.lateness import spend
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.optimum.schedule import Places, pack
from everai_autoscaler.simulator.optimum.tighten import tightened

__all__ = ["Found", "search"]


@frozen(eq=False)
class Found:
    """When each request begins, what that costs, and how it was found."""

    begins: Floats
    cost: float
    how: str


def search(
    came: Floats, services: Floats, question: Question, plans: list[Bound], horizon: float, *, trials: int
) -> Found:
    """The cheapest of the schedules that come of rounding *plans* up, each mended, in *trials* trials.

    Where some requests may be late, each schedule in which fewer are is improved by letting more of them be.
    """
    looking = _Looking(came, services, question, horizon)
    for number, plan in enumerate(plans, 1):
        ranked = np.flatnonzero(plan.late > 1e-6)
        ranked = ranked[np.argsort(-plan.late[ranked], kind="stable")][: question.may_be_late]
        for factor in (1.0, 1.03, 1.08):
            how = f"a linear programme's workers{f' times {factor:g}' if factor > 1 else ''}, rounded up and mended"
            least = trials * (number - 1) // len(plans)
            left = trials * number // len(plans) - max(looking.trials, least)
            looking.mend(plan.edges, np.ceil(plan.ready * factor - 1e-6), set(ranked.tolist()), left, how)
    return looking.best


class _Looking:
    def __init__(self, came: Floats, services: Floats, question: Question, horizon: float) -> None:
        self._came, self._services, self._question, self._horizon = came, services, question, horizon
        self._lists = came.tolist(), services.tolist()
        self.best = Found(came, math.inf, "")
        self.trials = 0
        self._offer(came, "every request begins when it comes")

    def _offer(self, begins: Floats, how: str) -> float:
        """Keeps a schedule that is cheaper than the best; says what it costs, with what lateness may still save."""
        self.trials += 1
        cost = self._cost(begins)
        if self._question.concurrency == 1:
            packed = pack(begins, self._services, self._question, self._horizon)
            begins = tightened(packed, self._came, self._services, self._question)
            cost = self._cost(begins)
        for _ in range(2 if self._question.may_be_late else 0):
            packed = pack(begins, self._services, self._question, self._horizon)
            better = spend(packed, self._came, self._services, self._question)
            if better is None or self._cost(better) >= cost:
                break
            begins, cost = better, self._cost(better)
        if cost < self.best.cost:
            self.best = Found(begins, cost, how)
        return cost

    def _cost(self, begins: Floats) -> float:
        if self._question.concurrency > 1:
            return pack(begins, self._services, self._question, self._horizon).cost
        return cover(begins, begins + self._services, self._question, self._horizon).cost

    def mend(self, edges: Floats, workers: Floats, patient: set[int], trials: int, how: str) -> None:
        """Adds a worker wherever a request had to begin without one."""
        stale, least = 0, math.inf
        for _ in range(trials):
            begins, forced = self._begin(edges, workers, patient)
            cost = self._offer(begins, how)
            stale = 0 if cost < least else stale + 1
            least = min(cost, least)
            if not len(forced) or stale > 2:
                break
            first = np.searchsorted(edges, self._came[forced], "right") - 1
            last = np.searchsorted(edges, begins[forced], "right")
            more = np.zeros(len(workers) + 1)
            np.add.at(more, first, 1)
            np.add.at(more, np.minimum(last, len(workers)), -1)
            workers = workers + (np.cumsum(more)[:-1] > 0)

    def _begin(self, edges: Floats, workers: Floats, patient: set[int]) -> tuple[Floats, Places]:
        """When each begins, and the numbers of those that began without a free slot."""
        came, services = self._lists
        slots = (workers * self._question.concurrency).astype(np.int64)
        begins = np.array(
            begin(
                came,
                services,
                wait=self._question.wait,
                edges=edges[:-1].tolist(),
                slots=slots.tolist(),
                patient=patient,
            ),
            np.float64,
        )
        at_last = np.abs(begins - self._came - self._question.wait) <= 1e-9 * np.maximum(1.0, begins)
        cell = np.clip(np.searchsorted(edges, begins, "right") - 1, 0, len(slots) - 1)
        started, ended = np.sort(begins), np.sort(begins + self._services)
        taken = np.searchsorted(started, begins, "right") - np.searchsorted(ended, begins, "right")
        return begins, np.flatnonzero(at_last & (taken > slots[cell]))
