"""What a rule makes of the demand: how many workers it wants, and the sentence that says why."""

from __future__ import annotations

from math import sqrt
from typing import Self

from attrs import frozen

from everai_autoscaler.builtin.demand.arithmetic import NOTHING, workers_for
from everai_autoscaler.builtin.demand.memory import Memory
from everai_autoscaler.builtin.demand.rule import Rule, Term

__all__ = ["Wish"]

_SIGNALS = {
    "now": "",
    "mean60": " (mean of 60 s)",
    "mean300": " (mean of 300 s)",
    "ahead20": " ({} s ahead, at the rate of 20 s)",
    "ahead60": " ({} s ahead, at the rate of 60 s)",
}

_LARGE = 1000


@frozen
class Wish:
    """What a rule wants."""

    workers: int
    """Before the bounds."""
    why: str
    """The term that counts, with its numbers."""

    @classmethod
    def of(cls, rule: Rule, past: Memory, *, takes: float, horizon: float) -> Self:
        """What *rule* makes of what is remembered.

        Args:
            takes: seconds that a request takes.
            horizon: seconds that the forecasts look ahead.
        """
        at_once, many = past.concurrency, -1
        for term in rule:
            value = past.peaks[term.signal].largest(past.at, term.seconds)
            requests = workers_for(term.a, term.b, term.h, value)
            if requests > many:
                many, counts, largest = requests, term, value
        workers = -(-many // at_once)
        why = f"demand {_short(largest)}{_of(counts, horizon)}, {_short(takes)} s a request: {_sum(counts, largest)}"
        slots = f", at {at_once} a worker" if at_once > 1 and many else ""
        return cls(workers, f"{why}{slots}: wants {workers}")


def _of(term: Term, horizon: float) -> str:
    """Of which signal a value is, and of which window."""
    window = f" at most over {_short(term.seconds)} s" if term.seconds else ""
    return window + _SIGNALS[term.signal].format(_short(horizon))


def _sum(term: Term, value: float) -> str:
    """The term's formula with its numbers."""
    if value <= NOTHING:
        return "next to none"
    parts = [f"{term.a:.4g}*{_short(value)}"]
    parts += [f"{term.b:.4g}*sqrt({_short(value + 0.25)})"] if term.b else []
    parts += [f"{term.h:.4g}"] if term.h else []
    return f"{' + '.join(parts)} = {_short(term.a * value + term.b * sqrt(value + 0.25) + term.h)}"


def _short(number: float) -> str:
    """Three digits of the *number*, and never an exponent where it is large.

    >>> _short(6.7042), _short(86400.0)
    ('6.7', '86400')
    """
    return f"{number:.3g}" if number < _LARGE else f"{number:.0f}"
