"""Keep the workers' load at a target, by the rule of Kubernetes' HorizontalPodAutoscaler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import ClassVar

from attrs import frozen

from everai_autoscaler import argument, hookimpl
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, Worker, WorkerStatus
from everai_autoscaler.words import counted

__all__ = ["TargetTrackingAutoScaler", "Wanted"]


@frozen
class Wanted:
    """How many workers the rule wants."""

    count: int | None
    """``None`` when it can't know."""
    why: str


@frozen
class TargetTrackingAutoScaler(AutoScaler):
    """Have as many workers as bring the share of their capacity that is in use to *target*.

    With *ratio* = share in use / *target*: ``wanted = ceil(workers * ratio)``, and no change while the ratio is within
    *tolerance* of 1. On the way up, workers that still start count as idle ones; on the way down they are left out. A
    ready worker that doesn't say how much it does counts as idle on the way up, and as fully used on the way down.
    Neither may turn the way round.

    >>> from everai_autoscaler.testing import snapshot
    >>> result = TargetTrackingAutoScaler(target=0.5).decide(snapshot(busy=3, free=1))
    >>> result.up, result.reasons[0].why
    (2, '75 % of 4 workers in use, target 50 %: 6 wanted (1 to 10), 4 there')
    """

    steady: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    target: float = argument(0.8, gt=0, le=1, help="share of their capacity that the workers should use")
    tolerance: float = argument(0.1, ge=0, help="how far from 1 the ratio of use to target may be without a change")
    concurrency: int = argument(1, ge=1, help="requests that a worker can serve at once, where it doesn't say")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    max_idle_time: float = argument(60.0, ge=0, help="seconds without work after which a worker may go")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """Go to what the rule wants, within the bounds."""
        fleet, waiting = Fleet.of(factors, start_timeout=self.start_timeout), factors.waiting()
        least, most = self.min_workers, self.max_workers
        if fleet is None:
            return DecideResult.hold(factors, "the workers are not known", max_workers=most)
        if fleet.present < least:
            wanted = Wanted(least, "below the minimum")
        elif waiting is None:
            return DecideResult.hold(factors, "the queue is not known", max_workers=most)
        elif not fleet.present:
            wanted = Wanted(0, f"{waiting} waiting and no worker")
        else:
            wanted = self.wanted(fleet)
        if wanted.count is None and not fleet.suspects:  # else they go all the same
            return DecideResult.hold(factors, wanted.why, max_workers=most)
        # The rule doesn't look at the queue; but one worker is there while anything waits.
        count = max(fleet.present if wanted.count is None else wanted.count, min(waiting or 0, 1))
        return DecideResult.towards(
            count, fleet, wanted.why, min_workers=least, max_workers=most, max_idle_time=self.max_idle_time
        )

    def wanted(self, fleet: Fleet) -> Wanted:
        """What the rule alone wants, before the bounds."""
        ready, starting = fleet.ready, [*fleet.starting, *fleet.pinned]
        silent = [worker for worker in ready if self._used(worker) is None]
        used = sum(self._used(worker) or 0 for worker in ready)
        capacity = self._capacity(ready) - self._capacity(silent)
        if not capacity:
            return Wanted(None, "no worker that is ready says how much of it is in use")
        first = used / (capacity * self.target)
        sharing = ready
        why = f"{used / capacity:.0%} of {counted(len(ready) - len(silent), 'worker')} in use".replace("%", " %")
        if silent:
            why += f", {len(silent)} silent"
            used += self._capacity(silent) if first < 1 else 0
            capacity += self._capacity(silent) if first != 1 else 0
        if starting and first > 1:
            why += f", {len(starting)} starting"
            sharing = fleet.staying
            capacity += self._capacity(starting)
        ratio = used / (capacity * self.target)
        why += f", target {self.target * 100:g} %"
        if abs(1 - ratio) <= self.tolerance + _ROUNDING:
            return Wanted(fleet.present, f"{why}, within {self.tolerance * 100:g} %")
        if (first < 1 < ratio) or (ratio < 1 < first):
            return Wanted(fleet.present, f"{why}, which is not enough to go either way")
        return Wanted(ceil(ratio * len(sharing) - _ROUNDING), why)

    def _used(self, worker: Worker) -> int | None:
        """The requests that *worker* serves, or ``None`` when it doesn't say."""
        if worker.status is WorkerStatus.Busy and not worker.current_request:
            # Older senders leave the number out; a busy worker with room for one serves one.
            return 1 if (worker.concurrency or self.concurrency) == 1 else None
        return worker.current_request

    def _capacity(self, workers: list[Worker]) -> int:
        return sum(worker.concurrency or self.concurrency for worker in workers)


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """The scaler ``target-tracking``."""
    return {"target-tracking": TargetTrackingAutoScaler}


_ROUNDING = 1e-9
"""7 / (7 * 0.7) * 7 is a little above 10; that isn't an eleventh worker."""
