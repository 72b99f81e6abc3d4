"""A rule of the scaler ``demand``: up to three terms, of which the largest counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from attrs import field, frozen

from everai_autoscaler.errors import ArgumentError, UnknownNameError, did_you_mean

__all__ = ["LONGEST", "MOST_TERMS", "SIGNALS", "Rule", "Term"]

SIGNALS = ("now", "mean60", "mean300", "ahead20", "ahead60")
"""What a term may look at."""
MOST_TERMS = 3
"""Terms that a rule may have."""
LONGEST = 7200.0
"""Seconds that a term may look back at most."""

_FORM = "a*SIGNAL[Hs] + b*root + h"
_EXAMPLE = "1.3*mean60[1200s] + 1.5*root"
_BOUNDS = {"seconds": LONGEST, "a": 10.0, "b": 10.0, "h": 100.0}
_NAMES = {"seconds": "H", "a": "a", "b": "b", "h": "h"}
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_DEMAND = re.compile(rf"(?P<a>{_NUMBER})\s*\*\s*(?P<signal>[A-Za-z_]\w*)\s*(?:\[\s*(?P<seconds>{_NUMBER})\s*s\s*\])?")
_ROOT = re.compile(rf"(?P<b>{_NUMBER})\s*\*\s*(?P<word>[A-Za-z_]\w*)")
_MORE = re.compile(rf"(?P<h>{_NUMBER})")


@frozen
class Term:
    """One term of a rule: ``a`` workers for each request at once, ``b`` for each unit of the root, and ``h`` more.

    Raises:
        ArgumentError: a signal that isn't there, or a number out of its bounds.

    >>> str(Term("mean60", seconds=1200, a=1.3, b=1.5))
    '1.3*mean60[1200s] + 1.5*root'
    """

    signal: str
    """What it looks at; one of ``SIGNALS``."""
    seconds: float = field(default=0.0, kw_only=True, converter=float)
    """It takes the largest value of the last so many seconds; 0 takes the present one. At most 7200."""
    a: float = field(default=1.0, kw_only=True, converter=float)
    """Workers for each request at once; 0 to 10."""
    b: float = field(default=0.0, kw_only=True, converter=float)
    """Workers for each unit of the square root of the demand plus a quarter; 0 to 10."""
    h: float = field(default=0.0, kw_only=True, converter=float)
    """Workers more, where there is any demand; 0 to 100."""

    def __attrs_post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise ArgumentError(str(UnknownNameError.of("signal", self.signal, SIGNALS)))
        for name, most in _BOUNDS.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ArgumentError(f"{_NAMES[name]} is {_plain(value)}: a number from 0 to {most:g} is accepted")

    def __str__(self) -> str:
        window = f"[{_plain(self.seconds)}s]" if self.seconds else ""
        parts = [f"{_plain(self.a)}*{self.signal}{window}"]
        parts += [f"{_plain(self.b)}*root"] if self.b else []
        parts += [_plain(self.h)] if self.h else []
        return " + ".join(parts)


@frozen
class Rule:
    """How many workers a demand wants: the most that any of its *terms* wants.

    Raises:
        ArgumentError: no term, or more than three.

    >>> rule = Rule.parse("1.3*mean60[1200s]+1.5*root  |  1*ahead20 + 0.7*root + 1")
    >>> print(rule)
    1.3*mean60[1200s] + 1.5*root | 1*ahead20 + 0.7*root + 1
    >>> rule.terms[1]
    Term(signal='ahead20', seconds=0.0, a=1.0, b=0.7, h=1.0)
    >>> Rule.parse("1.3*maen60[1200s]")
    Traceback (most recent call last):
    everai_autoscaler.errors.ArgumentError: the term '1.3*maen60[1200s]': signal 'maen60' is not one of ahead20, \
ahead60, mean300, mean60, now; did you mean 'mean60'?
    """

    terms: tuple[Term, ...]
    """One to three of them."""

    def __attrs_post_init__(self) -> None:
        if not 1 <= len(self.terms) <= MOST_TERMS:
            raise ArgumentError(f"a rule has 1 to {MOST_TERMS} terms, not {len(self.terms)}")

    @staticmethod
    def parse(text: str) -> Rule:
        """The rule that *text* states: terms of the form ``a*SIGNAL[Hs] + b*root + h``, joined by ``|``.

        ``[Hs]``, ``b*root`` and ``h`` may be left out where they are 0.

        Raises:
            ArgumentError: names the term, what is wrong with it, and what is accepted.
        """
        return _parsed(text)

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms)

    def __str__(self) -> str:
        return " | ".join(map(str, self.terms))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Rule:
    if not text.strip():
        raise ArgumentError(f"a rule is empty: one looks like '{_EXAMPLE}'")
    return Rule(tuple(_term(one) for one in text.split("|")))


def _term(text: str) -> Term:
    try:
        return Term(**_parts(text))
    except ArgumentError as error:
        raise ArgumentError(f"the term {text.strip()!r}: {error}") from None


def _parts(text: str) -> dict[str, str]:
    """What *text* says of a term, by the names of its fields."""
    demand, *others = (part.strip() for part in text.split("+"))
    found = _DEMAND.fullmatch(demand)
    if not found:
        raise ArgumentError(f"{demand!r} is not of the form a*SIGNAL[Hs], as in '{_EXAMPLE}'")
    parts = {name: said for name, said in found.groupdict().items() if said is not None}
    for part in others:
        if root := _ROOT.fullmatch(part):
            said = {"b": root["b"]}
            if root["word"] != "root":
                raise ArgumentError(
                    f"{part!r} has {root['word']!r} where 'root' is accepted{did_you_mean(root['word'], ['root'])}"
                )
        elif more := _MORE.fullmatch(part):
            said = more.groupdict()
        else:
            raise ArgumentError(f"{part!r} is neither b*root nor a number: a term has the form {_FORM}")
        # Each once, and in the order of the form: so a rule has one spelling, but for its blanks.
        if "h" in parts or said.keys() & parts.keys():
            raise ArgumentError(f"{part!r} has no place there: a term has the form {_FORM}")
        parts |= said
    return parts


def _plain(number: float) -> str:
    """The *number* in digits that give it back, without an exponent.

    >>> _plain(1200.0), _plain(1.15), _plain(1e-7)
    ('1200', '1.15', '0.0000001')
    """
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
