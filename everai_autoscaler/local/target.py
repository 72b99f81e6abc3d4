"""The local runtime as a Target: what a policy sees of it, and how its answer is carried out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from everai_autoscaler.engine import SampleForm
from everai_autoscaler.local.fleet import Fleet
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Factors
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher
from everai_autoscaler.serving.history import History

__all__ = ["LocalTarget"]


class LocalTarget:
    """What is known of the workers and the queue; starts and removes exactly the workers that a result names.

    It belongs to the event loop, which changes what it shows.

    Args:
        fleet: the workers.
        dispatcher: the queue.
        seen: earlier samples, the newest first.
        clock: gives the time in epoch seconds.
    """

    def __init__(
        self,
        fleet: Fleet,
        dispatcher: Dispatcher[ListeningWorker],
        *,
        seen: Iterable[SampleForm] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._history = History(dispatcher, region="local", seen=seen)

    def sample(self) -> SampleForm:
        """The present numbers; arrivals and completions are those since the last observation."""
        sample = self._history.sample(self._fleet.workers.values(), self._clock())
        return SampleForm.model_validate(sample, from_attributes=True)

    def observe(self) -> Factors:
        """What is known now."""
        return self._history.observe(self._fleet.workers.values(), self._clock())

    def apply(self, result: DecideResult) -> Applied:
        """Start so many workers, and remove those that are named; one that has begun to serve meanwhile stays."""
        why = []
        gone = []
        for worker_id in dict.fromkeys(result.down):
            if reason := self._why_stays(worker_id):
                why.append(f"{worker_id} stays: {reason}")
            else:
                self._fleet.remove(worker_id, _because(result, worker_id))
                gone.append(worker_id)
        started, less = self._fleet.start(result.up) if result.up else (0, "")
        if less:
            why.append(f"starts {started} of {result.up}: {less}")
        return Applied(started, tuple(gone), tuple(why))

    def _why_stays(self, worker_id: str) -> str:
        """Why that worker can't go now; empty when it can."""
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
