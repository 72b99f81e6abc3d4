"""Ray Serve's default policy: ongoing requests for each replica, with a delay up and a long one down."""

from __future__ import annotations

from math import ceil

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.demand import at_once, mean, recalled
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet
from everai_autoscaler.words import counted

__all__ = ["RayServeAutoScaler"]

_ROUNDING = 1e-9


@frozen
class RayServeAutoScaler(AutoScaler):
    """Have a worker for each *target_ongoing_requests* requests, once that has been so for a delay.

    The rule (docs.ray.io, "Advanced Ray Serve Autoscaling", and ``autoscaling_policy.py`` of Ray 2): the requests that
    are served or wait, averaged over ``look_back_period_s``, divided by the target, are the desired replicas; the way
    there is multiplied by a factor for each direction; what is desired has to differ from the present target in one
    direction for ``upscale_delay_s`` or ``downscale_delay_s`` without a break. To zero only from one, and from zero to
    one at once.

    Defaults: target 2, look-back 30 s, 30 s up, 600 s down, factors 1, one replica at least. Ray counts decisions at
    intervals of 0.1 s, of which the delay has to be full; here the time since the first of them is compared.

    >>> from everai_autoscaler.testing import snapshot
    >>> RayServeAutoScaler(upscale_delay=0).decide(snapshot(waiting=5, busy=1)).up
    2
    """

    target_ongoing_requests: float = argument(2.0, gt=0, help="requests, served or waiting, for each worker")
    upscale_delay: float = argument(30.0, ge=0, help="seconds for which more have to be desired")
    downscale_delay: float = argument(600.0, ge=0, help="seconds for which fewer have to be desired")
    upscaling_factor: float = argument(1.0, gt=0, help="what the way up is multiplied by")
    downscaling_factor: float = argument(1.0, gt=0, help="what the way down is multiplied by")
    look_back: float = argument(30.0, gt=0, help="seconds over which requests are averaged")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds the present target, and since when what is desired lies on one side of it."""
        fleet, by_age = Fleet.of(factors, start_timeout=self.start_timeout), at_once(factors)
        if fleet is None or by_age is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        past = recalled(memory, target=fleet.present, side=0, since=factors.observed_at)
        target, ready, requests = past["target"], len(fleet.ready), mean(by_age, self.look_back)
        if not ready:
            wanted = max(ceil(self.upscaling_factor), target) if requests else target
            remembered = {"target": wanted, "side": 0, "since": factors.observed_at}
            return self._towards(wanted, fleet, f"{requests:.3g} requests and no replica"), remembered
        desired = self.desired(requests, ready)
        side = (desired > target) - (desired < target)
        since = past["since"] if side and side == past["side"] else factors.observed_at
        why = f"{requests:.3g} requests over {self.look_back:g} s: {counted(desired, 'worker')} desired"
        if side:
            delay = self.upscale_delay if side > 0 else self.downscale_delay
            why += f" for {factors.observed_at - since:g} s of {delay:g} s, instead of {target}"
            if factors.observed_at - since >= delay:
                target = desired if side > 0 or target == 1 else max(1, desired)
                side, since = 0, factors.observed_at
        return self._towards(target, fleet, why), {"target": target, "side": side, "since": since}

    def desired(self, requests: float, ready: int) -> int:
        """What the rule alone desires, where *ready* replicas run, within the bounds."""
        way = requests / self.target_ongoing_requests - ready
        factor = self.upscaling_factor if way > 0 else self.downscaling_factor
        scaled = ceil(ready + factor * way - _ROUNDING)
        if ceil(ready + way - _ROUNDING) < ready == scaled:
            scaled -= 1  # a small factor alone must not stop the way down
        return max(self.min_workers, min(self.max_workers, scaled))

    def _towards(self, wanted: int, fleet: Fleet, why: str) -> DecideResult:
        return DecideResult.towards(wanted, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
