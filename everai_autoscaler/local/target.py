"""The local runtime as a Target: what a policy sees of it, and how its answer is carried out."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from attrs import frozen

from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.model import DecideResult, Factors, QueueReason, WorkerStatus
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher

__all__ = ["Applied", "LocalTarget", "Sample", "Workers"]

HISTORIES = 20
"""How many earlier observations a snapshot tells of."""


class Workers(Protocol):
    """Who has the workers, and starts and removes them."""

    @property
    def workers(self) -> Mapping[str, LocalWorker]:
        """Those that start, serve or drain, by their ids."""

    def start(self, count: int) -> int:
        """Start *count* workers; how many were really begun."""

    def remove(self, worker_id: str, why: str) -> None:
        """Let that worker finish what it serves, and end it."""


@frozen
class Applied:
    """What was really done about a result."""

    up: int
    down: tuple[str, ...]
    why: tuple[str, ...]
    """Why it is less than what was asked for; empty when it isn't."""

    def view(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return {"up": self.up, "down": list(self.down), "why": list(self.why)}


@frozen
class Sample:
    """The fleet and the queue at one moment (epoch seconds), in numbers."""

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


class LocalTarget:
    """What is known of the workers and the queue; starts and removes exactly who a result names.

    Both methods look at what another thread changes, the event loop's: they belong there.

    Args:
        fleet: who has the workers.
        dispatcher: who has the queue.
        seen: earlier samples, the newest first.
        clock: tells the time in epoch seconds.
    """

    def __init__(
        self,
        fleet: Workers,
        dispatcher: Dispatcher[ListeningWorker],
        *,
        seen: Iterable[Sample] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.applied: Applied | None = None
        """What was done about the last result since the last look; ``None`` when nothing was."""
        self._fleet = fleet
        self._dispatcher = dispatcher
        self._clock = clock
        self._seen: deque[Sample] = deque(seen, maxlen=HISTORIES)
        self._counted: tuple[int, int] | None = None

    @property
    def seen(self) -> Sample | None:
        """What the last observation saw, in numbers."""
        return self._seen[0] if self._seen else None

    def sample(self) -> Sample:
        """The present numbers; arrivals and completions are those since the last observation."""
        counted = self._dispatcher.arrivals, self._dispatcher.completions
        since = (
            None if self._counted is None else tuple(new - old for new, old in zip(counted, self._counted, strict=True))
        )
        workers = self._fleet.workers.values()
        statuses = Counter(worker.status for worker in workers if worker.draining_at is None)
        return Sample(
            at=self._clock(),
            worker={status: statuses[status] for status in WorkerStatus},
            draining=sum(worker.draining_at is not None for worker in workers),
            queue=self._dispatcher.summary(),
            arrivals=None if since is None else since[0],
            completions=None if since is None else since[1],
        )

    def observe(self) -> Factors:
        """What is known now."""
        seen = self.sample()
        earlier = list(self._seen)
        self._seen.appendleft(seen)
        self._counted = self._dispatcher.arrivals, self._dispatcher.completions
        self.applied = None
        workers = list(self._fleet.workers.values())
        places = sum(worker.concurrency for worker in workers if worker.ready_at is not None)
        oldest: dict[QueueReason, float] = {}
        for came_at, reason in self._dispatcher.queue():
            oldest.setdefault(reason, max(0.0, seen.at - came_at))
        return Factors(
            queue_histories={_age(seen, one): dict(one.queue) for one in earlier},
            queue=dict(seen.queue),
            utilization=round(100 * sum(worker.serving for worker in workers) / places) if places else None,
            workers=[worker.snapshot("local") for worker in workers],
            worker=dict(seen.worker),
            worker_histories={_age(seen, one): dict(one.worker) for one in earlier},
            observed_at=seen.at,
            arrivals=seen.arrivals,
            completions=seen.completions,
            oldest_wait=oldest,
        )

    def apply(self, result: DecideResult) -> None:
        """Start so many workers, and remove those that are named; one that has begun to serve meanwhile stays."""
        why = []
        gone = []
        for worker_id in dict.fromkeys(result.down):
            if kept := self._needed(worker_id):
                why.append(f"{worker_id} stays: {kept}")
            else:
                self._fleet.remove(worker_id, _because(result, worker_id))
                gone.append(worker_id)
        started = self._fleet.start(result.up) if result.up else 0
        if started < result.up:
            why.append(f"starts {started} of {result.up}: starts wait, since workers have died while starting")
        self.applied = Applied(started, tuple(gone), tuple(why))

    def _needed(self, worker_id: str) -> str:
        """Why that worker can't go; empty when it can."""
        worker = self._fleet.workers.get(worker_id)
        if worker is None:
            return "it is gone already"
        if worker.draining_at is not None:
            return "it is on its way out already"
        if worker.serving:
            return "it has begun to serve since"
        return "it holds a session" if worker.sessions else ""


def _because(result: DecideResult, worker_id: str) -> str:
    """Why that worker goes: the reasons that name it or, where none does, all of them."""
    reasons = [str(reason) for reason in result.reasons]
    return "; ".join([reason for reason in reasons if worker_id in reason] or reasons)


def _age(now: Sample, then: Sample) -> int:
    return max(0, round(now.at - then.at))
