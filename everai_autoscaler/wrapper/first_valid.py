"""The first scaler that can decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, Factors, Fleet, Reason, argument
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import Move, Opinion, Wrapper, contained, held
from everai_autoscaler.wrapper.memory import recall, together

__all__ = ["FirstValid"]


@frozen
class FirstValid(Wrapper):
    """Do what the first of *scalers* says that doesn't hold; the others stand in for it, in their order.

    While one stands in, no worker is removed, since the first one doesn't know. One that fails is taken as holding.
    Those after the one that decides aren't asked, and keep what they remember.

    >>> from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = FirstValid([SimpleAutoScaler(max_workers=5), FreeWorkerAutoScaler(max_workers=5)])
    >>> print(*scaler.decide(snapshot(busy=1, waiting=None)).reasons, sep="; ")
    simple: the queue is not known; free-worker: 0 free, fewer than 1: starts 1 worker; first-valid: free-worker decides
    """

    scalers: Sequence[AutoScaler] = argument(ge=1, type=Sequence[AutoScaler], help="who is asked, in this order")

    known_as: ClassVar[str] = "first-valid"

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        who = self.autoscaler_name()
        recalled = recall(memory, who=who, children=len(self.scalers))
        remembered = list(recalled.children)
        opinions: list[Opinion] = []
        for place, scaler in enumerate(self.scalers):
            opinions.append(contained(scaler, factors, remembered[place], fleet))
            remembered[place] = opinions[-1].memory
            if not opinions[-1].held:
                break
        *waiting, decides = opinions
        memory = together(None, remembered)
        if decides.held or fleet is None:
            return held(opinions, recalled.reasons, why="nobody knows", who=who, memory=memory)
        goal, most = max(decides.wanted, fleet.present) if waiting else decides.wanted, decides.max_workers
        move = Move.towards(goal, fleet, leaving=decides.leaving, max_workers=most)
        why = f"{decides.name} decides"
        if waiting and decides.leaving:
            unknowing = ", ".join(opinion.name for opinion in waiting)
            why += f", but removes none of {counted(len(decides.leaving), 'worker')} while {unknowing} can't know"
        reasons = [reason for opinion in opinions for reason in opinion.reasons]
        reasons += [*recalled.reasons, Reason(who=who, why=why)]
        return move.opinion(who, reasons, max_workers=most, memory=memory, capped=decides.capped)
