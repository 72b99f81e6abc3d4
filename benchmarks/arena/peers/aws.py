"""Target tracking of AWS Application Auto Scaling: an alarm for each direction, proportional up, gradual down."""

from __future__ import annotations

from math import ceil

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.demand import now_at_once, recalled
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["AwsTargetTrackingAutoScaler"]

_MINUTE = 60.0
_ROUNDING = 1e-9


@frozen
class AwsTargetTrackingAutoScaler(AutoScaler):
    """Keep the requests for each worker at *target*: out after minutes above it, in after many well below it.

    The rule (docs.aws.amazon.com, Application Auto Scaling User Guide, "How target tracking scaling works", and the
    alarms that it makes): the metric is averaged for each minute. Three minutes in a row above the target scale out in
    proportion; fifteen in a row below 90 % of it scale in. A scale-out isn't held up by an earlier one when it asks
    for more; a scale-in waits for the cooldown after any change. It doesn't scale in if that alone took the metric
    above the target.

    Defaults: cooldowns of 300 s (as for ECS and SageMaker), 3 and 15 minutes, 90 %. Filled in: the target has no
    default; 0.7 of the requests that a worker can serve at once is usual in its examples. How many leave at once is
    not published: *scale_in_step*, one.

    >>> from everai_autoscaler.testing import snapshot
    >>> AwsTargetTrackingAutoScaler().decide(snapshot(waiting=5, busy=1)).actions
    []
    """

    target: float = argument(0.7, gt=0, help="requests, served or waiting, for each worker")
    high_minutes: int = argument(3, ge=1, help="minutes in a row above the target that scale out")
    low_minutes: int = argument(15, ge=1, help="minutes in a row below the low mark that scale in")
    low_share: float = argument(0.9, gt=0, le=1, help="the low mark, as a share of the target")
    scale_out_cooldown: float = argument(300.0, ge=0, help="seconds after a scale-out before one that isn't larger")
    scale_in_cooldown: float = argument(300.0, ge=0, help="seconds after a change before a scale-in")
    scale_in_step: int = argument(1, ge=1, help="workers that leave at once")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds the metric of the last minutes, what is wanted, and the last changes."""
        fleet, requests = Fleet.of(factors, start_timeout=self.start_timeout), now_at_once(factors)
        if fleet is None or requests is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        now, there = factors.observed_at, fleet.present
        past = recalled(memory, minutes=[], capacity=there, out_at=None, in_at=None)
        finished, minutes = self._sampled(past["minutes"], now, requests, there)
        capacity, out_at, in_at = past["capacity"], past["out_at"], past["in_at"]
        why, wanted = "no alarm", capacity
        last = [each for each, _ in finished]
        if not there and requests:
            wanted, why = max(1, capacity), f"{requests} requests and no worker"
        elif _all(last, self.high_minutes) and min(last[-self.high_minutes :]) > self.target:
            wanted = max(capacity, ceil(finished[-1][1] / self.target - _ROUNDING))
            why = f"{last[-1]:.3g} requests for each worker, above {self.target:g} for {self.high_minutes} minutes"
            if out_at is not None and now - out_at < self.scale_out_cooldown and wanted <= capacity:
                wanted, why = capacity, f"{why}, but not more than the last scale-out"
        elif _all(last, self.low_minutes) and max(last[-self.low_minutes :]) < self.target * self.low_share:
            why = f"{last[-1]:.3g} requests for each worker, below {self.target * self.low_share:g}"
            why += f" for {self.low_minutes} minutes"
            changed = max((at for at in (out_at, in_at) if at is not None), default=None)
            if changed is not None and now - changed < self.scale_in_cooldown:
                why += f", but the last change was {now - changed:g} s ago"
            else:
                fewest = ceil(finished[-1][1] / self.target - _ROUNDING)
                wanted = min(capacity, max(fewest, capacity - self.scale_in_step))
        wanted = min(max(wanted, self.min_workers), self.max_workers)
        out_at, in_at = (now if wanted > capacity else out_at), (now if wanted < capacity else in_at)
        result = DecideResult.towards(wanted, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
        return result, {"minutes": minutes, "capacity": wanted, "out_at": out_at, "in_at": in_at}

    def _sampled(
        self, minutes: list[list[float]], now: float, requests: int, there: int
    ) -> tuple[list[tuple[float, float]], JsonValue]:
        """Of the finished minutes the requests for each worker and in all, on average; and what is remembered of all.

        Requests in all are what the proportion is taken of, so that workers which were added since aren't added again.
        """
        minute, each = now // _MINUTE, requests / there if there else float(requests > 0)
        if minutes and minutes[-1][0] == minute:
            _, sum_each, sum_requests, count = minutes[-1]
            minutes = [*minutes[:-1], [minute, sum_each + each, sum_requests + requests, count + 1]]
        else:
            minutes = [*minutes, [minute, each, requests, 1]]
        minutes = minutes[-1 - max(self.high_minutes, self.low_minutes) :]
        return [(one / count, all_ / count) for at, one, all_, count in minutes if at < minute], minutes


def _all(values: list[float], count: int) -> bool:
    return len(values) >= count
