"""In which order workers are given requests."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

__all__ = ["Candidate", "Dispatch"]


class Candidate(Protocol):
    """A worker that has room, as an order sees it."""

    @property
    def serving(self) -> int:
        """Requests that it serves now."""

    @property
    def touched(self) -> int:
        """Number of the dispatcher's last event for this worker: it became ready, got a request, or finished one."""

    @property
    def used(self) -> int:
        """Number of the event at which it last got or finished a request; 0 when it never got one."""


class Dispatch(StrEnum):
    """Which of the workers that have room gets the next request."""

    MOST_RECENTLY_USED = "most-recently-used"
    """The worker that last got or finished a request; one that never got any comes after all others. So the others
    become idle, and can be removed."""
    LONGEST_IDLE = "longest-idle"
    """The worker that has been idle for longest; one that still serves comes after all others."""
    OLDEST = "oldest"
    """The worker that was started first."""

    def rank(self, worker: Candidate) -> tuple[int, int]:
        """The worker of the lowest rank gets the request; of several, the one that was started first.

        >>> from types import SimpleNamespace as Seen
        >>> never, before, last = (Seen(serving=0, touched=step, used=step) for step in (0, 5, 7))
        >>> min([never, before, last], key=Dispatch("most-recently-used").rank) is last
        True
        >>> min([before, last], key=Dispatch.LONGEST_IDLE.rank) is before
        True
        """
        if self is Dispatch.MOST_RECENTLY_USED:
            return 0, -worker.used
        if self is Dispatch.LONGEST_IDLE:
            return worker.serving, worker.touched
        return 0, 0
