"""NVIDIA Dynamo's load rule, as far as it is published: one more above a mark, one fewer below another."""

from __future__ import annotations

from attrs import frozen

from benchmarks.arena.peers.demand import now_at_once
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["DynamoAutoScaler"]


@frozen
class DynamoAutoScaler(AutoScaler):
    """Start one worker while the workers are loaded above *scale_up_load*; remove one while below *scale_down_load*.

    The rule (docs.nvidia.com/dynamo, "Planner Guide", optimisation target ``throughput``, and ``load_scaling.py`` of
    ai-dynamo/dynamo): the load of an engine is what is scheduled and queued there over its KV capacity. One replica
    more if any engine is above 100 %; one fewer if all are below 60 % and there is more than one; nothing while a
    change is in progress. The target ``latency`` has 40 % and 10 %.

    Defaults: those of ``throughput``, one replica at least. Filled in: a worker's capacity is the requests that it
    serves at once, since the traces have no KV cache. Workers here have one queue in common, and Dynamo's router
    spreads requests, so that each is taken to have the average load: on workers that serve one request at a time, the
    rule for each of them could remove one only while all are idle. Dynamo looks every few seconds, the arena at its
    own interval. The targets ``sla`` and the predictive mode need engine profiles and aren't played.

    >>> from everai_autoscaler.testing import snapshot
    >>> DynamoAutoScaler().decide(snapshot(waiting=9, busy=2)).up
    1
    """

    scale_up_load: float = argument(1.0, gt=0, help="load of the workers above which one is started")
    scale_down_load: float = argument(0.6, ge=0, help="load of the workers below which one goes")
    concurrency: int = argument(1, ge=1, help="requests that a worker can serve at once, where it doesn't say")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do about *factors*, and why."""
        fleet, requests = Fleet.of(factors, start_timeout=self.start_timeout), now_at_once(factors)
        if fleet is None or requests is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers)
        there, capacity = fleet.present, sum(worker.concurrency or self.concurrency for worker in fleet.ready)
        wanted = there
        if not there:
            wanted, why = int(requests > 0), f"{requests} requests and no worker"
        elif len(fleet.ready) < there or not capacity:
            why = f"{there - len(fleet.ready)} starting: a change is in progress"
        else:
            load = requests / capacity
            why = f"{requests} requests on {capacity} places, a load of {load:.0%}".replace("%", " %")
            if load > self.scale_up_load:
                wanted = there + 1
            elif load < self.scale_down_load and there > 1:
                wanted = there - 1
        return DecideResult.towards(wanted, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
