"""Never more than so many."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, DecideResult, Factors, Fleet, argument, bind
from everai_autoscaler.wrapper.asking import ask, done, scaled
from everai_autoscaler.wrapper.memory import nothing, recall, together

__all__ = ["Ceiling"]


@frozen
class Ceiling(AutoScaler):
    """Start nobody beyond so many *workers*, and say that this is the maximum; it removes nobody by itself.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Ceiling(SimpleAutoScaler(max_workers=9, scale_up_step=5), workers=3)
    >>> result = scaler.decide(snapshot(busy=1, waiting=7))
    >>> result.max_workers, str(result.reasons[-1])
    (3, 'ceiling: starts 2 of 5 workers: at most 3')
    """

    scaler: AutoScaler = argument(help="the scaler that may want more")
    workers: ArgumentType = argument(ge=0, type=int, help="the most workers that there may be")

    @classmethod
    def autoscaler_name(cls) -> str:
        """``ceiling``, as files call it."""
        return "ceiling"

    @property
    def max_workers(self) -> ArgumentType:
        """The most workers that there may be, as other scalers call it."""
        return self.workers

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and what the scaler inside remembers."""
        bound: Any = bind(self)
        who, fleet = self.autoscaler_name(), Fleet.of(factors)
        recalled = recall(memory, who=who, children=1, read=nothing, fresh=bool)
        opinion = ask(bound.scaler, factors, recalled.children[0])
        result = opinion.result.explained(recalled.reasons)
        most = min(result.max_workers, bound.workers)
        why = f"at most {most}"
        if fleet is not None and opinion.up:
            result = scaled(opinion.wanted, fleet, leaving=(), max_workers=most, reasons=result.reasons)
            why = f"{done(result, opinion)}: {why}"
        return result.model_copy(update={"max_workers": most}).because(why, who=who), together(None, [opinion.memory])
