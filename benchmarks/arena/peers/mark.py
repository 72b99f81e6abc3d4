"""MArk as Faro plays it: a forecast sizes the fleet every five minutes, and latency adds to it in between."""

from __future__ import annotations

from math import ceil

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.aiad import LATENCY
from benchmarks.arena.peers.demand import recalled, within
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["MarkAutoScaler"]

_ROUNDING = 1e-9


@frozen
class MarkAutoScaler(AutoScaler):
    """Have ``ceil(forecast rate x service_time / target)`` workers every *interval* seconds, one more when it is slow.

    The rule (Zhang et al., "MArk", ATC 2019, in the form of Faro's configuration ``mark`` in beomyeol/faro): every
    300 s, the first time after 60 s, the largest rate that is forecast for the next 7 minutes, times the time of a
    request over the target, rounded up, is the number of replicas; between these moments the increase of AIAD, without
    its decrease, adds one after 30 s above the target.

    Not published in a form that could be played without its training: the forecast (an N-HiTS network trained on days
    of the same traces). Filled in: the largest minute of the last 7 minutes. It needs the signal ``average_latency``.

    >>> from everai_autoscaler.testing import snapshot
    >>> MarkAutoScaler(first=0).decide(snapshot(busy=1, arrivals=240, signals={LATENCY: {"value": 0, "age": 0}})).up
    0
    """

    target: float = argument(0.72, gt=0, help="seconds from arrival to answer to aim at")
    service_time: float = argument(0.18, gt=0, help="seconds that a request takes")
    interval: float = argument(300.0, gt=0, help="seconds between two forecasts")
    first: float = argument(60.0, ge=0, help="seconds from the first look to the first forecast")
    look_back: float = argument(420.0, gt=0, help="seconds whose largest minute is the forecast")
    up_looks: int = argument(3, ge=1, help="looks in a row above the target after which a worker is started")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds the arrivals so far, when the next forecast is due, and what is wanted."""
        fleet, latency = Fleet.of(factors, start_timeout=self.start_timeout), factors.signal(LATENCY, max_age=60)
        if fleet is None or latency is None or factors.arrivals is None:
            why = "the latency, the arrivals or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        now = factors.observed_at
        past = recalled(memory, arrivals=[], due=now + self.first, looks=0, wanted=fleet.present)
        arrivals = within([*past["arrivals"], [now, factors.arrivals]], now, self.look_back)
        looks, wanted, due = past["looks"], past["wanted"], past["due"]
        if now >= due:
            rate = _largest_minute(arrivals, now) / 60
            wanted = ceil(rate * self.service_time / self.target - _ROUNDING)
            looks, due = 0, due + self.interval
            why = f"{rate:.3g} requests a second forecast"
        else:
            looks = looks + 1 if latency > self.target else looks
            why = f"{latency * 1000:.0f} ms, above {self.target * 1000:g} ms in {looks} looks"
            if looks >= self.up_looks:
                wanted = wanted if fleet.starting else fleet.present + 1
                looks = 0
        wanted = min(max(wanted, self.min_workers), self.max_workers)
        result = DecideResult.towards(wanted, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
        return result, {"arrivals": arrivals, "due": due, "looks": looks, "wanted": wanted}


def _largest_minute(arrivals: list[list[float]], now: float) -> float:
    """The most requests that came within one of the minutes before *now*."""
    minutes: dict[int, float] = {}
    for at, count in arrivals:
        minute = int((now - at) // 60)
        minutes[minute] = minutes.get(minute, 0.0) + count
    return max(minutes.values(), default=0.0)
