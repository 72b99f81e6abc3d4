"""In which order workers are given requests."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Dispatch"]


class Dispatch(StrEnum):
    """Which of the workers that have room gets the next request."""

    MOST_RECENTLY_USED = "most-recently-used"
    """The one that was given or has answered a request last; one that never was, only after all others. The others
    fall idle, and can go."""
    LONGEST_IDLE = "longest-idle"
    """The one that has had nothing to do for longest; one that still serves, only after all others."""
    OLDEST = "oldest"
    """The one that was started first."""
