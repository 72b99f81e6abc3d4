"""The fewest that anybody wants."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, argument, bind
from everai_autoscaler.wrapper.combining import combine

__all__ = ["Min"]


@frozen
class Min(AutoScaler):
    """Want as many workers as that one of *scalers* which wants the fewest.

    Nobody leaves whom one of them keeps, nor while one of them doesn't know. The maximum is the smallest of theirs.

    >>> from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Min([SimpleAutoScaler(max_workers=9), FreeWorkerAutoScaler(max_workers=9, scale_up_step=2)])
    >>> result = scaler.decide(snapshot(busy=2, waiting=3))
    >>> result.up, str(result.reasons[-1])
    (1, 'min: 3 wanted (simple wants 3, free-worker wants 4): starts 1 worker')
    """

    scalers: Sequence[AutoScaler] = argument(ge=1, type=Sequence[AutoScaler], help="who is asked")

    @classmethod
    def autoscaler_name(cls) -> str:
        """``min``, as files call it."""
        return "min"

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and what the scalers inside remember."""
        return combine(bind(self).scalers, factors, memory, who=self.autoscaler_name(), choose=min)
