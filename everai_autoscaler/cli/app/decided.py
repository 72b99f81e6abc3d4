"""A stored decision in words: what was done, and why."""

from __future__ import annotations

from everai_autoscaler.cli.text.words import done
from everai_autoscaler.runtime.forms import DecisionForm
from everai_autoscaler.words import printable

__all__ = ["action_of", "applied_of", "why_of"]


def action_of(decision: DecisionForm) -> str:
    """What was decided in the end: by the policy or, where there was one, by an operator's override."""
    if decision.by == "failure":
        return "failed"
    word = decision.operator
    if decision.by != "operator" or word is None:
        return _policy(decision)
    if decision.applied is not None:
        return applied_of(decision)
    return "paused" if word.word == "pause" else f"held at {word.workers}"


def applied_of(decision: DecisionForm) -> str:
    """What was really done."""
    applied = decision.applied
    if applied is None or not (applied.up or applied.down):
        return "nothing"
    return _done(applied.up, applied.down, held=False)


def why_of(decision: DecisionForm) -> list[str]:
    """Why it was decided, and why less was done, a sentence each."""
    whys = [printable(why) for why in decision.why]
    if decision.operator is not None:
        word = printable(str(decision.operator))
        whys = [f"operator: {word}", f"the policy: {_policy(decision)}: {'; '.join(whys)}"]
    failure = [printable(decision.failure)] if decision.by == "failure" else []
    return [*failure, *whys, *map(printable, decision.shortfall)]


def _policy(decision: DecisionForm) -> str:
    return _done(decision.up, decision.down, held=decision.held)


def _done(up: int, down: list[str], *, held: bool) -> str:
    return done(up, printable(down[0]) if len(down) == 1 else str(len(down)) if down else "", held=held)
