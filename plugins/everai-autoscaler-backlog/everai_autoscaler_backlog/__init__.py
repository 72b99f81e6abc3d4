"""Start as many workers as drain what waits within a target time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, inf
from typing import ClassVar

from attrs import frozen

from everai_autoscaler import argument, hookimpl
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, Worker

__all__ = ["BacklogAutoScaler"]


@frozen
class BacklogAutoScaler(AutoScaler):
    """Have enough workers beside the busy ones to drain what waits within *drain_time* seconds.

    A worker serves *c* requests at once and each takes *S* seconds, so that *waiting* of them are ``waiting * S / c``
    seconds of one worker's work, beside the workers that what arrives meanwhile keeps busy::

        wanted = ceil(kept_busy + waiting * S / (c * drain_time))

    Those are all the busy ones; or fewer, arrival rate x *S* / *c*, where the snapshot says how many came.
    Workers that are free, or on their way, are among those that there are; so a request that a free worker is about
    to take starts no worker.

    >>> from everai_autoscaler.testing import snapshot
    >>> result = BacklogAutoScaler(drain_time=30, service_time=10).decide(snapshot(waiting=8, busy=1))
    >>> result.up, result.reasons[0].why
    (3, '8 waiting at 10 s each, to be drained within 30 s beside 1 kept busy: 4 wanted (1 to 10), 1 there')
    """

    steady: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    drain_time: float = argument(60.0, gt=0, help="seconds within which what waits now is to be drained")
    service_time: float = argument(0.0, ge=0, help="seconds that a request takes; 0: as the workers report it")
    concurrency: int = argument(1, ge=1, help="requests that a worker serves at once, where it doesn't say")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    max_idle_time: float = argument(60.0, ge=0, help="seconds without work after which a worker may go")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """Start what drains the queue in time; where nothing waits, remove who is idle."""
        fleet = Fleet.of(factors, start_timeout=self.start_timeout)
        least, most, waiting = self.min_workers, self.max_workers, factors.waiting()
        if fleet is None:
            return DecideResult.hold(factors, "the workers are not known", max_workers=most)
        service_time = self.service_time or _reported_service_time(factors)
        there, busy = fleet.present, len(fleet.busy)
        if there < least:
            wanted, why = least, "below the minimum"
        elif waiting is None:
            return DecideResult.hold(factors, "the queue is not known", max_workers=most)
        elif not waiting:
            # Those on their way were asked for a moment ago: a queue that is empty for once doesn't call them off.
            starting = there - len(fleet.ready)
            wanted, why = busy + starting, f"nothing waiting, {busy} busy, {starting} starting"
        elif service_time is not None:
            each = service_time / self._mean_concurrency(fleet.staying)
            kept_busy = min(busy, _arrival_rate(factors) * each)
            # More than the maximum is the maximum, also where the numbers are too large to round.
            wanted = ceil(min(kept_busy + waiting * each / self.drain_time, most + 1) - 1e-9)
            wanted = max(1, wanted, there)  # no worker goes while anything waits
            why = f"{waiting} waiting at {service_time:.3g} s each, to be drained within {self.drain_time:g} s "
            why += f"beside {kept_busy:.3g} kept busy"
        elif not there:
            wanted, why = 1, f"{waiting} waiting and no worker"
        else:
            wanted, why = there, f"{waiting} waiting, but no worker has reported how long a request takes"
            if not fleet.suspects:  # else they go all the same
                return DecideResult.hold(factors, why, max_workers=most)
        return DecideResult.towards(
            wanted, fleet, why, min_workers=least, max_workers=most, max_idle_time=self.max_idle_time
        )

    def _mean_concurrency(self, workers: list[Worker]) -> float:
        each = [worker.concurrency or self.concurrency for worker in workers]
        return sum(each) / len(each) if each else self.concurrency


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """The scaler ``backlog``."""
    return {"backlog": BacklogAutoScaler}


def _reported_service_time(factors: Factors) -> float | None:
    """The mean of what the workers report, each weighted by the requests that it has answered."""
    reports = [
        (worker.average_response_time, worker.number_of_successes + worker.number_of_failures)
        for worker in factors.workers or ()
        if worker.average_response_time > 0
    ]
    answered = sum(count for _, count in reports)
    return sum(seconds * (count / answered) for seconds, count in reports) if answered else None


def _arrival_rate(factors: Factors) -> float:
    """Requests that came, per second; without end where it isn't known."""
    # The last snapshot is the youngest of the histories.
    since = min((age for age in factors.queue_histories or () if age), default=None)
    return inf if factors.arrivals is None or since is None else factors.arrivals / since
