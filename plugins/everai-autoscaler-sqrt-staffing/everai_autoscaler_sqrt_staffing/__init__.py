"""Have as many workers as the load needs and, for its chance ups and downs, a multiple of its square root more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import ceil, erfc, exp, pi, sqrt
from typing import ClassVar

from attrs import frozen

from everai_autoscaler import argument, hookimpl
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, WorkerStatus

__all__ = ["SqrtStaffingAutoScaler", "beta_for", "probability_of_waiting", "refinement", "staff"]


@frozen
class SqrtStaffingAutoScaler(AutoScaler):
    """Have ``R + beta * sqrt(R)`` workers, so that a request waits with about the probability *waiting_probability*.

    The offered load *R* is how many requests would be served at once if there were workers for all of them. By
    Little's law that is arrival rate x service time; here it is the mean, over now and the histories of the last
    *window* seconds, of those that are served (busy workers, one request each) and those that wait.

    >>> from everai_autoscaler.testing import snapshot
    >>> earlier = {"queue_histories": {20: {}, 40: {}}, "worker_histories": {20: {"Busy": 3}, 40: {"Busy": 5}}}
    >>> factors = snapshot(busy=4, **earlier)
    >>> result = SqrtStaffingAutoScaler(waiting_probability=0.2).decide(factors)
    >>> result.up, result.reasons[0].why
    (3, 'a load of 4 over 40 s, and 2.51 more for a chance of 20 % to wait: 7 wanted (1 to 10), 4 there')
    """

    steady: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    waiting_probability: float = argument(0.1, gt=0, le=1, help="share of the requests that may have to wait")
    window: float = argument(300.0, gt=0, help="seconds over which the load is averaged")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    max_idle_time: float = argument(60.0, ge=0, help="seconds without work after which a worker may go")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """Go to what the load and its ups and downs need; down only where the load is known for long enough."""
        fleet, waiting = Fleet.of(factors, start_timeout=self.start_timeout), factors.waiting()
        least, most = self.min_workers, self.max_workers
        if fleet is None:
            return DecideResult.hold(factors, "the workers are not known", max_workers=most)
        there, busy = fleet.present, len(fleet.busy)
        if waiting is None and there >= least:
            return DecideResult.hold(factors, "the queue is not known", max_workers=most)
        loads = self._loads(factors, busy + (waiting or 0))
        load, reach = sum(loads.values()) / len(loads), max(loads)
        more, chance = _safety(load, self.waiting_probability), self.waiting_probability * 100
        # Those on their way were asked for a moment ago: a load that is a little less for once doesn't call them off.
        wanted, unknown = max(staff(load, self.waiting_probability), there - len(fleet.free)), ""
        why = f"a load of {load:.3g} over {reach} s, and {more:.3g} more for a chance of {chance:.3g} % to wait"
        if there < least:
            wanted, why = least, "below the minimum"
        elif not reach and not there:
            wanted, why = min(waiting or 0, 1), f"{waiting} waiting and no worker"
        elif not reach:
            unknown = "how the queue and the workers have been is not known"
        elif wanted < there and reach < self.max_idle_time:
            unknown = f"{wanted} wanted, {there} there, but the load is known for only {reach} s"
        if unknown and not fleet.suspects:  # else they go all the same
            return DecideResult.hold(factors, unknown, max_workers=most)
        if unknown:
            wanted, why = there, unknown
        return DecideResult.towards(
            wanted, fleet, why, min_workers=least, max_workers=most, max_idle_time=self.max_idle_time
        )

    def _loads(self, factors: Factors, now: int) -> dict[int, int]:
        """Requests that are served or wait, by age in seconds, those of *now* included."""
        queues, workers = factors.queue_histories or {}, factors.worker_histories or {}
        earlier = {
            age: workers[age].get(WorkerStatus.Busy, 0) + sum(queues[age].values())
            for age in workers
            if age in queues and age <= self.window
        }
        return {**earlier, 0: now}


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """The scaler ``sqrt-staffing``."""
    return {"sqrt-staffing": SqrtStaffingAutoScaler}


def staff(load: float, waiting_probability: float) -> int:
    """The workers that a *load* needs so that a request waits with at most about *waiting_probability*.

    ``ceil(R + beta * sqrt(R) + refinement)``, rounded up because a share of a worker serves no request.

    >>> staff(100, 0.1), staff(0, 0.1)
    (115, 0)
    """
    return ceil(load + _safety(load, waiting_probability))


def probability_of_waiting(beta: float) -> float:
    """Halfin and Whitt's limit of the probability that a request waits: ``1 / (1 + beta * Phi(beta) / phi(beta))``.

    >>> round(probability_of_waiting(1.0), 4)
    0.2234
    """
    return 1 / (1 + beta * _mills(beta))


@cache
def beta_for(waiting_probability: float) -> float:
    """The beta of which ``probability_of_waiting`` is *waiting_probability*, above 0 and at most 1; by bisection.

    >>> round(beta_for(0.2), 4)
    1.0615
    """
    low, high = 0.0, 30.0  # at 30 the probability is below 1e-190
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if probability_of_waiting(middle) > waiting_probability else (low, middle)
    return high


@cache
def refinement(beta: float) -> float:
    """What the next term of Erlang C's expansion adds to ``R + beta * sqrt(R)``, whatever the load.

    Without it the rule is a worker too small at many loads; at half of them for a probability of 0.1. With
    ``1 / C = 1 + beta * h(beta) + e(beta) / sqrt(R) + ...`` and ``h = Phi / phi``, a shift of beta by
    ``-e / (sqrt(R) * (beta * h)')`` undoes the error term *e*: a constant number of workers.

    >>> round(refinement(beta_for(0.2)), 4)
    0.3827
    """
    # The integrals of t**k * exp(beta * t - t**2 / 2) over t > 0, for k = 0 to 3.
    zeroth = _mills(beta)
    first = 1 + beta * zeroth
    second = zeroth + beta * first
    third = 2 * first + beta * second
    error = beta * (third / 3 - beta * second / 2) - beta**2 * zeroth - beta
    return -error / (zeroth + beta * first)


def _safety(load: float, waiting_probability: float) -> float:
    beta = beta_for(waiting_probability)
    return beta * sqrt(load) + refinement(beta) if load else 0.0


def _mills(beta: float) -> float:
    """The normal distribution function over its density."""
    return erfc(-beta / sqrt(2)) / 2 / (exp(-(beta**2) / 2) / sqrt(2 * pi))
