"""Others beside the one that decides: asked, compared, never obeyed."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Reason, argument, bind
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import Opinion, ask, contained
from everai_autoscaler.wrapper.memory import nothing, recall, together

__all__ = ["Shadow"]


@frozen
class Shadow(AutoScaler):
    """Do what *scaler* says, and note what the *others* would have done in its place.

    Each of the others remembers as if it had decided. One that fails is noted, and harms nobody.

    >>> from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Shadow(SimpleAutoScaler(max_workers=5), [FreeWorkerAutoScaler(max_workers=5)])
    >>> result = scaler.decide(snapshot(busy=2))
    >>> result.up, str(result.reasons[-1])
    (0, 'shadow free-worker: would start 1 worker: 0 free, fewer than 1: starts 1 worker')
    """

    scaler: AutoScaler = argument(help="who decides")
    others: Sequence[AutoScaler] = argument(ge=1, type=Sequence[AutoScaler], help="who is only asked")

    @classmethod
    def autoscaler_name(cls) -> str:
        """``shadow``, as files call it."""
        return "shadow"

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and what all of them remember."""
        bound, who = bind(self), self.autoscaler_name()
        recalled = recall(memory, who=who, children=1 + len(bound.others), read=nothing, fresh=bool)
        mine, *theirs = recalled.children
        active = ask(bound.scaler, factors, mine)
        shadows = [contained(other, factors, before) for other, before in zip(bound.others, theirs, strict=True)]
        notes = [Reason(who=f"{who} {shadow.name}", why=_difference(active, shadow)) for shadow in shadows]
        result = active.result.explained([*recalled.reasons, *notes])
        return result, together(None, [active.memory, *(shadow.memory for shadow in shadows)])


def _difference(active: Opinion, shadow: Opinion) -> str:
    """What *shadow* would have done that *active* doesn't, and why."""
    one, other = active.result, shadow.result
    why = "; ".join(reason.why for reason in other.reasons) or "it doesn't say why"
    if (one.held, one.up, set(one.down)) != (other.held, other.up, set(other.down)):
        return f"would {_does(shadow)}: {why}"
    if not one.held and one.max_workers != other.max_workers:
        return f"would do the same, but with a maximum of {other.max_workers}: {why}"
    return "would do the same"


def _does(opinion: Opinion) -> str:
    if opinion.held:
        return "hold"
    parts = [f"start {counted(opinion.result.up, 'worker')}"] if opinion.result.up else []
    parts += [f"remove {', '.join(opinion.result.down)}"] if opinion.result.down else []
    return " and ".join(parts) or "do nothing"
