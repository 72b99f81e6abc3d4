"""Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), on requests that are served or wait."""

from __future__ import annotations

from math import ceil

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.demand import now_at_once, recalled, within
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["HpaAutoScaler"]

_ROUNDING = 1e-9


@frozen
class HpaAutoScaler(AutoScaler):
    """Have ``ceil(requests / target)`` workers, calmly down and in bounded steps up.

    The rule (kubernetes.io, "Horizontal Pod Autoscaling", algorithm details, and the API reference of
    ``HorizontalPodAutoscalerSpec`` in autoscaling/v2): ``desired = ceil(current * metric / target)``; no change while
    the ratio is within the tolerance of 1. Down only to the highest recommendation of the last 300 s; up at most by
    the larger of 100 % and 4 pods in 15 s; down by as much as 100 % in 15 s, which limits nothing.

    Defaults: tolerance 0.1, stabilisation 300 s down and none up, behaviour as above, one replica at least. Filled in:
    the metric is the number of requests that are served or wait, for each worker (a metric of type AverageValue, so
    that pods which aren't ready count as pods). It has no default; 0.8 stands for the 80 % of use that a
    HorizontalPodAutoscaler without a metric aims at. Kubernetes looks every 15 s, the arena at its own interval.

    >>> from everai_autoscaler.testing import snapshot
    >>> HpaAutoScaler().decide(snapshot(waiting=2, busy=2)).reasons[0].why
    '4 requests, 0.8 for each worker: 5, stabilised 5, at most 6 in one step: 5 wanted (1 to 10), 2 there'
    """

    target: float = argument(0.8, gt=0, help="requests, served or waiting, for each worker")
    tolerance: float = argument(0.1, ge=0, help="how far from 1 the ratio may be without a change")
    down_window: float = argument(300.0, ge=0, help="seconds whose highest recommendation limits the way down")
    up_window: float = argument(0.0, ge=0, help="seconds whose lowest recommendation limits the way up")
    up_percent: float = argument(100.0, ge=0, help="the most started in a period, in percent of the workers")
    up_workers: int = argument(4, ge=0, help="the most started in a period, in workers; the larger of both counts")
    up_period: float = argument(15.0, gt=0, help="seconds of that period")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds the recommendations of the windows, and what was started in the period."""
        fleet, requests = Fleet.of(factors, start_timeout=self.start_timeout), now_at_once(factors)
        if fleet is None or requests is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        now, there = factors.observed_at, fleet.present
        past = recalled(memory, recommended=[[now, there]], started=[])
        wish = self.recommended(requests, there)
        recommended = within(past["recommended"], now, max(self.down_window, self.up_window))
        most = max([wish, *(count for _, count in within(recommended, now, self.down_window))])
        least = min([wish, *(count for _, count in within(recommended, now, self.up_window))])
        stable = min(max(there, least), most)
        started = within(past["started"], now, self.up_period)
        limit = self.highest(there - sum(count for _, count in started))
        wanted = min(stable, max(limit, there))
        why = f"{requests} requests, {self.target:g} for each worker: {wish}, stabilised {stable}"
        why += f", at most {limit} in one step" if stable > there else ""
        result = DecideResult.towards(wanted, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
        started += [[now, result.up]] if result.up else []
        return result, {"recommended": [*recommended, [now, wish]], "started": started}

    def recommended(self, requests: float, there: int) -> int:
        """The recommendation of the rule alone, where *there* workers are."""
        if there and abs(requests / (there * self.target) - 1) <= self.tolerance + _ROUNDING:
            return there
        return ceil(requests / self.target - _ROUNDING)

    def highest(self, before: int) -> int:
        """The most workers that there may be after a period which began with *before*."""
        return max(ceil(before * (1 + self.up_percent / 100) - _ROUNDING), before + self.up_workers)
