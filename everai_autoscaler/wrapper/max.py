"""The most workers that any scaler inside wants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from attrs import frozen

from everai_autoscaler.wrapper.combining import Combination

__all__ = ["Max"]


@frozen
class Max(Combination):
    """Want as many workers as that one of *scalers* which wants the most.

    No worker leaves that one of them keeps, nor while one of them doesn't know. The maximum is the smallest of theirs.

    >>> from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Max([SimpleAutoScaler(max_workers=9), FreeWorkerAutoScaler(max_workers=9, scale_up_step=2)])
    >>> result = scaler.decide(snapshot(busy=2, waiting=3))
    >>> result.up, str(result.reasons[-1])
    (2, 'max: 4 wanted (simple wants 3, free-worker wants 4): starts 2 workers')
    """

    known_as: ClassVar[str] = "max"

    @staticmethod
    def chosen(wanted: Iterable[int]) -> int:
        """The most."""
        return max(wanted)
