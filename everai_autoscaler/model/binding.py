"""Binding: a scaler's late values are read and fitted, and a factory's arguments are checked and fitted."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from everai_autoscaler.log import emit
from everai_autoscaler.model.late import is_secret, read, source_of
from everai_autoscaler.model.schema import Nesting, Schema, is_late, schema_of

__all__ = ["bind", "build", "rebuilt", "reconcile"]

T = TypeVar("T")


def bind(scaler: T) -> T:
    """*scaler* itself when none of its arguments is late, else a copy in which each is read and fitted.

    The scalers inside it are bound, too.

    Raises:
        ArgumentError: a late value that can't be read, or doesn't fit.
    """
    return _bound(scaler, "")


def _bound(scaler: T, path: str) -> T:
    taken = _schema_for(scaler).arguments
    values = {name: one.of(scaler) for name, one in taken.items() if not path or hasattr(scaler, one.attribute or name)}
    owner = path + type(scaler).__name__
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, int | float | str):
            continue
        if is_late(taken[name], value):
            given = read(value, name=f"{owner}: {name}" if path else name)
            changed[name] = taken[name].fit(given, source=source_of(value), owner=owner, secret=is_secret(value))
        elif taken[name].nesting is Nesting.ONE:
            changed[name] = _bound_inside(value, f"{owner}: {name}: ")
        elif taken[name].nesting is Nesting.MANY and isinstance(value, list | tuple):
            inside = [_bound_inside(one, f"{owner}: {name}[{place}]: ") for place, one in enumerate(value)]
            same = all(one is other for one, other in zip(inside, value, strict=True))
            changed[name] = value if same else type(value)(inside)
    if all(value is values[name] for name, value in changed.items()):
        return scaler
    values, warning = reconcile(values | changed)
    if warning:
        emit(logging.WARNING, "arguments_contradict", scaler=owner, warning=warning)
    return rebuilt(scaler, values)


def _bound_inside(scaler: Any, path: str) -> Any:
    # What isn't made of attrs doesn't say which of its attributes are arguments.
    return _bound(scaler, path) if attrs.has(type(scaler)) else scaler


def rebuilt(scaler: T, values: Mapping[str, Any]) -> T:
    """A copy of *scaler* with other *values*; its constructor isn't asked, since a subclass may have its own."""
    bound = copy.copy(scaler)
    for name, one in _schema_for(scaler).arguments.items():
        if name in values:
            object.__setattr__(bound, one.attribute or name, values[name])
    return bound


def build(factory: Callable[..., T], arguments: Mapping[str, object] | None, *, owner: str = "") -> T:
    """What *factory* makes of *arguments*, once their names are checked and their values fitted.

    Late values stay late. Values that only contradict each other are reconciled, with a warning.

    Raises:
        ArgumentError: names the argument, what was given, and what is accepted.
    """
    given = arguments or {}
    schema = schema_of(factory)
    taken = schema.arguments
    late = {name: value for name, value in given.items() if is_late(taken.get(name), value)}
    schema.check_names(given, owner=owner)
    fitted = late | schema.fit_each({name: value for name, value in given.items() if name not in late}, owner=owner)
    complete = {name: taken.default for name, taken in schema.arguments.items()} | fitted
    reconciled, warning = reconcile(complete)
    if warning:
        emit(logging.WARNING, "arguments_contradict", scaler=owner, warning=warning)
        fitted["min_workers"] = reconciled["min_workers"]
    return factory(**fitted)


def reconcile(values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The *values* with the minimum lowered to the maximum where they contradict each other, and a word about it.

    >>> reconcile({"min_workers": 7, "max_workers": 5})
    ({'min_workers': 5, 'max_workers': 5}, 'min_workers 7 is above max_workers 5: the maximum wins')
    """
    lowest, highest = values.get("min_workers"), values.get("max_workers")
    if isinstance(lowest, int) and isinstance(highest, int) and lowest > highest:
        warning = f"min_workers {lowest} is above max_workers {highest}: the maximum wins"
        return {**values, "min_workers": highest}, warning
    return dict(values), ""


def _schema_for(scaler: object) -> Schema:
    factory: Callable[..., Any] = type(scaler)
    return schema_of(factory)
