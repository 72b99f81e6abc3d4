"""The workers of a snapshot: which there are, which of them to count on, and which may go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Self

from attrs import define

from everai_autoscaler.model.factors import Factors, Worker, WorkerStatus

__all__ = ["Fleet", "why_stays"]

_BUSY, _FREE = WorkerStatus.Busy, WorkerStatus.Free  # here, since looking up an enumeration's member is slow


def why_stays(worker: Worker) -> str:
    """Why *worker* may not be removed; empty when it may.

    >>> from everai_autoscaler.testing import worker
    >>> why_stays(worker("a", "Busy")), why_stays(worker("b", number_of_sessions=2)), why_stays(worker("c"))
    ('it is busy', 'it has 2 sessions', '')
    """
    if worker.status is _BUSY or worker.current_request:
        return "it is busy"
    if worker.number_of_sessions:
        return f"it has {worker.number_of_sessions} sessions" if worker.number_of_sessions > 1 else "it has a session"
    return "it is leaving already" if worker.draining else ""


@define
class Fleet:
    """The workers of one snapshot, each in one of the lists below; a draining worker is in ``workers`` only.

    >>> from everai_autoscaler.testing import snapshot, worker
    >>> late = worker("late", "Inflight", started_ago=601)
    >>> fleet = Fleet.of(snapshot(busy=2, free=1, workers=[late]), start_timeout=600)
    >>> fleet.total, fleet.present, len(fleet.ready), [worker.worker_id for worker in fleet.suspects]
    (4, 3, 3, ['late'])
    """

    factors: Factors
    """The snapshot."""
    start_timeout: float
    """Seconds after which a worker that is still starting is a suspect: it may never become ready."""
    workers: Sequence[Worker]
    """All workers, each id once."""
    busy: Sequence[Worker]
    """Those that serve."""
    free: Sequence[Worker]
    """Those that are ready and have nothing to do; also those in a session."""
    starting: Sequence[Worker]
    """Those that started within the *start_timeout*."""
    suspects: Sequence[Worker]
    """Those that have been starting for longer: a policy gives them up, and doesn't count on them."""
    pinned: Sequence[Worker]
    """Those that have been starting for longer too, but may not be removed: one in a session, say."""

    @classmethod
    def of(cls, factors: Factors, *, start_timeout: float = inf) -> Self | None:
        """The fleet of *factors*, from one pass over its workers; ``None`` where the workers aren't known."""
        if factors.workers is None:
            return None
        starting_since = factors.observed_at - start_timeout
        busy: list[Worker] = []
        free: list[Worker] = []
        starting: list[Worker] = []
        suspects: list[Worker] = []
        pinned: list[Worker] = []
        workers = _each_once(factors.workers)
        for worker in workers:
            status = worker.status
            if worker.draining:
                continue
            if status is _BUSY:
                busy.append(worker)
            elif status is _FREE:
                free.append(worker)
            elif worker.started_at >= starting_since:
                starting.append(worker)
            elif why_stays(worker):
                pinned.append(worker)
            else:
                suspects.append(worker)
        return cls(factors, start_timeout, workers, busy, free, starting, suspects, pinned)

    @property
    def total(self) -> int:
        """How many workers there are: what a maximum counts."""
        return len(self.workers)

    @property
    def ready(self) -> list[Worker]:
        """The workers that are free or busy."""
        return [*self.busy, *self.free]

    @property
    def staying(self) -> list[Worker]:
        """The workers to count on: all but those that leave and those to be given up."""
        return [*self.busy, *self.free, *self.starting, *self.pinned]

    @property
    def present(self) -> int:
        """How many workers there are to count on."""
        return len(self.busy) + len(self.free) + len(self.starting) + len(self.pinned)

    def idle(self, seconds: float = 0) -> list[Worker]:
        """The free workers that may go and have been idle for at least so many *seconds*, the newest first."""
        # Most have served too lately for that, and this comparison is much cheaper than the exact one.
        latest = int(self.factors.observed_at) - seconds + 1
        return newest_first(
            worker
            for worker in self.free
            if worker.last_service_time <= latest
            and (self.factors.idle_time(worker) or 0.0) >= seconds
            and not why_stays(worker)
        )

    def leaving(self, goal: int, *, max_idle_time: float = 0) -> list[Worker]:
        """The workers that go on the way to *goal* workers where none is missing: the suspects, all of them.

        Then, as far as there are too many, those that are starting and those idle for at least *max_idle_time* seconds;
        the newest first, so that the oldest stay.
        """
        unwanted = newest_first(worker for worker in self.starting if not why_stays(worker)) + self.idle(max_idle_time)
        return [*oldest_first(self.suspects), *unwanted[: max(0, self.present - goal)]]


def newest_first(workers: Iterable[Worker]) -> list[Worker]:
    """The *workers* by their start, the newest first; those of one moment keep their order."""
    return sorted(workers, key=lambda worker: -worker.started_at)


def oldest_first(workers: Iterable[Worker]) -> list[Worker]:
    """The *workers* by their start, the oldest first; those of one moment keep their order."""
    return sorted(workers, key=lambda worker: worker.started_at)


def _each_once(workers: Sequence[Worker]) -> Sequence[Worker]:
    """The *workers*, each id once; of two statements about one id, that which keeps the worker is believed."""
    if len({worker.worker_id for worker in workers}) == len(workers):
        return workers
    unique = {worker.worker_id: worker for worker in workers}
    unique.update((worker.worker_id, worker) for worker in workers if why_stays(worker))
    return list(unique.values())
