"""The cluster that ``simulate`` runs on until the room has its own; it goes away with that."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from everai_autoscaler.simulator.run import Life, Requests
from everai_autoscaler.simulator.workload import Workload

__all__ = ["stand_in"]


def stand_in(workload: Workload, *, start: float, **options: Any) -> Any:
    """A ``VirtualTarget`` that also tells the fates of its requests and the lives of its workers."""
    base = import_module("everai_autoscaler.testing").VirtualTarget

    class StandIn(base):  # type: ignore[misc, valid-type]
        @property
        def at_rest(self) -> bool:
            return len(self.requests) == len(workload) and all(
                request.answered_at is not None for request in reversed(self.requests)
            )

        def fates(self) -> Requests:
            number = {worker_id: place for place, worker_id in enumerate(self._ever)}
            return Requests(
                came=array("d", (request.came_at - start for request in self.requests)),
                service=array("d", (request.service_time for request in self.requests)),
                began=_moments([request.taken_at for request in self.requests], start),
                answered=_moments([request.answered_at for request in self.requests], start),
                worker=array("q", (number.get(request.taken_by or "", -1) for request in self.requests)),
            )

        def lives(self) -> tuple[Life, ...]:
            return tuple(
                Life(
                    one.worker_id,
                    one.started_at - start,
                    None if one.ready_at is None else one.ready_at - start,
                    None if one.ended_at is None else one.ended_at - start,
                    "" if one.ended_at is None else "removed",
                )
                for one in self._ever.values()
            )

    return StandIn(load=[workload], start=start, **options)


def _moments(moments: Sequence[float | None], start: float) -> array[float]:
    return array("d", (math.nan if moment is None else moment - start for moment in moments))
