"""What a queue and its workers show from one observation to the next: numbers, histories, snapshots."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from attrs import frozen

from everai_autoscaler.model import Factors, QueueReason, WorkerStatus
from everai_autoscaler.serving.dispatcher import Dispatcher
from everai_autoscaler.serving.worker import ServingWorker

__all__ = ["HISTORIES", "History", "Observed", "Sample"]

HISTORIES = 20
"""How many earlier observations a snapshot includes."""


class Observed(Protocol):
    """What a snapshot includes of an earlier moment; a ``Sample``, or how one was stored."""

    @property
    def at(self) -> float:
        """The moment (epoch seconds)."""

    @property
    def workers(self) -> Mapping[WorkerStatus, int]:
        """Workers by status, without those that drain."""

    @property
    def waiting(self) -> Mapping[QueueReason, int]:
        """Requests that wait, by reason."""


@frozen
class Sample:
    """The workers and the queue at one moment (epoch seconds), in numbers."""

    at: float
    workers: Mapping[WorkerStatus, int]
    """Workers by status, without those that drain."""
    draining: int
    waiting: Mapping[QueueReason, int]
    arrivals: int | None
    """Since the last observation; ``None`` when there was none."""
    completions: int | None

    # The names that its form has.
    inflight = property(lambda self: self.workers[WorkerStatus.Inflight])
    free = property(lambda self: self.workers[WorkerStatus.Free])
    busy = property(lambda self: self.workers[WorkerStatus.Busy])


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
        seen: Iterable[Observed] = (),
        counted: tuple[int, int] | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._region = region
        self._seen: deque[Observed] = deque(seen, maxlen=HISTORIES)
        self._counted = counted

    def sample(self, workers: Collection[ServingWorker], now: float) -> Sample:
        """The numbers of *now*; arrivals and completions are those since the last observation."""
        arrivals = completions = None
        if self._counted is not None:
            arrivals = self._dispatcher.arrivals - self._counted[0]
            completions = self._dispatcher.completions - self._counted[1]
        statuses = Counter(worker.status for worker in workers if worker.draining_at is None)
        return Sample(
            at=now,
            workers={status: statuses[status] for status in WorkerStatus},
            draining=sum(worker.draining_at is not None for worker in workers),
            waiting=self._dispatcher.summary(),
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
            queue_histories={age: dict(earlier.waiting) for age, earlier in ages.items()},
            queue=dict(sample.waiting),
            utilization=round(100 * sum(worker.serving for worker in workers) / places) if places else None,
            workers=[worker.snapshot(self._region) for worker in workers],
            worker=dict(sample.workers),
            worker_histories={age: dict(earlier.workers) for age, earlier in ages.items()},
            observed_at=now,
            arrivals=sample.arrivals,
            completions=sample.completions,
            oldest_wait=oldest,
            start_times=list(self._dispatcher.start_times),
        )
