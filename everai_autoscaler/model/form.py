"""The recorded form of a scaler: its name and its arguments, of which some may be scalers again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen

__all__ = ["HIDDEN", "Leaf", "ScalerForm", "Way", "is_hidden"]

HIDDEN = "redacted"
"""The key of what stands for a value that a record doesn't hold; the value's source is beside it."""

Way: TypeAlias = tuple[str | int, ...]
"""What leads to a value: arguments by name, and in a list of scalers places."""


def is_hidden(value: object) -> bool:
    """Whether *value* stands for something that a record doesn't hold."""
    return isinstance(value, dict) and set(value) == {HIDDEN}


@frozen
class Leaf:
    """One value in the form of a scaler that isn't itself a scaler."""

    way: Way
    scaler: str
    """The name of the scaler whose argument it is."""
    value: Any

    @property
    def place(self) -> str:
        """The way in words: ``scalers[0].max_workers``, say."""
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.way]
        return "".join(steps).removeprefix(".")


@frozen
class ScalerForm:
    """A scaler by its name, with the values of its arguments.

    >>> form = ScalerForm("max", {"scalers": [{"name": "simple", "arguments": {"max_workers": 5}}]})
    >>> [(leaf.place, leaf.scaler, leaf.value) for leaf in form.leaves()]
    [('scalers[0].max_workers', 'simple', 5)]
    >>> form.replace(("scalers", 0, "max_workers"), 6).arguments
    {'scalers': [{'name': 'simple', 'arguments': {'max_workers': 6}}]}
    """

    name: str
    arguments: Mapping[str, Any]

    def leaves(self) -> Iterator[Leaf]:
        """Each value that isn't itself a scaler, in their order."""
        for name, value in self.arguments.items():
            yield from _leaves(value, (name,), self.name)

    def replace(self, way: Way, value: Any) -> ScalerForm:
        """The form with another *value* at the end of the *way*."""
        return ScalerForm(self.name, _replaced(self.arguments, way, value))


def _leaves(value: Any, way: Way, scaler: str) -> Iterator[Leaf]:
    if _is_form(value):
        for name, one in value["arguments"].items():
            yield from _leaves(one, (*way, name), str(value["name"]))
    elif isinstance(value, list) and any(_is_form(one) or is_hidden(one) for one in value):
        for place, one in enumerate(value):
            yield from _leaves(one, (*way, place), scaler)
    else:
        yield Leaf(way, scaler, value)


def _is_form(value: object) -> bool:
    return isinstance(value, Mapping) and "name" in value and isinstance(value.get("arguments"), dict)


def _replaced(inside: Any, way: Way, value: Any) -> Any:
    if not way:
        return value
    first, *rest = way
    if _is_form(inside):
        return {**inside, "arguments": _replaced(inside["arguments"], way, value)}
    other = _replaced(inside[first], tuple(rest), value)
    if isinstance(inside, list):
        return [other if place == first else one for place, one in enumerate(inside)]
    return {**inside, first: other}
