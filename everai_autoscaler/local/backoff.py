"""How long starts wait after workers that died while starting."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from attrs import define

__all__ = ["BackOff"]

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds that starts wait after one that failed, and at most; they double with each failure that follows another."""


@define(eq=False)
class BackOff:
    """Says whether workers may be started now. Moments are those of the monotonic clock.

    >>> back_off = BackOff()
    >>> back_off.failed(begun=1.0), back_off.failed(begun=1.0)
    ('the next start waits 1 s', 'the next start waits 1 s')
    """

    _clock: Callable[[], float] = time.time
    """Gives the time in epoch seconds."""
    _failures: int = 0
    _failed_at: float = -math.inf
    _wait_until: float = -math.inf
    _shown: float | None = None

    @property
    def until(self) -> float | None:
        """Until when starts wait (epoch seconds); ``None`` when they don't."""
        return self._shown if time.monotonic() < self._wait_until else None

    def failed(self, *, begun: float) -> str:
        """A start failed that was *begun* at that moment; what follows, as the end of a sentence."""
        now = time.monotonic()
        # Workers that were started together fail together: that is one failure.
        if begun >= self._failed_at:
            self._failures += 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._failures - 1, 16))
        self._failed_at, self._wait_until, self._shown = now, now + wait, self._clock() + wait
        return f"the next start waits {wait:g} s"

    def succeeded(self) -> None:
        """A worker became ready: starts don't wait, and the next failure is a first one."""
        self._failures, self._wait_until = 0, -math.inf
