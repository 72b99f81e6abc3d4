"""What an operator puts in place of a policy's answers: a pause, or so many workers."""

from __future__ import annotations

from typing import Literal

from everai_autoscaler.model.wire import WireModel
from everai_autoscaler.words import counted, moment

__all__ = ["Override"]


class Override(WireModel):
    """A pause or a hold. All times are epoch seconds.

    >>> print(Override(word="hold", since=0, by="ann", workers=3, until=1800, reason="the demo"))
    held at 3 workers by ann until 1970-01-01T00:30:00+0000: the demo
    """

    word: Literal["pause", "hold"]
    """Do nothing, or have so many workers."""
    since: float
    by: str
    """The operator."""
    workers: int | None = None
    """How many, for a hold."""
    until: float | None = None
    """When it is over by itself; ``None`` for never."""
    reason: str = ""

    def over(self, now: float) -> bool:
        """Whether its time has passed."""
        return self.until is not None and self.until <= now

    def __str__(self) -> str:
        done = "paused" if self.word == "pause" else f"held at {counted(self.workers or 0, 'worker')}"
        until = "" if self.until is None else f" until {moment(self.until)}"
        return f"{done} by {self.by}{until}" + (f": {self.reason}" if self.reason else "")
