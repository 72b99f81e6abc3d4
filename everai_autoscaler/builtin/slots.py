"""Free capacity in slots, where workers serve several requests at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self

from attrs import evolve, frozen

from everai_autoscaler.model import Worker, WorkerStatus

__all__ = ["Slots"]

_ONE = {None, 1}
_BUSY, _STARTING = WorkerStatus.Busy, WorkerStatus.Inflight  # here, since looking up an enumeration's member is slow


@frozen(kw_only=True)
class Slots:
    """The requests that the ready workers can serve at once, how many they serve, and what is to stay free of that.

    A worker has as many slots as its ``concurrency`` says, and one where it says nothing. A busy worker that doesn't
    say how many requests it serves counts as full.

    >>> from everai_autoscaler.testing import worker
    >>> slots = Slots.of([worker("a", "Busy", concurrency=8, current_request=1)], spare=1, percent=0)
    >>> slots.free, slots.least, slots.enough
    (7, 1, True)
    """

    workers: int
    """The workers that are ready."""
    total: int
    used: int
    spare: int
    """In how many workers there is to be room."""
    percent: int
    """How many slots are to be free, as a share of those in use."""

    @classmethod
    def of(cls, workers: Collection[Worker], *, spare: int, percent: int) -> Self | None:
        """The slots of those *workers* that are ready; ``None`` where none of them has more than one."""
        # Most fleets have one slot each, which a set of all they say shows much faster than a look at each worker.
        if {one.concurrency for one in workers} <= _ONE:
            return None
        ready = total = used = 0
        for worker in workers:
            if worker.status is _STARTING or worker.draining:
                continue
            slots, serves = worker.concurrency or 1, worker.current_request
            ready += 1
            total += slots
            if serves or worker.status is _BUSY:
                used += serves if 0 < serves < slots else slots
        return cls(workers=ready, total=total, used=used, spare=spare, percent=percent) if total > ready else None

    @property
    def free(self) -> int:
        """How many slots are free."""
        return self.total - self.used

    @property
    def room(self) -> int:
        """The fewest free slots with which *spare* workers have room, however the requests are spread over them.

        All but one of these workers' slots, of the mean size, and one more: with fewer, they could be free in one
        worker less.
        """
        if not self.spare:
            return 0
        return -(-(self.spare - 1) * self.total // max(1, self.workers)) + 1

    @property
    def share(self) -> int:
        """The slots that *percent* of those in use come to, rounded up."""
        return -(-self.used * self.percent // 100)

    @property
    def least(self) -> int:
        """How many slots are to be free."""
        return max(self.room, self.share)

    @property
    def enough(self) -> bool:
        """Whether so many are."""
        return self.free >= self.least

    def at(self, workers: int) -> int:
        """How many slots are free where a summary says that so many *workers* more are free than are listed as such.

        Each counts for the mean number of slots; a decorator may have averaged the summary.
        """
        return min(self.total, max(0, self.free + workers * self.total // self.workers))

    def without(self, worker: Worker) -> Self:
        """The slots that remain without *worker*, one of those that are ready and serve nothing."""
        return evolve(self, workers=self.workers - 1, total=self.total - (worker.concurrency or 1))
