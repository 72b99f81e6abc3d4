"""What a queue and its workers show from one observation to the next: numbers, histories, snapshots."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from attrs import frozen

from everai_autoscaler.model import Factors, QueueReason, WorkerStatus
from everai_autoscaler.serving.dispatcher import Dispatcher
from everai_autoscaler.serving.worker import ServingWorker

__all__ = ["HISTORIES", "History", "Sample"]

HISTORIES = 20
"""How many earlier observations a snapshot includes."""


@frozen
class Sample:
    """The workers and the queue at one moment (epoch seconds), in numbers."""

    at: float
    worker: Mapping[WorkerStatus, int]
    """Workers by status, without those that drain."""
    draining: int
    queue: Mapping[QueueReason, int]
    arrivals: int | None
    """Since the sample before; ``None`` when there was none."""
    completions: int | None

    def view(self, max_workers: int | None) -> dict[str, Any]:
        """The same as plain JSON."""
        return {
            "at": self.at,
            **{status.value.lower(): self.worker.get(status, 0) for status in WorkerStatus},
            "draining": self.draining,
            "waiting": {reason.value: number for reason, number in self.queue.items()},
            "arrivals": self.arrivals,
            "completions": self.completions,
            "max_workers": max_workers,
        }

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Sample:
        """The sample that *view* shows."""
        return cls(
            at=view["at"],
            worker={status: view[status.value.lower()] for status in WorkerStatus},
            draining=view["draining"],
            queue={QueueReason(reason): number for reason, number in view["waiting"].items()},
            arrivals=view["arrivals"],
            completions=view["completions"],
        )


class History:
    """Makes a snapshot of each moment, which includes the moments before it.

    >>> history = History(Dispatcher(), region="virtual")
    >>> worker = ServingWorker("w1", started_at=80)
    >>> history.observe([worker], now=100).worker_histories
    {}
    >>> history.observe([], now=120).worker_histories[20][WorkerStatus.Inflight]
    1

    Args:
        dispatcher: the queue.
        region: where the workers are.
        seen: earlier samples, the newest first.
        counted: the arrivals and completions before the first observation; ``None`` when they aren't known.
    """

    def __init__(
        self,
        dispatcher: Dispatcher[Any],
        *,
        region: str,
        seen: Iterable[Sample] = (),
        counted: tuple[int, int] | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._region = region
        self._seen = deque(seen, maxlen=HISTORIES)
        self._counted = counted

    @property
    def latest(self) -> Sample | None:
        """The sample of the last observation."""
        return self._seen[0] if self._seen else None

    def sample(self, workers: Collection[ServingWorker], now: float) -> Sample:
        """The numbers of *now*; arrivals and completions are those since the last observation."""
        arrivals = completions = None
        if self._counted is not None:
            arrivals = self._dispatcher.arrivals - self._counted[0]
            completions = self._dispatcher.completions - self._counted[1]
        statuses = Counter(worker.status for worker in workers if worker.draining_at is None)
        return Sample(
            at=now,
            worker={status: statuses[status] for status in WorkerStatus},
            draining=sum(worker.draining_at is not None for worker in workers),
            queue=self._dispatcher.summary(),
            arrivals=arrivals,
            completions=completions,
        )

    def observe(self, workers: Collection[ServingWorker], now: float) -> Factors:
        """The snapshot of *now*, which the next ones will include."""
        sample = self.sample(workers, now)
        ages = {max(0, round(now - earlier.at)): earlier for earlier in self._seen}
        self._seen.appendleft(sample)
        self._counted = self._dispatcher.arrivals, self._dispatcher.completions
        places = sum(worker.concurrency for worker in workers if worker.ready_at is not None)
        oldest: dict[QueueReason, float] = {}
        for came_at, reason in self._dispatcher.queue():
            oldest.setdefault(reason, max(0.0, now - came_at))
        return Factors(
            queue_histories={age: dict(earlier.queue) for age, earlier in ages.items()},
            queue=dict(sample.queue),
            utilization=round(100 * sum(worker.serving for worker in workers) / places) if places else None,
            workers=[worker.snapshot(self._region) for worker in workers],
            worker=dict(sample.worker),
            worker_histories={age: dict(earlier.worker) for age, earlier in ages.items()},
            observed_at=now,
            arrivals=sample.arrivals,
            completions=sample.completions,
            oldest_wait=oldest,
        )
