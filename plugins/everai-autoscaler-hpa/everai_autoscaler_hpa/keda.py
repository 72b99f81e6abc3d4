"""KEDA: a HorizontalPodAutoscaler above one worker, and a rule of its own to and from none."""

from __future__ import annotations

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler import argument
from everai_autoscaler.model import DecideResult, Factors, Fleet
from everai_autoscaler_hpa.hpa import HpaAutoScaler

__all__ = ["KedaAutoScaler"]


@frozen
class KedaAutoScaler(HpaAutoScaler):
    """Have a worker for each *target* requests; none once there was nothing to do for *cooldown* seconds.

    The rule (keda.sh, "Scaling Deployments" and "ScaledObject specification"): where there may be no worker, KEDA
    starts the first one when the metric is above the activation threshold, and removes the last when the metric has
    not been above it for ``cooldownPeriod``. In between, a HorizontalPodAutoscaler with at least one worker decides.

    The defaults are KEDA's: ``cooldownPeriod`` 300 s, ``minReplicaCount`` 0, activation 0; and a target of 5, the
    default of ``queueLength`` in its scalers for AWS SQS and Azure queues.

    >>> from everai_autoscaler.testing import snapshot
    >>> KedaAutoScaler().decide(snapshot(waiting=12)).reasons[0].why
    '12 requests, more than 0, and no worker: 1 wanted (0 to 10), 0 there'
    """

    target: float = argument(5.0, gt=0, help="what the metric should be: for each worker, in all, or a used share")
    activation: float = argument(0.0, ge=0, help="the metric above which there is at least one worker")
    cooldown: float = argument(300.0, ge=0, help="seconds without activity after which the last workers go")
    min_workers: int = argument(0, ge=0, help="workers that are always there")

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds when the metric was last active, and a ``Past`` as JSON."""
        fleet = Fleet.of(factors, start_timeout=self.start_timeout)
        if fleet is None:
            return DecideResult.hold(factors, "the workers are not known", max_workers=self.max_workers), memory
        past = memory if isinstance(memory, dict) else {}
        inside = past.get("inside")
        if self.min_workers:
            result, inside = self.decide_between(factors, fleet, inside, min_workers=self.min_workers)
            return result, {"active_at": None, "inside": inside}
        metric = self.aim.total(factors)
        if metric is None:
            why = f"the metric, {self.metric}, is not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        now, active = factors.observed_at, metric > self.activation
        last = past.get("active_at")
        active_at = last if isinstance(last, int | float) and not active else now
        if not fleet.present:
            more = "more" if active else "not more"
            why = f"{self.aim.amount(metric)}, {more} than {self.activation:g}, and no worker"
            return self._to(int(active), fleet, why), {"active_at": active_at, "inside": None}
        if not active and now - active_at >= self.cooldown:
            why = f"not active for {now - active_at:g} s, at least {self.cooldown:g} s"
            return self._to(0, fleet, why), {"active_at": active_at, "inside": None}
        result, inside = self.decide_between(factors, fleet, inside, min_workers=1)
        return result, {"active_at": active_at, "inside": inside}

    def _to(self, wanted: int, fleet: Fleet, why: str) -> DecideResult:
        return DecideResult.towards(wanted, fleet, why, min_workers=0, max_workers=self.max_workers)
