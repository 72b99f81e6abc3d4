"""Other scalers beside the one that decides: asked and compared, never obeyed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, Reason, argument
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import Opinion, Wrapper, ask, contained
from everai_autoscaler.wrapper.memory import recall, together

__all__ = ["Shadow"]


@frozen
class Shadow(Wrapper):
    """Do what *scaler* says, and note what the *others* would have done in its place.

    Each of the others remembers as if it had decided. One that fails is noted, and harms nothing.

    >>> from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Shadow(SimpleAutoScaler(max_workers=5), [FreeWorkerAutoScaler(max_workers=5)])
    >>> result = scaler.decide(snapshot(busy=2))
    >>> result.up, str(result.reasons[-1])
    (0, 'shadow free-worker: would start 1 worker: 0 free, fewer than 1: starts 1 worker')
    """

    scaler: AutoScaler = argument(help="who decides")
    others: Sequence[AutoScaler] = argument(ge=1, type=Sequence[AutoScaler], help="who is only asked")

    known_as: ClassVar[str] = "shadow"

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        who = self.autoscaler_name()
        recalled = recall(memory, who=who, children=1 + len(self.others))
        mine, *theirs = recalled.children
        active = ask(self.scaler, factors, mine, fleet)
        shadows = [contained(one, factors, before, fleet) for one, before in zip(self.others, theirs, strict=True)]
        notes = [Reason(who=f"{who} {shadow.name}", why=_difference(active, shadow)) for shadow in shadows]
        memory = together(None, [active.memory, *(shadow.memory for shadow in shadows)])
        return evolve(active, name=who, reasons=[*active.reasons, *recalled.reasons, *notes], memory=memory)


def _difference(active: Opinion, shadow: Opinion) -> str:
    """What *shadow* would have done that *active* doesn't, and why."""
    one, other = active.result(), shadow.result()
    why = "; ".join(reason.why for reason in other.reasons) or "it doesn't say why"
    if (one.held, one.up, set(one.down)) != (other.held, other.up, set(other.down)):
        return f"would {_does(other)}: {why}"
    if not one.held and one.max_workers != other.max_workers:
        return f"would do the same, but with a maximum of {other.max_workers}: {why}"
    return "would do the same"


def _does(result: DecideResult) -> str:
    if result.held:
        return "hold"
    parts = [f"start {counted(result.up, 'worker')}"] if result.up else []
    parts += [f"remove {', '.join(result.down)}"] if result.down else []
    return " and ".join(parts) or "do nothing"
