"""What a run comes to without its requests and decisions: counts, sums, and how long the waits were."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from attrs import field, frozen

from everai_autoscaler.simulator.elasticity import Elasticity, Follow
from everai_autoscaler.simulator.waits import Waits

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Requests, TickRow

__all__ = ["FLAP_SECONDS", "MANY", "STRETCH", "Tally", "Totals"]

MANY = 20_000
"""From so many requests on whole columns are added up at a time, where numpy is there: below, one by one is done before
numpy is imported."""
STRETCH = 250
"""So many requests at once are added up by columns, where numpy is imported, or the run has had ``MANY``."""
FLAP_SECONDS = 300.0
"""A worker that is started within so many seconds after one was removed makes that removal a flap; 300 s is the
stabilisation window of the Kubernetes HorizontalPodAutoscaler."""


@frozen(kw_only=True)
class Totals:
    """The totals of a run after its warm-up, for one that keeps no requests or decisions, and for a real one.

    ``None`` means "not known".
    """

    requests: int
    """How many came."""
    answered: int
    refused: int = 0
    interrupted: int = 0
    waiting_at_end: int = 0
    waits: Waits | None = field(default=None, repr=False)
    """How long they waited; that of a request that waits at the end counts so far."""
    begun: Waits | None = field(default=None, repr=False)
    """The waits of those that began."""
    cold_start_delayed: int | None = None
    served: float | None = None
    """Seconds that workers spent serving."""
    decisions: int = 0
    held: int = 0
    failed: int = 0
    flaps: int = 0
    elasticity: Elasticity


class Tally:
    """Adds up a run as it goes on.

    Args:
        warm_up: seconds from the start that aren't judged.
        concurrency: requests that a worker serves at once.
    """

    def __init__(self, *, warm_up: float = 0.0, concurrency: int = 1) -> None:
        self._warm_up = warm_up
        self._concurrency = concurrency
        self._begun, self._waiting = Waits(), Waits()
        self._seen = 0
        self._requests = self._answered = self._refused = self._interrupted = self._cold = 0
        self._served = 0.0
        self._decisions = self._held = self._failed = self._flaps = 0
        self._removed_at = -math.inf
        self._follow = Follow()
        self._last: tuple[float, int, int] | None = None

    def requests(self, fates: Requests, ready: Sequence[float | None], ended_at: float) -> None:
        """Add the *fates* of requests that won't change any more.

        Args:
            fates: what became of them.
            ready: when each worker became ready, by its number.
            ended_at: when the run ended, for those that still wait or are being served.
        """
        self._seen += len(fates)
        if len(fates) >= STRETCH and _has_numpy(needed=self._seen >= MANY):
            self._add_columns(fates, list(ready), ended_at)
            return
        gone, left = {*fates.refused, *(number for number, _ in fates.left)}, dict(fates.left)
        start = self._warm_up
        self._interrupted += sum(fates.came[number] >= start for number in fates.interrupted)
        self._refused += sum(fates.came[number] >= start for number in fates.refused)
        columns = zip(fates.came, fates.service, fates.began, fates.answered, fates.worker, strict=True)
        for number, (came, service, began, answered, worker) in enumerate(columns):
            lost = math.isnan(began)
            if not lost:
                until = answered if not math.isnan(answered) else left.get(number, began + service)
                self._served += max(0.0, min(until, ended_at) - max(began, start))
            if came < start:
                continue
            self._requests += 1
            self._answered += not math.isnan(answered)
            if not lost:
                self._begun.add(began - came)
                ready_at = ready[worker] if began > came and worker >= 0 else None
                self._cold += ready_at is not None and ready_at > came
            elif number not in gone:
                self._waiting.add(max(0.0, ended_at - came))

    def _add_columns(self, fates: Requests, ready: list[float | None], ended_at: float) -> None:
        from everai_autoscaler.simulator import vector  # late: it needs numpy

        sums = vector.sums_of(fates, ready, start=self._warm_up, end=ended_at)
        self._requests += sums["requests"]
        self._answered += sums["answered"]
        self._refused += sums["refused"]
        self._interrupted += sums["interrupted"]
        self._cold += sums["cold"]
        self._served = vector.total_of(self._served, sums["served"])
        vector.add_waits(self._begun, sums["begun"])
        vector.add_waits(self._waiting, sums["starved"])

    def tick(self, row: TickRow) -> None:
        """Add a decision."""
        if row.at < self._warm_up:
            return
        self._decisions += 1
        self._held += row.held
        self._failed += bool(row.failure)
        if row.up and row.at - self._removed_at <= FLAP_SECONDS:
            self._flaps += 1
            self._removed_at = -math.inf
        if row.down:
            self._removed_at = row.at
        if min(row.free, row.busy, row.waiting) >= 0:
            self._span(row.at)
            needed, ready = row.busy - (-row.waiting // self._concurrency), row.busy + row.free
            self._last = row.at, needed, ready
            self._follow.period(needed=needed, ready=ready)

    def totals(self, ended_at: float) -> Totals:
        """What it comes to, where the run ended at that second."""
        self._span(ended_at)
        self._last = None
        return Totals(
            requests=self._requests,
            answered=self._answered,
            refused=self._refused,
            interrupted=self._interrupted,
            waiting_at_end=self._waiting.number,
            waits=self._begun.and_also(self._waiting),
            begun=self._begun,
            cold_start_delayed=self._cold,
            served=self._served,
            elasticity=self._follow.elasticity(),
            **self.decisions(),
        )

    def decisions(self) -> dict[str, int]:
        """How many decisions there were, and of which kinds."""
        return {"decisions": self._decisions, "held": self._held, "failed": self._failed, "flaps": self._flaps}

    def _span(self, until: float) -> None:
        if self._last is not None:
            at, needed, ready = self._last
            self._follow.span(max(0.0, until - at), needed=needed, ready=ready)


def _has_numpy(*, needed: bool) -> bool:
    """Whether numpy is imported; where it is *needed*, whether it can be."""
    return "numpy" in sys.modules or (needed and find_spec("numpy") is not None)
