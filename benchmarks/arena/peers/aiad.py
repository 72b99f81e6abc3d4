"""AIAD, Faro's simplest rival: one worker more when latency has been above its target, one fewer when below."""

from __future__ import annotations

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.demand import recalled
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["LATENCY", "AiadAutoScaler"]

LATENCY = "average_latency"
"""The signal: seconds from arrival to answer, averaged over the answers of the last 30 s; 0 when there were none."""


@frozen
class AiadAutoScaler(AutoScaler):
    """Start one worker after *up_looks* looks in a row above *target*; remove one after *down_looks* at or below it.

    The rule (Jeon et al., "A House United Within Itself", EuroSys 2025, and the policy ``aiad`` of beomyeol/faro):
    every 10 s the average latency of the last 30 s is compared with the target; 3 looks above it (30 s) add a replica,
    60 looks at or below it (600 s) take one away; a look of the other kind, or a change, begins to count anew. While a
    change is in progress the count goes on and its result is dropped; so is an increase for which there is no room.

    Defaults: Faro's configuration, target 720 ms. It needs the signal ``average_latency`` of the snapshot.

    >>> from everai_autoscaler.testing import snapshot
    >>> slow = snapshot(busy=1, signals={LATENCY: {"value": 0.9, "age": 0}})
    >>> AiadAutoScaler(up_looks=1).decide(slow).up
    1
    """

    target: float = argument(0.72, gt=0, help="seconds from arrival to answer to aim at, on average")
    up_looks: int = argument(3, ge=1, help="looks in a row above the target after which a worker is started")
    down_looks: int = argument(60, ge=1, help="looks in a row at or below the target after which a worker goes")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds the looks above the target (below it: a negative number), and what is wanted."""
        fleet, latency = Fleet.of(factors, start_timeout=self.start_timeout), factors.signal(LATENCY, max_age=60)
        if fleet is None or latency is None:
            why = "the latency or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        past = recalled(memory, looks=0, wanted=fleet.present)
        wanted, in_progress = min(past["wanted"], fleet.present), bool(fleet.starting)
        looks = max(past["looks"], 0) + 1 if latency > self.target else min(past["looks"], 0) - 1
        why = f"{latency * 1000:.0f} ms, {'above' if looks > 0 else 'not above'} {self.target * 1000:g} ms"
        why += f" for {abs(looks)} looks"
        if looks >= self.up_looks or -looks >= self.down_looks:
            if not in_progress:
                wanted = fleet.present + (1 if looks > 0 else -1)
            looks = 0
        wanted = min(max(wanted, self.min_workers), self.max_workers)
        result = DecideResult.towards(wanted, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
        return result, {"looks": looks, "wanted": wanted}
