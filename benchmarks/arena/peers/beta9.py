"""Beam's (beta9's) rule for endpoints: a container for each so many requests in flight."""

from __future__ import annotations

from math import ceil

from attrs import frozen

from benchmarks.arena.peers.demand import now_at_once
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["Beta9AutoScaler"]


@frozen
class Beta9AutoScaler(AutoScaler):
    """Have ``ceil(requests in flight / tasks_per_container)`` workers; an idle one stays warm for a while.

    The rule (docs.beam.cloud, "Scaling Out", and the autoscaler of endpoints in beam-cloud/beta9): tasks in flight,
    served or waiting, divided by ``tasks_per_container`` and rounded up, up to ``max_containers``; both directions at
    once, but a container that served a request within ``keep_warm_seconds`` isn't stopped.

    Defaults: one task for each container, kept warm for 180 s, no container at least.

    >>> from everai_autoscaler.testing import snapshot
    >>> Beta9AutoScaler(tasks_per_container=2).decide(snapshot(waiting=4, busy=1)).up
    2
    """

    tasks_per_container: int = argument(1, ge=1, help="requests, served or waiting, for each worker")
    keep_warm_seconds: float = argument(180.0, ge=0, help="seconds without work after which a worker may go")
    min_workers: int = argument(0, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do about *factors*, and why."""
        fleet, requests = Fleet.of(factors, start_timeout=self.start_timeout), now_at_once(factors)
        if fleet is None or requests is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers)
        why = f"{requests} requests in flight, {self.tasks_per_container} for each worker"
        return DecideResult.towards(
            ceil(requests / self.tasks_per_container),
            fleet,
            why,
            min_workers=self.min_workers,
            max_workers=self.max_workers,
            max_idle_time=self.keep_warm_seconds,
        )
