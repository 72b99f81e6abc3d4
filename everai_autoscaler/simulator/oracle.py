"""A policy that knows the true local rate: what good forecasts alone would be worth. For tables, not for production."""

from __future__ import annotations

import math
from bisect import bisect_left

from attrs import define, field

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet
from everai_autoscaler.simulator.book import START
from everai_autoscaler.simulator.workload import Workload

__all__ = ["RateOracle"]


@define(eq=False)
class RateOracle(AutoScaler):
    """Staffs for the true arrival rate, now and a cold start from now, by the square-root rule.

    It is clairvoyant by design: it is made with the workload that will come. It knows the local rate and the mean
    service time, as the best of forecasts would, and neither the requests themselves nor how long each will take. With
    an offered load of R requests at once, R + safety * sqrt(R) slots are wanted (Halfin and Whitt 1981). While
    anybody waits, at least one worker is wanted.

    >>> from everai_autoscaler.testing import snapshot
    >>> steady = Workload("steady", [second / 2 for second in range(400)], [8.0] * 400)
    >>> oracle = RateOracle(steady, cold_start=30, start=1_000_000)
    >>> oracle.load_at(100), oracle.wanted(100)
    (16.0, 20)

    Raises:
        ArgumentError: a value outside its bounds.
    """

    workload: Workload
    """What will come."""
    cold_start: float = 30.0
    """Seconds from a worker's start until it serves."""
    window: float = field(default=60.0, kw_only=True)
    """Seconds over which the rate is counted, half before the moment and half after it."""
    safety: float = field(default=1.0, kw_only=True)
    """How many square roots of the load are added to it."""
    concurrency: int = field(default=1, kw_only=True)
    """Requests that a worker serves at once."""
    min_workers: int = field(default=0, kw_only=True)
    max_workers: int = field(default=1_000_000, kw_only=True)
    max_idle_time: float = field(default=0.0, kw_only=True)
    """Seconds without work after which a worker may go."""
    start: float = field(default=math.nan, kw_only=True)
    """Second 0 of the run in epoch seconds; where it isn't given, it is the workload's, or that of a simulation."""

    _mean: float = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._mean = self.workload.mean_service
        if not self.window > 0:
            raise ArgumentError(f"rate-oracle: window: {self.window} is not a number of seconds above 0")
        for name in ("cold_start", "safety", "max_idle_time"):
            if not getattr(self, name) >= 0:
                raise ArgumentError(f"rate-oracle: {name}: {getattr(self, name)} is not at least 0")
        if self.concurrency < 1:
            raise ArgumentError(f"rate-oracle: concurrency: {self.concurrency} is not at least 1")
        if math.isnan(self.start):
            self.start = START if self.workload.start is None else self.workload.start

    @classmethod
    def autoscaler_name(cls) -> str:
        """``rate-oracle``, as tables call it."""
        return "rate-oracle"

    def load_at(self, second: float) -> float:
        """The requests that would be served at once round *second* of the workload: its local rate times the mean."""
        first = bisect_left(self.workload.arrivals, second - self.window / 2)
        last = bisect_left(self.workload.arrivals, second + self.window / 2)
        return (last - first) / self.window * self._mean

    def wanted(self, second: float) -> int:
        """The workers wanted at *second*: for the greater of the load then and a cold start later."""
        load = max(self.load_at(second), self.load_at(second + self.cold_start))
        return math.ceil((load + self.safety * math.sqrt(load)) / self.concurrency - 1e-9)

    def decide(self, factors: Factors) -> DecideResult:
        """Towards the workers that the true rate asks for."""
        fleet, waiting = Fleet.of(factors), factors.waiting()
        if fleet is None or waiting is None:
            return DecideResult.hold(factors, "workers or queue not known", max_workers=self.max_workers)
        second = factors.observed_at - self.start
        load = max(self.load_at(second), self.load_at(second + self.cold_start))
        wanted = self.wanted(second)
        if waiting and not wanted:
            wanted = 1
        return DecideResult.towards(
            wanted,
            fleet,
            f"it knows what will come: {load:.1f} requests at once",
            min_workers=self.min_workers,
            max_workers=self.max_workers,
            max_idle_time=self.max_idle_time,
        )
