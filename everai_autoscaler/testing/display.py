"""Decisions in words, and what pytest shows of them where a comparison fails."""

from __future__ import annotations

from everai_autoscaler.model import DecideResult

__all__ = ["describe", "describe_actions", "pytest_assertrepr_compare"]


def describe(result: DecideResult) -> str:
    """What *result* does, and why: a line each.

    >>> from everai_autoscaler.model import ScaleUpAction
    >>> print(describe(DecideResult(max_workers=5, actions=[ScaleUpAction(count=2)]).because("8 waiting")))
    starts 2; at most 5
      policy: 8 waiting
    """
    first = f"{describe_actions(result)}; at most {result.max_workers}"
    reasons = [f"  {reason}" for reason in result.reasons[:_SHOWN]] or ["  (no reason)"]
    more = len(result.reasons) - _SHOWN
    return "\n".join([first, *reasons, *([f"  and {more} more"] if more > 0 else [])])


def describe_actions(result: DecideResult) -> str:
    """What *result* does, in a few words.

    >>> describe_actions(DecideResult(max_workers=5, actions=[]))
    'nothing'
    """
    if result.held:
        return "holds"
    words = [f"starts {result.up}"] if result.up else []
    if result.down:
        shown = ", ".join(result.down[:_SHOWN])
        more = len(result.down) - _SHOWN
        words.append(f"removes {shown} and {more} more" if more > 0 else f"removes {shown}")
    return " and ".join(words) or "nothing"


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """What pytest shows where two decisions aren't equal: both, with their reasons.

    Import it in a ``conftest.py``; pytest finds it by its name.
    """
    if op != "==" or not (isinstance(left, DecideResult) or isinstance(right, DecideResult)):
        return None
    sides = [describe(side).splitlines() if isinstance(side, DecideResult) else [repr(side)] for side in (left, right)]
    words = [f"{side[0]!r}" for side in sides]
    return [" == ".join(words), "left:", *_indented(sides[0]), "right:", *_indented(sides[1])]


_SHOWN = 10
"""How many removed workers are named, and how many reasons shown."""


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
