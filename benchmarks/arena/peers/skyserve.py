"""SkyServe's request-rate policy: a replica for each so many requests a second, after long delays."""

from __future__ import annotations

from math import ceil

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.demand import recalled, within
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["SkyServeAutoScaler"]

_ROUNDING = 1e-9


@frozen
class SkyServeAutoScaler(AutoScaler):
    """Have ``ceil(requests a second / target_qps_per_replica)`` workers, once that has been so for a delay.

    The rule (docs.skypilot.co, "Autoscaling", and ``RequestRateAutoscaler`` of SkyPilot): the rate is that of the
    arrivals of the last 60 s. Each look at which more (or fewer) than the present target are wanted counts; those at
    which the other is wanted, or the same, begin anew. After ``delay / 20 s`` such looks the target is set to what is
    wanted at that look. From no replica at once.

    Defaults: 300 s up, 1200 s down, a look every 20 s, one replica at least. Filled in: the rate for each replica has
    to be given; 2.5 is the example of the documentation, and the arena gives what a worker serves at 80 % of use.

    >>> from everai_autoscaler.testing import snapshot
    >>> SkyServeAutoScaler().decide(snapshot(waiting=9, busy=1, arrivals=900)).actions
    []
    """

    target_qps_per_replica: float = argument(2.5, gt=0, help="requests a second for each worker")
    upscale_delay: float = argument(300.0, ge=0, help="seconds for which more have to be wanted")
    downscale_delay: float = argument(1200.0, ge=0, help="seconds for which fewer have to be wanted")
    window: float = argument(60.0, gt=0, help="seconds over which the rate is taken")
    look_interval: float = argument(20.0, gt=0, help="seconds between two looks, by which the delays are divided")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds the arrivals of the window, the present target, and how often it was wrong."""
        fleet = Fleet.of(factors, start_timeout=self.start_timeout)
        if fleet is None or factors.arrivals is None:
            why = "the arrivals or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        now = factors.observed_at
        past = recalled(memory, arrivals=[], target=max(fleet.present, self.min_workers), up=0, down=0)
        arrivals = within([*past["arrivals"], [now, factors.arrivals]], now, self.window)
        rate = sum(count for _, count in arrivals) / self.window
        wanted = ceil(rate / self.target_qps_per_replica - _ROUNDING)
        wanted = max(self.min_workers, min(self.max_workers, wanted))
        target, up, down = past["target"], past["up"], past["down"]
        if not target:
            target = wanted
        elif wanted > target:
            up, down = up + 1, 0
            if up >= int(self.upscale_delay / self.look_interval):
                target, up = wanted, 0
        elif wanted < target:
            up, down = 0, down + 1
            if down >= int(self.downscale_delay / self.look_interval):
                target, down = wanted, 0
        else:
            up = down = 0
        why = f"{rate:.3g} requests a second, {self.target_qps_per_replica:.3g} for each worker: {wanted}"
        why += f", target {target}"
        result = DecideResult.towards(target, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
        return result, {"arrivals": arrivals, "target": target, "up": up, "down": down}
