"""Decisions in words, as a person reads them, and in JSON, as a program does."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from everai_autoscaler.model import Outcome, Reason
from everai_autoscaler.words import printable

__all__ = ["as_json", "done", "gist", "kind_of", "output_option", "sentences", "what"]

_WIDTH = 14

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Words for people, or JSON lines for programs.",
)


def what(outcome: Outcome) -> str:
    """What *outcome* does.

    >>> what(Outcome(max_workers=5, actions=[{"count": 2, "action": "ScaleUp"}], held=False, reasons=[]))
    'up 2'
    """
    return _done(outcome, printable(", ".join(_removed(outcome))))


def done(up: int, removed: str, *, held: bool) -> str:
    """What starts *up* workers, and removes those that *removed* says.

    >>> done(2, "", held=False), done(0, "", held=False)
    ('up 2', 'nothing to do')
    """
    parts = [f"up {up}"] if up else []
    if removed:
        parts.append(f"remove {removed}")
    return ", ".join(parts) or ("hold" if held else "nothing to do")


def sentences(outcome: Outcome, *, indent: int = 0) -> str:
    """What *outcome* does and why: a line for each reason, all but the first indented by *indent* more."""
    return _columns(what(outcome), [_line(reason) for reason in outcome.reasons], indent)


def gist(outcome: Outcome, *, indent: int = 0) -> str:
    """The same in short: how many it removes, and of reasons that differ in names and numbers only the first."""
    removed = _removed(outcome)
    alike: dict[str, list[str]] = {}
    for reason in outcome.reasons:
        alike.setdefault(_kind(_line(reason), removed), []).append(_line(reason))
    whys = [first + (f", and {len(others)} more like it" if others else "") for first, *others in alike.values()]
    return _columns(_done(outcome, str(len(removed))), whys, indent)


def as_json(outcome: Outcome, observed_at: float, **more: Any) -> str:
    """*outcome* as one JSON line: the wire form, and what travels beside it."""
    return json.dumps({"observed_at": observed_at, **more, **outcome.model_dump(mode="json")})


def kind_of(outcome: Outcome) -> str:
    """What *outcome* says apart from names and numbers: two of one kind tell a reader the same."""
    return _kind("; ".join([what(outcome), *map(_line, outcome.reasons)]), _removed(outcome))


def _removed(outcome: Outcome) -> list[str]:
    actions: list[Any] = outcome.actions
    return [action["worker_id"] for action in actions if action["action"] == "ScaleDown"]


def _done(outcome: Outcome, removed: str) -> str:
    actions: list[Any] = outcome.actions
    up = sum(action["count"] for action in actions if action["action"] == "ScaleUp")
    return done(up, removed if _removed(outcome) else "", held=outcome.held)


def _columns(done: str, whys: list[str], indent: int) -> str:
    between = "\n" + " " * (indent + _WIDTH + 2)
    if len(done) > _WIDTH and whys:
        return done + between + between.join(whys)
    return f"{done.ljust(_WIDTH)}  {between.join(whys)}".rstrip()


def _line(reason: Reason) -> str:
    return printable(str(reason))


def _kind(sentence: str, workers: list[str]) -> str:
    for worker in workers:
        sentence = sentence.replace(worker, "#")
    return re.sub(r"\d+(\.\d+)?", "#", sentence)
