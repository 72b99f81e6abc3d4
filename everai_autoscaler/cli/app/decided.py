"""A kept decision in words: what was done, and why, whoever had the last word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everai_autoscaler.cli.text.words import done, printable
from everai_autoscaler.runtime.operator import Word

__all__ = ["action_of", "applied_of", "why_of"]

_FAILED = "failed"


def action_of(view: Mapping[str, Any]) -> str:
    """What was decided in the end: by the policy or, where there was an operator's word, by that.

    >>> view = {"failure": "", "operator": None, "up": 0, "down": ["w1"], "held": False, "applied": None}
    >>> action_of(view), action_of({**view, "failure": "observe failed"})
    ('remove w1', 'failed')
    """
    if view["failure"]:
        return _FAILED
    if view["operator"] is None:
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
    applied, word = view["applied"], view["operator"]
    whys = [printable(why) for why in view["why"]]
    if word is not None:
        whys = [f"operator: {printable(str(Word.of(word)))}", f"the policy: {_policy(view)}: {'; '.join(whys)}"]
    if view["failure"]:
        whys.insert(0, printable(view["failure"]))
    elif applied is not None:
        whys += [printable(why) for why in applied["why"]]
    elif word is None and (view["up"] or view["down"]):
        whys.append("not applied: a dry run")
    return whys


def _policy(view: Mapping[str, Any]) -> str:
    return _done(view["up"], view["down"], held=view["held"])


def _done(up: int, down: list[str], *, held: bool) -> str:
    return done(up, printable(down[0]) if len(down) == 1 else str(len(down)) if down else "", held=held)
