"""A schedule: who serves what from when, and when each worker comes and goes; and the check that it is one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

from everai_autoscaler.simulator.optimum.exact import Floats, steps
from everai_autoscaler.simulator.optimum.question import Question

__all__ = ["Schedule", "flaw", "pack"]

Places = npt.NDArray[np.int64]


@frozen(eq=False)
class Schedule:
    """When each request begins, on which worker, and the life of each worker; in seconds."""

    begins: Floats
    worker: Places
    """For each request, the number of its worker."""
    launched: Floats
    """When each worker is launched. One that is ready at second 0 anyway is launched at 0, and ready then."""
    removed: Floats
    given: npt.NDArray[np.bool_]
    """Which workers are ready at second 0 anyway."""

    @property
    def cost(self) -> float:
        """Worker-seconds from launch to removal."""
        return math.fsum((self.removed - self.launched).tolist())

    @property
    def launches(self) -> int:
        """How many workers are launched."""
        return int(np.count_nonzero(~self.given))

    @property
    def fleet(self) -> tuple[tuple[float, int], ...]:
        """From each second on, how many workers there are."""
        return steps(self.launched, self.removed)


class _Fleet:
    """The workers so far; each is one life."""

    def __init__(self, question: Question) -> None:
        self.launched = [0.0] * question.ready
        self.removed = [0.0] * question.ready
        self.given = question.ready
        self._cold_start = question.cold_start

    def launch(self, ready: float) -> int:
        self.launched.append(ready - self._cold_start)
        self.removed.append(ready)
        return len(self.launched) - 1

    def schedule(self, begins: Floats, worker: list[int]) -> Schedule:
        given = np.arange(len(self.launched)) < self.given
        launched, removed = np.array(self.launched, np.float64), np.array(self.removed, np.float64)
        return Schedule(begins, np.array(worker, np.int64), launched, removed, given)


def pack(begins: Floats, services: Floats, question: Question, horizon: float) -> Schedule:
    """Gives requests that begin at *begins* to workers, and keeps a worker through gaps shorter than a cold start.

    With one request at a time it costs as little as can be (see :func:`~.exact.cover`); with several, each goes to the
    worker with a free slot that stays longest anyway.
    """
    order = np.lexsort((services > 0, begins))
    fleet = _Fleet(question)
    place = (_one_at_a_time if question.concurrency == 1 else _several_at_a_time)(
        begins[order].tolist(), services[order].tolist(), question, horizon, fleet
    )
    worker = np.empty(len(order), np.int64)
    worker[order] = place
    return fleet.schedule(begins, worker.tolist())


def _one_at_a_time(
    begins: list[float], services: list[float], question: Question, horizon: float, fleet: _Fleet
) -> list[int]:
    from heapq import heappop, heappush

    busy: list[tuple[float, int]] = []
    idle = [(0.0, number) for number in range(question.ready)]  # the lowest level of the demand is last
    place = []
    for begin, service in zip(begins, services, strict=True):
        while busy and busy[0][0] <= begin:
            idle.append(heappop(busy))
        number = -1
        if idle:
            since, number = idle.pop()
            base = len(busy) < question.minimum
            since = max(since, horizon) if base else since
            fleet.removed[number] = since
            if begin - since > question.cold_start:
                number = -1
        if number < 0:
            number = fleet.launch(begin)
        fleet.removed[number] = begin + service
        heappush(busy, (begin + service, number))
        place.append(number)
    while busy:
        idle.append(heappop(busy))
    for _, number in idle[::-1][: question.minimum]:
        fleet.removed[number] = max(fleet.removed[number], horizon)
    return place


def _several_at_a_time(
    begins: list[float], services: list[float], question: Question, horizon: float, fleet: _Fleet
) -> list[int]:
    from heapq import heappop, heappush

    for number in range(question.minimum):
        fleet.removed[number] = horizon
    there = list(range(question.ready))
    serving = [0] * question.ready
    busy: list[tuple[float, int]] = []
    place = []
    for begin, service in zip(begins, services, strict=True):
        while busy and busy[0][0] <= begin:
            serving[heappop(busy)[1]] -= 1
        there = [one for one in there if serving[one] or begin - fleet.removed[one] <= question.cold_start]
        with_room = [one for one in there if serving[one] < question.concurrency]
        if with_room:
            number = max(with_room, key=fleet.removed.__getitem__)
        else:
            number = fleet.launch(begin)
            there.append(number)
            serving.append(0)
        serving[number] += 1
        fleet.removed[number] = max(fleet.removed[number], begin + service)
        heappush(busy, (begin + service, number))
        place.append(number)
    return place


def flaw(schedule: Schedule, came: Floats, services: Floats, question: Question, horizon: float) -> str:
    """What is wrong with *schedule*, in words; empty when it keeps every rule of *question*.

    It looks at nothing but the schedule itself, and shares no code with what makes schedules.
    """
    begins, worker, ends = schedule.begins, schedule.worker, schedule.begins + services
    slack = 1e-9 * max(1.0, float(np.abs(ends).max(initial=0.0)))
    there = len(schedule.launched)
    complete = (
        (len(begins) != len(came) or not np.all(np.isfinite(begins)), "a request isn't served"),
        (bool(np.any((worker < 0) | (worker >= there))), "a request has no worker"),
    )
    if found := [words for wrong, words in complete if wrong]:
        return found[0]
    late = int(np.count_nonzero(begins > came + question.wait + slack))
    cold = np.where(schedule.given, 0.0, question.cold_start)
    ready = schedule.launched + cold
    given = int(np.count_nonzero(schedule.given))
    rules = (
        (bool(np.any(begins < came - slack)), "a request begins before it comes"),
        (late > question.may_be_late, f"{late} requests are late, {question.may_be_late} may be"),
        (given > question.ready, f"{given} workers are ready at second 0, {question.ready} are given"),
        (bool(np.any(schedule.launched[schedule.given] != 0)), "a given worker isn't there from second 0"),
        (bool(np.any(begins < ready[worker] - slack)), "a worker serves before it is ready"),
        (bool(np.any(ends > schedule.removed[worker] + slack)), "a worker is removed while it serves"),
        (bool(np.any(schedule.removed < ready - slack)), "a worker is removed before it is ready"),
        (_most_at_once(begins, ends, worker, slack) > question.concurrency, "a worker serves too many at once"),
        (
            _fewest(ready, schedule.removed, horizon, slack) < question.minimum,
            "there are fewer workers than the minimum",
        ),
    )
    return next((words for wrong, words in rules if wrong), "")


def _most_at_once(begins: Floats, ends: Floats, worker: Places, slack: float) -> int:
    """The most requests that one worker serves at once; what overlaps by no more than *slack* doesn't count."""
    lasting = ends > begins + slack
    begins, ends, worker = begins[lasting] + slack / 2, ends[lasting] - slack / 2, worker[lasting]
    times = np.concatenate((ends, begins))
    change = np.repeat([-1, 1], len(begins))
    of = np.concatenate((worker, worker))
    running = np.cumsum(change[np.lexsort((change, times, of))])
    return int(running.max(initial=0))


def _fewest(ready: Floats, removed: Floats, horizon: float, slack: float) -> int:
    """The fewest ready workers at any moment from second 0 until before *horizon*."""
    moments = np.concatenate(([0.0], removed, ready))
    moments = moments[(moments >= 0) & (moments < horizon - slack)]
    if not len(moments):
        return len(ready)
    there = np.searchsorted(np.sort(ready), moments + slack, "right")
    gone = np.searchsorted(np.sort(removed), moments + slack, "right")
    return int((there - gone).min())
