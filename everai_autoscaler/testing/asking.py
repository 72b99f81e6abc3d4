"""Asking a policy as the pipeline asks it: what it remembers goes in and out as JSON."""

from __future__ import annotations

import copy
import json

import attrs
from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, DecideResult, Factors
from everai_autoscaler.model.binding import bind

__all__ = ["Answer", "ask", "bound", "remembered"]


@frozen
class Answer:
    """What a policy says, and what it wants to remember."""

    result: DecideResult
    memory: JsonValue

    def differs_from(self, other: Answer) -> str:
        """In what the two differ, in words; empty when they say and remember the same."""
        mine, others = self.result, other.result
        parts = {
            "what is done": mine == others,
            "whether it holds": mine.held == others.held,
            "its reasons": mine.reasons == others.reasons,
            "what it remembers": self.memory == other.memory,
        }
        return " and ".join(part for part, same in parts.items() if not same)


def ask(scaler: AutoScaler, factors: Factors, memory: JsonValue = None) -> Answer:
    """What *scaler* says of *factors*, given what it remembered.

    Raises:
        TypeError: it gives something else than an answer.
    """
    with_memory = getattr(scaler, "decide_with_memory", None)
    if with_memory is None:
        given: object = (scaler.decide(factors), memory)
    else:
        given = with_memory(factors, copy.deepcopy(memory))
    if not isinstance(given, tuple) or len(given) != 2:
        raise TypeError(f"it gave a {type(given).__name__}, not a DecideResult and what to remember")
    if not isinstance(given[0], DecideResult):
        raise TypeError(f"it gave a {type(given[0]).__name__}, not a DecideResult")
    return Answer(*given)


def bound(scaler: AutoScaler) -> AutoScaler:
    """*scaler* with its late arguments read, as the pipeline has it when it decides."""
    return bind(scaler) if attrs.has(type(scaler)) else scaler


def remembered(answer: Answer) -> JsonValue:
    """What *answer* remembers, as it comes back from a record or after a restart."""
    memory: JsonValue = json.loads(json.dumps(answer.memory, allow_nan=False))
    return memory
