"""The fewest workers that any scaler inside wants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from attrs import frozen

from everai_autoscaler.wrapper.combining import Combination

__all__ = ["Min"]


@frozen
class Min(Combination):
    """Want as many workers as that one of *scalers* which wants the fewest.

    No worker leaves that one of them keeps, nor while one of them doesn't know. The maximum is the smallest of theirs.

    >>> from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Min([SimpleAutoScaler(max_workers=9), FreeWorkerAutoScaler(max_workers=9, scale_up_step=2)])
    >>> result = scaler.decide(snapshot(busy=2, waiting=3))
    >>> result.up, str(result.reasons[-1])
    (1, 'min: 3 wanted (simple wants 3, free-worker wants 4): starts 1 worker')
    """

    known_as: ClassVar[str] = "min"

    @staticmethod
    def chosen(wanted: Iterable[int]) -> int:
        """The fewest."""
        return min(wanted)
