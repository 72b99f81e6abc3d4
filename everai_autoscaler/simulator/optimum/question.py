"""The question: how long requests may wait, how slowly workers start, and what is there anyway."""

from __future__ import annotations

import math
from fractions import Fraction

from attrs import frozen

from everai_autoscaler.errors import ArgumentError

__all__ = ["Question"]


@frozen
class Question:
    """What is asked of a workload: every request, or a *share* of them, begins within *wait* seconds of its arrival.

    A worker costs from its launch to its removal, and serves nothing in the *cold_start* seconds after its launch. It
    may be launched before second 0, and costs from then on. What no run can do at second 0, somebody who knows the
    future can: the first request finds a worker.

    >>> Question(share=0.99, requests=250).may_be_late
    2

    Raises:
        ArgumentError: a value outside its bounds; says which are accepted.
    """

    wait: float = 0.0
    """Seconds that a request may wait; at least 0."""
    share: float = 1.0
    """The part of all requests that must not wait longer; from 0 to 1. The others are served too, at any time."""
    cold_start: float = 30.0
    """Seconds from a worker's launch until it serves; at least 0."""
    minimum: int = 0
    """Workers that are ready from second 0 to the horizon in any case; their start before second 0 costs nothing."""
    concurrency: int = 1
    """Requests that a worker serves at once, each as fast as alone."""
    workers: int = 0
    """Workers that are ready at second 0 and whose start costs nothing, as in a run that begins with them; each may be
    removed at once. Those of *minimum* are among them."""
    requests: int = 0
    """How many requests there are."""

    def __attrs_post_init__(self) -> None:
        for name, most in (("wait", math.inf), ("share", 1), ("cold_start", math.inf)):
            value = getattr(self, name)
            if not (0 <= value <= most and math.isfinite(value)):
                accepted = "a number from 0 to 1" if most == 1 else "a number of seconds, at least 0"
                raise ArgumentError(f"optimum: {name}: {value!r} is not {accepted}")
        for name, least in (("minimum", 0), ("concurrency", 1), ("workers", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ArgumentError(f"optimum: {name}: {value!r} is not a whole number, at least {least}")

    @property
    def may_be_late(self) -> int:
        """How many requests may wait longer."""
        return math.floor((1 - Fraction(str(self.share))) * self.requests)

    @property
    def ready(self) -> int:
        """Workers that are ready at second 0 without a launch that costs."""
        return max(self.workers, self.minimum)
