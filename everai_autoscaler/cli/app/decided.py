"""A stored decision in words: what was done, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everai_autoscaler.cli.text.words import done, printable
from everai_autoscaler.runtime.operator import Word

__all__ = ["action_of", "applied_of", "why_of"]


def action_of(view: Mapping[str, Any]) -> str:
    """What was decided in the end: by the policy or, where there was an operator's override, by that.

    >>> view = {"by": "policy", "up": 0, "down": ["w1"], "held": False}
    >>> action_of(view), action_of({**view, "by": "failure"})
    ('remove w1', 'failed')
    """
    if view["by"] == "failure":
        return "failed"
    if view["by"] != "operator":
        return _policy(view)
    if view["applied"] is not None:
        return applied_of(view)
    word = Word.of(view["operator"])
    return "paused" if word.word == "pause" else f"held at {word.workers}"


def applied_of(view: Mapping[str, Any]) -> str:
    """What was really done."""
    applied = view["applied"]
    if applied is None or not (applied["up"] or applied["down"]):
        return "nothing"
    return _done(applied["up"], applied["down"], held=False)


def why_of(view: Mapping[str, Any]) -> list[str]:
    """Why it was decided, and why less was done, a sentence each."""
    whys = [printable(why) for why in view["why"]]
    if view["operator"] is not None:
        word = printable(str(Word.of(view["operator"])))
        whys = [f"operator: {word}", f"the policy: {_policy(view)}: {'; '.join(whys)}"]
    failure = [printable(view["failure"])] if view["by"] == "failure" else []
    return [*failure, *whys, *map(printable, view["shortfall"])]


def _policy(view: Mapping[str, Any]) -> str:
    return _done(view["up"], view["down"], held=view["held"])


def _done(up: int, down: list[str], *, held: bool) -> str:
    return done(up, printable(down[0]) if len(down) == 1 else str(len(down)) if down else "", held=held)
