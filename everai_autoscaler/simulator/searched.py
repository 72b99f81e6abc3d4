"""Which arguments of a scaler a search tries, and from where to where."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import Argument, schema_of

__all__ = ["Searched", "searched_of"]

_LONGEST = 600.0
"""Seconds up to which a duration is searched, unless its default asks for more."""
_TIMES = 5
"""How many times its default a value is searched up to."""
_WIDE = 50
"""From this ratio of its ends on, a range is searched by ratios rather than by differences."""


@frozen
class Searched:
    """One argument that is searched, from *low* to *high*, both included."""

    name: str
    low: float
    high: float
    whole: bool
    """Whether it is a whole number."""

    @property
    def by_ratio(self) -> bool:
        """Whether a step is a ratio rather than a difference: the range is wide, and begins above 0."""
        return self.low > 0 and self.high / self.low >= _WIDE

    def __str__(self) -> str:
        """The range as an option gives it.

        >>> str(Searched("max_idle_time", 10, 600, whole=True))
        'max_idle_time=10..600'
        """
        return f"{self.name}={self.low:g}..{self.high:g}"


def searched_of(
    factory: Callable[..., Any],
    given: Mapping[str, Any],
    wanted: Mapping[str, tuple[float, float] | None],
    *,
    peak: float,
    owner: str,
) -> tuple[Searched, ...]:
    """What a search over the arguments of *factory* tries.

    Those that are *wanted* are searched in their ranges, a range of ``None`` being the default one. Where none is
    wanted, each number is searched that isn't *given* and that platforms know. By default, a bound of the scaler's own
    holds; a duration in seconds ends at 600, anything else at 20, or at five times the argument's own default where
    that is more. A number of workers ends at twice the *peak*, or at the ``max_workers`` that is given.

    Args:
        factory: makes the scaler.
        given: the arguments that are fixed.
        wanted: for each argument to be searched its lowest and highest value.
        peak: the most workers that were ever busy at once, had no request waited.
        owner: what messages call the scaler.

    Raises:
        UnknownNameError: an argument that the scaler doesn't take.
        ArgumentError: an argument that is no number, a range out of its bounds or upside down, or nothing to search.

    >>> from everai_autoscaler.builtin import SimpleAutoScaler
    >>> [str(one) for one in searched_of(SimpleAutoScaler, {"max_workers": 8}, {}, peak=4, owner="simple")]
    ['min_workers=0..8', 'max_queue_size=0..20', 'max_idle_time=0..600', 'scale_up_step=1..8']
    """
    taken = schema_of(factory).arguments
    for name in wanted:
        if name not in taken:
            raise UnknownNameError.of(f"{owner}: argument", name, taken)
        if name in given:
            raise ArgumentError(f"{owner}: {name}: is fixed to {given[name]}, and can't be searched as well")
        if not _is_number(taken[name]):
            raise ArgumentError(f"{owner}: {name}: is {taken[name].accepted}; only numbers can be searched")
    most = given.get("max_workers")
    room = float(most) if isinstance(most, int | float | str) and str(most).isdigit() else math.inf
    names = wanted or [name for name, one in taken.items() if _is_number(one) and name not in given and not one.newer]
    found = tuple(_ranged(taken[name], wanted.get(name), min(2 * peak, room), owner) for name in names)
    if not found:
        raise ArgumentError(f"{owner}: there is nothing to search: every number among its arguments is given")
    return found


def _is_number(one: Argument) -> bool:
    return one.type in (int, float)


def _ranged(one: Argument, ends: tuple[float, float] | None, most: float, owner: str) -> Searched:
    whole = one.type is int
    low, high = ends if ends is not None else _usual(one, most)
    named = f"{owner}: {one.name}: the range {low:g}..{high:g}"
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise ArgumentError(f"{named} has to go from a lower number to a higher one")
    if whole and (low != int(low) or high != int(high)):
        raise ArgumentError(f"{named} has to be of whole numbers")
    for end in (low, high):
        one.fit(int(end) if whole else end, source="the range of the search", owner=owner)
    return Searched(one.name, low, high, whole)


def _usual(one: Argument, most: float) -> tuple[float, float]:
    words = f"{one.name} {one.help}"
    default = float(one.default) if isinstance(one.default, int | float) else 0.0
    if "second" in words or one.name.endswith(("_time", "_timeout", "_window", "_delay")):
        usual = _LONGEST
    elif "workers" in words:
        usual = max(1.0, math.ceil(most))
    else:
        usual = 20.0
    # Of workers there may be no more than the maximum, whatever the default.
    low, high = _lowest(one, default), usual if "workers" in words else max(usual, _TIMES * default)
    if one.le is not None:
        high = one.le
    return (low, float(math.ceil(high))) if one.type is int else (low, high)


def _lowest(one: Argument, default: float) -> float:
    if one.gt is not None:
        return one.gt + 1 if one.type is int else one.gt + max(abs(default), 1.0) / 100
    return min(0.0, default) if one.ge is None else float(one.ge)
