"""What listeners hear of: the state whenever it has changed, and each decision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from everai_autoscaler.runtime.forms import StateForm

__all__ = ["Events"]

SILENCE = 15.0
"""Seconds after which listeners are sent the state although nothing changed."""
LONGEST = 100
"""Events that are put by for a listener that is slow; it misses the oldest."""


class Events:
    """Sends events to all who listen. Only ``changed`` may be called beside the event loop.

    Args:
        state: gives the present state.
    """

    def __init__(self, state: Callable[[], StateForm]) -> None:
        self._state = state
        self._listeners: set[asyncio.Queue[tuple[str, Any]]] = set()
        self._changed = True
        self._sent_at = 0.0

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def changed(self) -> None:
        """The state isn't what it was: it is sent at the next beat. May be called from any thread."""
        self._changed = True

    def beat(self) -> None:
        """Send the state, where it has changed or nothing was sent for long."""
        now = time.time()
        if self._listeners and (self._changed or now - self._sent_at >= SILENCE):
            self._changed = False
            self._sent_at = now
            self.send("state", self._state())

    def send(self, event: str, data: Any) -> None:
        """Send *event* to all who listen."""
        for listener in self._listeners:
            if listener.full():
                listener.get_nowait()
            listener.put_nowait((event, data))

    async def subscribe(self) -> AsyncGenerator[tuple[str, Any], None]:
        """First the state, then each event, until the listener goes."""
        events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(maxsize=LONGEST)
        self._listeners.add(events)
        try:
            yield "state", self._state()
            while True:
                yield await events.get()
        finally:
            self._listeners.discard(events)
