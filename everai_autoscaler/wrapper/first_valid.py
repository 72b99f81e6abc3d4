"""The first who knows."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, argument, bind
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import Opinion, contained, held, scaled
from everai_autoscaler.wrapper.memory import nothing, recall, together

__all__ = ["FirstValid"]


@frozen
class FirstValid(AutoScaler):
    """Do what the first of *scalers* says that doesn't hold; the others stand in for it, in their order.

    While one stands in, nobody is removed: who was to decide doesn't know. One that fails is taken as holding. Those
    after the one that decides aren't asked, and keep what they remember.

    >>> from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = FirstValid([SimpleAutoScaler(max_workers=5), FreeWorkerAutoScaler(max_workers=5)])
    >>> print(*scaler.decide(snapshot(busy=1, waiting=None)).reasons, sep="; ")
    simple: the queue is not known; free-worker: 0 free, fewer than 1: starts 1 worker; first-valid: free-worker decides
    """

    scalers: Sequence[AutoScaler] = argument(ge=1, type=Sequence[AutoScaler], help="who is asked, in this order")

    @classmethod
    def autoscaler_name(cls) -> str:
        """``first-valid``, as files call it."""
        return "first-valid"

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and what the scalers inside remember."""
        bound, who, fleet = bind(self), self.autoscaler_name(), Fleet.of(factors)
        recalled = recall(memory, who=who, children=len(bound.scalers), read=nothing, fresh=bool)
        remembered = list(recalled.children)
        opinions: list[Opinion] = []
        for place, scaler in enumerate(bound.scalers):
            opinions.append(contained(scaler, factors, remembered[place]))
            remembered[place] = opinions[-1].memory
            if not opinions[-1].held:
                break
        kept = together(None, remembered)
        *waiting, decides = opinions
        if decides.held or fleet is None:
            return held(opinions, factors, why="nobody knows", who=who).explained(recalled.reasons), kept
        reasons = [reason for opinion in opinions for reason in opinion.result.reasons] + [*recalled.reasons]
        result = scaled(
            max(decides.wanted, fleet.present) if waiting else decides.wanted,
            fleet,
            leaving=decides.leaving,
            max_workers=decides.result.max_workers,
            reasons=reasons,
        )
        why = f"{decides.name} decides"
        if waiting and decides.leaving:
            unknowing = ", ".join(opinion.name for opinion in waiting)
            why += f", but removes none of {counted(len(decides.leaving), 'worker')} while {unknowing} can't know"
        return result.because(why, who=who), kept
