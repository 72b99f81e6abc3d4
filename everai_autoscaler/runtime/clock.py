"""The clock of a loop that can be woken, and stopped."""

from __future__ import annotations

import threading
import time

__all__ = ["StoppedError", "WakingClock"]

AT_LEAST = 1.0
"""Seconds between two beats, however often the clock is woken."""


class StoppedError(Exception):
    """The clock was stopped: its loop is to end."""


class WakingClock:
    """The machine's clock, for one thread that sleeps by it; any other can wake it."""

    def __init__(self) -> None:
        self.lag = 0.0
        """Seconds by which the last sleep was too long."""
        self.woke_at = time.time()
        """When the last sleep ended (epoch seconds)."""
        self.next_at: float | None = None
        """When the present sleep ends, unless it is woken; ``None`` between two sleeps."""
        self._woken = threading.Event()
        self._stopped = threading.Event()

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep_until(self, moment: float) -> None:
        """Sleep until *moment* (epoch seconds), or until ``wake``.

        Raises:
            StoppedError: ``stop`` was called.
        """
        self.next_at = moment
        self._woken.wait(max(0.0, moment - time.time()))
        # A beat that is asked for while one is being made comes a little later, rather than at once.
        if self._woken.is_set() and not self._stopped.is_set():
            self._stopped.wait(max(0.0, min(moment, self.woke_at + AT_LEAST) - time.time()))
        if self._stopped.is_set():
            raise StoppedError
        self._woken.clear()
        self.woke_at = time.time()
        self.lag = max(0.0, self.woke_at - moment)
        self.next_at = None

    def wake(self) -> None:
        """End the present sleep, or the next one."""
        self._woken.set()

    def stop(self) -> None:
        """End the present sleep, and allow no other."""
        self._stopped.set()
        self._woken.set()
