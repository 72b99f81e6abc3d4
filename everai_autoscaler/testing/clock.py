"""A clock that goes on only when it is waited for, and the events that it passes on the way."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

__all__ = ["VirtualClock"]


class VirtualClock:
    """Tells virtual time: waiting takes no time, and runs what was planned up to then, in its order.

    Hand it to ``run`` as its *clock*; a ``VirtualTarget`` plans its own events on it.

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

    def now(self) -> float:
        """Epoch seconds."""
        return self._moment

    def call_at(self, moment: float, event: Callable[[], None], *, priority: int = 0) -> None:
        """Plan *event* for *moment*, or for now where that has passed.

        At one moment the lowest *priority* comes first, and those of one priority in the order in which they were
        planned.
        """
        heapq.heappush(self._planned, (max(float(moment), self._moment), priority, next(self._sequence), event))

    def sleep_until(self, moment: float) -> None:
        """Make it *moment*, once all that is planned up to and at *moment* has happened; never goes back."""
        while self._planned and self._planned[0][0] <= max(moment, self._moment):
            self._moment, _, _, event = heapq.heappop(self._planned)
            event()
        self._moment = max(float(moment), self._moment)
