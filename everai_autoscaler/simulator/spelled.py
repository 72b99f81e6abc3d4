"""A value written in one word: ``name:field=value,field=value``, as a command line has it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from attrs import NOTHING, Attribute, fields

from everai_autoscaler.errors import ArgumentError, UnknownNameError

__all__ = ["above", "at_least", "between", "number", "numbers", "spelled"]

T = TypeVar("T")


def spelled(text: str, kinds: Mapping[str, type[T]], *, kind: str, separator: str = ",") -> T:
    """The value that *text* writes: the name of one of *kinds*, then its fields in order, or by name.

    Args:
        text: what was written, ``exponential:3`` or ``lognormal:mean=6,cv=1`` for one.
        kinds: for each name its attrs class.
        kind: what they are, for messages.
        separator: what stands between two fields, as a regular expression.

    >>> from attrs import frozen, field
    >>> @frozen
    ... class Point:
    ...     x: float = field(converter=number)
    ...     y: float = field(converter=number, default=0.0)
    >>> spelled("point:y=2,x=1.5", {"point": Point}, kind="shape")
    Point(x=1.5, y=2.0)

    Raises:
        UnknownNameError: a name that isn't among *kinds*, or a field that the named one doesn't have.
        ArgumentError: a value that its field doesn't accept, one too many or one missing.
    """
    name, _, rest = (part.strip() for part in text.partition(":"))
    if name not in kinds:
        raise UnknownNameError.of(kind, name, kinds)
    made = kinds[name]
    names = [one.name for one in fields(made)]  # type: ignore[arg-type]  # each of them is an attrs class
    given: dict[str, str] = {}
    for place, part in enumerate(re.split(separator, rest) if rest else []):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            if place >= len(names):
                raise ArgumentError(f"{text}: {key!r} is one value too many; {name} takes {', '.join(names)}")
            key, value = names[place], key
        if key not in names:
            raise UnknownNameError(f"{text}: {UnknownNameError.of(f'argument of {name}', key, names)}")
        if key in given:
            raise ArgumentError(f"{text}: {key}: was given twice")
        given[key] = value
    try:
        return made(**given)
    except TypeError as error:
        missing = [one.name for one in fields(made) if one.name not in given and one.default is NOTHING]  # type: ignore[arg-type]
        raise ArgumentError(f"{text}: {' and '.join(missing)} missing; {name} takes {', '.join(names)}") from error
    except ArgumentError as error:
        raise ArgumentError(f"{text}: {error}") from error


def number(value: Any) -> float:
    """*value* as a number; as it is where it isn't one, for the field's check to refuse by name.

    >>> number("0.5"), number("x")
    (0.5, 'x')
    """
    try:
        return value if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return value  # type: ignore[no-any-return]  # the field's check refuses it


def numbers(value: Any) -> tuple[float, ...]:
    """*value* as numbers: an iterable of them, or text with a stroke between two.

    >>> numbers("0.5/20"), numbers([1, 2])
    ((0.5, 20.0), (1.0, 2.0))
    """
    parts = value.split("/") if isinstance(value, str) else value
    return tuple(number(part) for part in parts) if isinstance(parts, Iterable) else (number(value),)


_Check = Callable[[Any, "Attribute[Any]", Any], None]


def above(least: float, unit: str = "") -> _Check:
    """A check that a field's number, or each of its numbers, is finite and above *least*."""
    return _check(lambda one: least < one < math.inf, f"above {least:g}", unit)


def at_least(least: float, unit: str = "") -> _Check:
    """A check that a field's number, or each of its numbers, is finite and at least *least*."""
    return _check(lambda one: least <= one < math.inf, f"of at least {least:g}", unit)


def between(least: float, most: float, unit: str = "") -> _Check:
    """A check that a field's number, or each of its numbers, is from *least* to *most*."""
    return _check(lambda one: least <= one <= most, f"from {least:g} to {most:g}", unit)


def _check(holds: Callable[[float], bool], words: str, unit: str) -> _Check:
    def check(_made: Any, attribute: Attribute[Any], value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if not isinstance(one, float) or not holds(one):
                given = f"{one:g}" if isinstance(one, float) else repr(one)
                noun = f"a number of {unit}" if unit else "a number"
                raise ArgumentError(f"{attribute.name}: {given} is not {noun} {words}")

    return check
