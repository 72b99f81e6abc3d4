"""Where the requests of a simulation come from, and what became of each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias

from attrs import define, frozen

from everai_autoscaler.errors import ArgumentError

__all__ = ["Clients", "Load", "Request", "Served"]


@frozen
class Clients:
    """*count* clients, each of which sends its next request when the last one is answered.

    From *start* until *stop*, in seconds from the cluster's start; then they hang up at once, as ``ab -t`` does: what
    still waits is gone, and a worker that still serves one of them is free. A client whose request is refused sends
    its next one *service_time* seconds later.
    """

    count: int
    service_time: float
    """Seconds of a worker's time that a request takes; above 0."""
    start: float = 0.0
    stop: float = math.inf

    def __attrs_post_init__(self) -> None:
        if not self.service_time > 0:
            raise ArgumentError(f"service_time: {self.service_time} is not a number of seconds above 0")


Load: TypeAlias = Clients | Iterable[tuple[float, float] | tuple[float, float, str | None]]
"""Clients; or arrivals in the order of their time: seconds from the cluster's start, service time and, where it belongs
to one, the session of each. A ``Workload`` is one, and the fastest."""


@define(eq=False)
class Request:
    """One request, and what became of it. All times are epoch seconds."""

    came_at: float
    service_time: float
    taken_at: float | None = None
    """When a worker began with it; ``None`` while it waits."""
    taken_by: str | None = None
    """The worker's id."""
    answered_at: float | None = None
    hung_up_at: float | None = None
    """When its client went away without an answer."""

    @property
    def wait(self) -> float | None:
        """Seconds until a worker began with it; ``None`` while that isn't known."""
        return None if self.taken_at is None else self.taken_at - self.came_at


@frozen
class Served:
    """What the requests met with."""

    came: int
    answered: int
    mean_wait: float | None
    """Seconds, over those that were answered; ``None`` when there are none."""
    max_wait: float | None
