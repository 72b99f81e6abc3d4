"""What a snapshot says of the demand: what is served and waits, what came and was answered, how long starts take."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf
from typing import Self

from attrs import frozen

from everai_autoscaler.builtin.demand.assumptions import COLD_START_QUANTILE, COUNTS_OF_WORKERS, LONGEST
from everai_autoscaler.model import Factors, Fleet, Worker, WorkerStatus

__all__ = ["Seen"]

_BUSY = WorkerStatus.Busy  # here, since looking up an enumeration's member is slow


@frozen
class Seen:
    """One snapshot's numbers; ``None`` is what it doesn't know."""

    now: float
    """Epoch seconds."""
    served: int
    """Requests in service: at least one for each busy worker."""
    waiting: int | None
    arrivals: int | None
    """Requests that came since the last snapshot."""
    completions: int | None
    """Requests that were answered since the last snapshot."""
    present: int
    """Workers to count on."""
    workers: Sequence[Worker]
    cold_start: float | None
    """Seconds that three of four of the last starts took at most."""
    concurrency: int | None
    """Requests that a typical worker serves at once: the lower median of what those that serve state, else of all."""

    @classmethod
    def of(cls, factors: Factors, fleet: Fleet) -> Self:
        """What *factors* says, whose workers are *fleet*.

        >>> from everai_autoscaler.testing import snapshot
        >>> factors = snapshot(waiting=2, busy=3, arrivals=4, start_times=[31, 28, 90, 30])
        >>> seen = Seen.of(factors, Fleet.of(factors))
        >>> seen.served, seen.waiting, seen.arrivals, seen.cold_start, seen.concurrency
        (3, 2, 4, 31.0, None)
        """
        workers, busy = fleet.workers, fleet.busy
        if len(workers) > fleet.present + len(fleet.suspects):  # some that leave may serve, too
            busy = [one for one in workers if one.status is _BUSY]
        stated = sorted(filter(None, [one.concurrency for one in busy or workers]))
        starts = sorted(factors.start_times or ())
        return cls(
            factors.observed_at,
            sum([one.current_request or 1 for one in busy]),
            factors.waiting(),
            factors.arrivals,
            factors.completions,
            fleet.present,
            workers,
            min(LONGEST, starts[ceil(COLD_START_QUANTILE * len(starts)) - 1]) if starts else None,
            stated[(len(stated) - 1) // 2] if stated else None,
        )

    def by_the_workers(self) -> tuple[float, float]:
        """The seconds that requests took by the workers' own averages, and how many requests that counts as."""
        count = sum(one.number_of_successes for one in self.workers)
        took = sum(one.number_of_successes * one.average_response_time for one in self.workers)
        if not count or not 0 < took < inf:
            return 0.0, 0.0
        weight = min(float(count), COUNTS_OF_WORKERS)
        return took / count * weight, weight
