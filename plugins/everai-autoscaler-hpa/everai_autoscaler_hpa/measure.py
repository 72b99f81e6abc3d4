"""What the metric says: how many workers a HorizontalPodAutoscaler's formula recommends."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from attrs import frozen

from everai_autoscaler.model import Factors, Fleet, Worker, WorkerStatus
from everai_autoscaler.words import counted

__all__ = ["REQUESTS", "TARGET_TYPES", "Aim", "Recommended"]

REQUESTS = "requests"
"""The metric that is no signal: requests that are served or wait."""
TARGET_TYPES = ("average", "value", "worker", "utilization")
"""What the target is compared with: the metric over the workers, the metric, each worker's own, or its used share."""
_ROUNDING = 1e-9
"""7 / (7 * 0.7) * 7 is a little above 10; that isn't an eleventh worker."""


@frozen
class Recommended:
    """How many workers the formula recommends."""

    count: int | None
    """``None`` where the metric isn't known."""
    why: str


@frozen
class Aim:
    """A metric, and what it should be."""

    metric: str
    """``requests``, or the name of a signal."""
    target_type: str
    """One of ``TARGET_TYPES``."""
    target: float
    up_tolerance: float
    """How far above 1 the ratio of metric and target may be without a change."""
    down_tolerance: float
    """How far below 1 it may be."""
    concurrency: int
    """Requests that a worker can serve at once, where it doesn't say."""
    max_age: float
    """Seconds after which a signal isn't known any more."""

    def total(self, factors: Factors) -> float | None:
        """The metric of the whole; ``None`` where it isn't known."""
        if self.metric != REQUESTS:
            return factors.signal(self.metric, max_age=self.max_age)
        waiting = factors.waiting()
        if factors.workers is None or waiting is None:
            return None
        return waiting + sum(worker.current_request or 1 for worker in factors.workers if _is_busy(worker))

    def recommended(self, factors: Factors, fleet: Fleet) -> Recommended:
        """What the formula recommends for the workers of *fleet*, before anything calms or bounds it."""
        if self.target_type in ("worker", "utilization"):
            return self._by_worker(factors, fleet)
        total = self.total(factors)
        if total is None:
            what = "the queue or the workers are" if self.metric == REQUESTS else f"{self.metric} is"
            return Recommended(None, f"{what} not known")
        if self.target_type == "average":
            why = f"{self.amount(total)}, {self.target:g} for each worker"
            return Recommended(self.average(total, fleet.present), why)
        why = f"{self.amount(total)}, {self.target:g} in all"
        return Recommended(self.value(total, fleet.present, len(fleet.ready)), why)

    def amount(self, total: float) -> str:
        """The *total* as a reason says it.

        >>> Aim("lag", "average", 1, 0.1, 0.1, 1, 60).amount(1.5)
        '1.5 lag'
        """
        return counted(int(total), "request") if self.metric == REQUESTS else f"{total:g} {self.metric}"

    def average(self, total: float, there: int) -> int:
        """The recommendation where *there* workers share the *total*.

        >>> Aim("requests", "average", 100, 0.1, 0.1, 1, 60).average(200, 1)
        2
        """
        if there and self._close(total / (there * self.target)):
            return there
        return ceil(total / self.target - _ROUNDING)

    def value(self, total: float, there: int, ready: int) -> int:
        """The recommendation where the metric itself is to be the target; the workers that are *ready* made it."""
        ratio = total / self.target
        if not there:
            return ceil(ratio - _ROUNDING)
        # Where nobody is ready yet, the metric says nothing about how many there should be.
        return there if self._close(ratio) or not ready else ceil(ratio * ready - _ROUNDING)

    def _by_worker(self, factors: Factors, fleet: Fleet) -> Recommended:
        """The mean over the workers, where those that start and those that are silent are treated with caution."""
        waiting = factors.waiting()
        if waiting is None:
            return Recommended(None, "the queue is not known")
        if not fleet.present:
            # Nobody measures anything: one worker is there while anything waits.
            return Recommended(min(1, waiting), f"{counted(waiting, 'request')} and no worker")
        measured, silent, capacity = 0.0, list[Worker](), 0
        for worker in fleet.ready:
            value = self._of(worker)
            if value is None:
                silent.append(worker)
            else:
                measured += value
                capacity += self._capacity(worker)
        if not capacity:
            return Recommended(None, f"no worker that is ready says its {self._called}")
        first = measured / (capacity * self.target)
        told = counted(len(fleet.ready) - len(silent), "worker")
        why = f"{self._called} {measured / capacity:.3g} of {self.target:g} over {told}"
        why += f", {len(silent)} silent" if silent else ""
        sharing = len(fleet.ready)
        starting = [*fleet.starting, *fleet.pinned] if first > 1 else []
        if first != 1:
            # The silent are taken to be idle on the way up; on the way down as fully used, or as just at the target.
            missing = self._sum(silent)
            full = 1 if self.target_type == "utilization" else self.target
            measured += missing * full if first < 1 else 0
            capacity += missing + self._sum(starting)
            sharing += len(starting)
            why += f", {len(starting)} starting" if starting else ""
        ratio = measured / (capacity * self.target)
        if self._close(ratio) or (first - 1) * (ratio - 1) < 0:
            return Recommended(fleet.present, why)
        return Recommended(max(ceil(ratio * sharing - _ROUNDING), min(1, waiting)), why)

    @property
    def _called(self) -> str:
        return "use" if self.target_type == "utilization" else self.metric

    def _of(self, worker: Worker) -> float | None:
        """What *worker* says of the metric."""
        if self.target_type == "worker" and self.metric != REQUESTS:
            return worker.signal(self.metric, max_age=self.max_age)
        if _is_busy(worker) and not worker.current_request:
            # Older senders leave the number out; a busy worker with room for one serves one.
            return 1 if (worker.concurrency or self.concurrency) == 1 else None
        return worker.current_request

    def _capacity(self, worker: Worker) -> int:
        return (worker.concurrency or self.concurrency) if self.target_type == "utilization" else 1

    def _sum(self, workers: Sequence[Worker]) -> int:
        return sum(map(self._capacity, workers))

    def _close(self, ratio: float) -> bool:
        return 1 - self.down_tolerance - _ROUNDING <= ratio <= 1 + self.up_tolerance + _ROUNDING


def _is_busy(worker: Worker) -> bool:
    return worker.status is WorkerStatus.Busy
