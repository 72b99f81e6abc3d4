"""Scale on the requests of each worker, with a delay up and a long one down, as Ray Serve's default policy does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil

from attrs import asdict, frozen
from pydantic import JsonValue

from everai_autoscaler import argument, hookimpl
from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, WorkerStatus
from everai_autoscaler.words import counted

__all__ = ["AGGREGATIONS", "Past", "RayServeAutoScaler", "at_once"]

AGGREGATIONS = ("mean", "max", "min")
"""How the moments of the look-back become one number."""
_ROUNDING = 1e-9
"""What a division may add isn't another worker."""


@frozen
class Past:
    """What it remembers from one decision to the next."""

    target: int
    """How many workers it last wanted."""
    side: int
    """1 while more than that are desired, -1 while fewer are, else 0."""
    since: float
    """When that began, in epoch seconds."""


@frozen
class RayServeAutoScaler(AutoScaler):
    """Have a worker for each *target_ongoing_requests* requests, once that has been so for a delay.

    The rule (docs.ray.io, "Advanced Ray Serve Autoscaling", and the default policy of Ray 2): the requests that are
    served or wait, averaged over *look_back*, divided by the target, are the desired workers; the way there is
    multiplied by a factor for each direction. What is desired has to lie on one side of the present target for
    *upscale_delay* or *downscale_delay* without a break. To none only from one, and from none to one at once.

    The defaults are Ray's, except for *max_workers* (there 1, or 100 with ``num_replicas: auto``).

    >>> from everai_autoscaler.testing import snapshot
    >>> RayServeAutoScaler(upscale_delay=0).decide(snapshot(waiting=5, busy=1)).up
    2
    """

    target_ongoing_requests: float = argument(2.0, gt=0, help="requests, served or waiting, for each worker")
    upscale_delay: float = argument(30.0, ge=0, help="seconds for which more have to be desired")
    downscale_delay: float = argument(600.0, ge=0, help="seconds for which fewer have to be desired")
    downscale_to_zero_delay: float | None = argument(
        None, type=float, ge=0, help="the same for the last worker, where it differs"
    )
    upscaling_factor: float = argument(1.0, gt=0, help="what the way up is multiplied by")
    downscaling_factor: float = argument(1.0, gt=0, help="what the way down is multiplied by")
    look_back: float = argument(30.0, gt=0, help="seconds over which requests are averaged")
    aggregation: str = argument("mean", help="what is taken of these seconds: mean, max or min")
    initial_workers: int | None = argument(
        None, type=int, ge=0, help="workers to begin with, where nothing is remembered"
    )
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def __attrs_post_init__(self) -> None:
        """Refuse an aggregation that it doesn't know."""
        if self.aggregation not in AGGREGATIONS:
            raise ArgumentError(str(UnknownNameError.of("aggregation", self.aggregation, AGGREGATIONS)))

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* is a ``Past`` as JSON."""
        fleet, by_age = Fleet.of(factors, start_timeout=self.start_timeout), at_once(factors)
        if fleet is None or by_age is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        past = self._recalled(memory, factors.observed_at, fleet.present)
        requests = self._aggregated(by_age)
        if fleet.ready:
            why, past = self._delayed(requests, len(fleet.ready), past, factors.observed_at)
        else:
            wanted = max(ceil(self.upscaling_factor), past.target) if requests else past.target
            why, past = f"{requests:.3g} requests and no worker ready", Past(wanted, 0, factors.observed_at)
        result = DecideResult.towards(
            past.target, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers
        )
        return result, asdict(past)

    def desired(self, requests: float, ready: int) -> int:
        """What the rule alone desires, where *ready* workers are ready, within the bounds.

        >>> RayServeAutoScaler().desired(9, 2), RayServeAutoScaler(upscaling_factor=0.5).desired(12, 2)
        (5, 4)
        """
        way = requests / self.target_ongoing_requests - ready
        factor = self.upscaling_factor if way > 0 else self.downscaling_factor
        scaled = ceil(ready + factor * way - _ROUNDING)
        if ceil(ready + way - _ROUNDING) < ready == scaled:
            scaled -= 1  # a small factor alone must not stop the way down
        return max(self.min_workers, min(self.max_workers, scaled))

    def _delayed(self, requests: float, ready: int, past: Past, now: float) -> tuple[str, Past]:
        """What the delays leave of what is desired: why, and what is wanted and remembered from now on."""
        target, desired = past.target, self.desired(requests, ready)
        side = (desired > target) - (desired < target)
        since = past.since if side and side == past.side else now
        why = f"{requests:.3g} requests over {self.look_back:g} s: {counted(desired, 'worker')} desired"
        if not side:
            return why, Past(target, 0, now)
        delay = self.upscale_delay if side > 0 else self._down(target)
        why += f" for {now - since:g} s of {delay:g} s, instead of {target}"
        if now - since < delay:
            return why, Past(target, side, since)
        # To none only from one.
        return why, Past(desired if side > 0 or target == 1 else max(1, desired), 0, now)

    def _down(self, target: int) -> float:
        """The delay of the way down from *target* workers, in seconds."""
        to_zero = self.downscale_to_zero_delay
        return self.downscale_delay if to_zero is None or target != 1 else to_zero

    def _aggregated(self, by_age: Mapping[int, float]) -> float:
        recent = [value for age, value in by_age.items() if age <= self.look_back]
        if self.aggregation == "mean":
            return sum(recent) / len(recent)
        return max(recent) if self.aggregation == "max" else min(recent)

    def _recalled(self, memory: JsonValue, now: float, there: int) -> Past:
        """What *memory* holds; where it holds nothing, those that are there or should be to begin with are wanted."""
        if isinstance(memory, dict):
            target, side, since = (memory.get(name) for name in ("target", "side", "since"))
            if isinstance(target, int) and isinstance(side, int) and isinstance(since, int | float):
                return Past(target, side, min(since, now))
        return Past(max(there, self.initial_workers or 0), 0, now)


def at_once(factors: Factors) -> dict[int, float] | None:
    """Requests that were served or waited, by age in seconds, now included; ``None`` when that isn't known now.

    Earlier moments count busy workers, each of which is taken to have served as many requests as one does now.

    >>> from everai_autoscaler.testing import snapshot
    >>> at_once(snapshot(waiting=1, busy=3, queue_histories={20: {}}, worker_histories={20: {"Busy": 2}}))
    {20: 2.0, 0: 4.0}
    """
    waiting = factors.waiting()
    if factors.workers is None or waiting is None:
        return None
    busy = [worker for worker in factors.workers if worker.status is WorkerStatus.Busy]
    served = sum(worker.current_request or 1 for worker in busy)
    each = served / len(busy) if busy else 1.0
    queues, workers = factors.queue_histories or {}, factors.worker_histories or {}
    earlier = {
        age: workers[age].get(WorkerStatus.Busy, 0) * each + sum(queues[age].values())
        for age in workers
        if age in queues
    }
    return {**earlier, 0: float(waiting + served)}


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """The scaler ``ray-serve``."""
    return {"ray-serve": RayServeAutoScaler}
