"""KEDA on the length of a queue: a HorizontalPodAutoscaler above one replica, and its own rule to and from zero."""

from __future__ import annotations

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.demand import now_at_once, recalled
from benchmarks.arena.peers.hpa import HpaAutoScaler
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet

__all__ = ["KedaAutoScaler"]


@frozen
class KedaAutoScaler(AutoScaler):
    """Have a worker for each *queue_length* requests; none once there was none for *cooldown* seconds.

    The rule (keda.sh, "Scaling Deployments" and "ScaledObject specification"): KEDA itself scales from 0 to 1 once the
    metric is above the activation threshold, and back to 0 when it has not been above it for ``cooldownPeriod``; from
    1 up a HorizontalPodAutoscaler does the work, with the metric over the replicas as an AverageValue.

    Defaults: ``cooldownPeriod`` 300 s, ``minReplicaCount`` 0, activation 0, and a length of 5, the default of
    ``queueLength`` in the scalers for AWS SQS and Azure queues. These count messages in flight as well, so that the
    metric is the requests that are served or wait. KEDA polls every 30 s, the arena at its own interval.

    >>> from everai_autoscaler.testing import snapshot
    >>> KedaAutoScaler().decide(snapshot(waiting=12)).reasons[0].why
    '12 requests, more than 0, and no worker: 1 wanted (0 to 10), 0 there'
    """

    queue_length: float = argument(5.0, gt=0, help="requests, served or waiting, for each worker")
    activation: float = argument(0.0, ge=0, help="requests above which there is at least one worker")
    cooldown: float = argument(300.0, ge=0, help="seconds without activity after which the last worker goes")
    down_window: float = argument(300.0, ge=0, help="seconds whose highest recommendation limits the way down")
    min_workers: int = argument(0, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds when it was last active, and what the HorizontalPodAutoscaler remembers."""
        fleet, requests = Fleet.of(factors, start_timeout=self.start_timeout), now_at_once(factors)
        if fleet is None or requests is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        now = factors.observed_at
        past = recalled(memory, active_at=now, inside=None)
        active_at = now if requests > self.activation else past["active_at"]
        if self.min_workers == 0 and not fleet.present:
            more = requests > self.activation
            why = f"{requests} requests, {'more' if more else 'not more'} than {self.activation:g}, and no worker"
            return self._towards(int(more), fleet, why), {"active_at": active_at, "inside": None}
        if self.min_workers == 0 and requests <= self.activation and now - active_at >= self.cooldown:
            why = f"not active for {now - active_at:g} s, at least {self.cooldown:g} s"
            return self._towards(0, fleet, why), {"active_at": active_at, "inside": None}
        inside = HpaAutoScaler(
            target=self.queue_length,
            down_window=self.down_window,
            min_workers=max(1, self.min_workers),
            max_workers=self.max_workers,
            start_timeout=self.start_timeout,
        )
        result, remembered = inside.decide_with_memory(factors, past["inside"])
        return result, {"active_at": active_at, "inside": remembered}

    def _towards(self, wanted: int, fleet: Fleet, why: str) -> DecideResult:
        return DecideResult.towards(wanted, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers)
