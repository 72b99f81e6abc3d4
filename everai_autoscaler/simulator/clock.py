"""A clock that goes on only when it is waited for, and the events that it passes on the way."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

__all__ = ["VirtualClock"]


class VirtualClock:
    """Tells virtual time: waiting takes no time, and runs what was planned up to then, in its order.

    Hand it to ``run`` as its *clock*. A ``Cluster`` has one, and lives by it; several clusters can share one.

    >>> clock = VirtualClock(100)
    >>> clock.call_at(105, lambda: print("ready at", clock.now()))
    >>> clock.sleep_until(110)
    ready at 105.0
    >>> clock.now()
    110.0
    """

    def __init__(self, start: float = 0.0) -> None:
        self._moment = float(start)
        self._planned: list[tuple[float, int, int, Callable[[], None]]] = []
        self._sequence = count()
        self._followers: list[Callable[[float], None]] = []

    def now(self) -> float:
        """Epoch seconds."""
        return self._moment

    def call_at(self, moment: float, event: Callable[[], None], *, priority: int = 0) -> None:
        """Plan *event* for *moment*, or for now where that has passed.

        At one moment the lowest *priority* comes first, and those of one priority in the order in which they were
        planned.
        """
        heapq.heappush(self._planned, (max(float(moment), self._moment), priority, next(self._sequence), event))

    def follow(self, advance: Callable[[float], None]) -> None:
        """Call *advance* with each moment (epoch seconds) that comes, before what is planned for that moment.

        A cluster has many events and keeps them itself: *advance* makes all of them happen, up to and at the moment.
        """
        self._followers.append(advance)

    def sleep_until(self, moment: float) -> None:
        """Make it *moment*, once all that is planned up to and at *moment* has happened; never goes back."""
        moment = max(float(moment), self._moment)
        while self._planned and self._planned[0][0] <= moment:
            self._advance(self._planned[0][0])
            self._moment, _, _, event = heapq.heappop(self._planned)
            event()
        self._advance(moment)
        self._moment = moment

    def _advance(self, moment: float) -> None:
        for advance in self._followers:
            advance(moment)
