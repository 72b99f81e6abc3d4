"""Scalers among the arguments of a scaler: objects or names, read and made for each decision, recorded by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import attrs
from attrs import define, field, frozen
from pydantic import JsonValue, TypeAdapter, ValidationError

from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ArgumentError, DuplicateNameError, UnknownNameError, describe_error
from everai_autoscaler.model import Argument, AutoScaler, Schema, schema_of
from everai_autoscaler.model.binding import rebuilt, reconcile
from everai_autoscaler.model.form import HIDDEN, Way
from everai_autoscaler.model.late import Sourced, source_of
from everai_autoscaler.model.schema import Nesting, is_late, undecorated
from everai_autoscaler.plugin import Registry

__all__ = [
    "Inside",
    "Made",
    "Nested",
    "fitted_at",
    "form_of",
    "maker",
    "names_in",
    "nest",
    "registered_name",
]

_JSON: TypeAdapter[Any] = TypeAdapter(JsonValue)


@frozen
class Made:
    """One scaler inside, as one decision has it."""

    name: str
    """The name that a plugin gave it; empty where no record can say who it is."""
    kind: str
    """What it is called in any case."""
    values: Mapping[str, Any]
    """What it was made of."""
    inside: Mapping[str, Inside]
    """For each of these values that is a scaler, or several, what that was made of."""
    sources: Mapping[str, str]
    scaler: AutoScaler


Inside: TypeAlias = Made | tuple[Made, ...]
"""What the scalers in one argument were made of."""


@define
class _Template:
    """One scaler inside, before anything of it is read."""

    name: str
    kind: str
    where: str
    """The way to it."""
    schema: Schema
    arguments: Mapping[str, Any]
    make: Callable[[Mapping[str, Any]], AutoScaler]
    late: Collection[str] = field(init=False)
    """Which of the arguments are read when a decision is made."""
    _said: dict[str, str] = field(factory=dict, init=False)
    """Where the last read value of an argument comes from, as far as the value says so itself."""
    _last: Made | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.late = {name for name, value in self.arguments.items() if self._is_late(name, value)}

    def read(self, secrets: Secrets, warnings: list[str]) -> Made:
        """The scaler for one decision; the same object while what it is made of stays equal."""
        last = self._last
        if last is not None and not self.late:
            return last
        values, inside = {}, {}
        for name, value in self.arguments.items():
            if isinstance(value, Nested):
                values[name], inside[name] = value.read(secrets, warnings)
            else:
                values[name] = self._read_one(name, value, secrets) if name in self.late else value
        values, warning = reconcile(values)
        if last is not None and values == last.values:
            return last
        if warning:
            warnings.append(f"{self.where}: {warning}")
        try:
            scaler = self.make(values)
        except Exception as error:  # noqa: BLE001 - a stranger's constructor may raise anything
            raise ArgumentError(
                f"{self.where} can't be made: {error if isinstance(error, ArgumentError) else describe_error(error)}"
            ) from None
        self._last = Made(self.name, self.kind, values, inside, dict(self.sources()), scaler)
        return self._last

    def sources(self) -> Iterator[tuple[str, str]]:
        """For each argument, where its value comes from."""
        for name, value in self.arguments.items():
            if isinstance(value, Nested):
                yield name, value.source
            else:
                yield name, self._said.get(name) or source_of(value if name in self.late else None)

    def _read_one(self, name: str, value: Any, secrets: Secrets) -> Any:
        given = secrets.read(value, name=f"{self.where}: {name}")
        self._said.pop(name, None)
        if isinstance(given, Sourced):
            self._said[name] = given.source
            given = str(given)
        if name not in self.schema.arguments:  # the schema is open, and takes it as it is
            return given
        secret = secrets.hold(given)
        argument = self.schema.arguments[name]
        source = self._said.get(name) or source_of(value)
        fitted = argument.fit(given, source=source, owner=self.where, secret=secret)
        if secret:
            secrets.add(fitted)
        return fitted

    def _is_late(self, name: str, value: Any) -> bool:
        if isinstance(value, Nested):
            return value.late
        return is_late(self.schema.arguments.get(name), value)


@define
class Nested:
    """An argument that is a scaler, or several: one late argument, where anything in it is late."""

    argument: Argument
    templates: Sequence[_Template]
    late: bool = field(init=False)
    _last: tuple[Any, Inside] | None = field(default=None, init=False)
    _made: Sequence[Made] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self.late = any(template.late for template in self.templates)

    @property
    def source(self) -> str:
        """Where its late values come from, in words: those that were read last say it themselves, where they can."""
        late = (source for one in self.templates for name, source in one.sources() if name in one.late)
        return ", ".join(dict.fromkeys(late)) or "literal"

    def read(self, secrets: Secrets, warnings: list[str]) -> tuple[Any, Inside]:
        """The argument's value, and what it was made of; both stay the same objects while what is read stays equal.

        Raises:
            ArgumentError: something in it can't be read, or doesn't fit; names the way to it.
        """
        made = tuple(template.read(secrets, warnings) for template in self.templates)
        if self._last is None or any(one is not last for one, last in zip(made, self._made, strict=True)):
            one = self.argument.nesting is Nesting.ONE
            value = made[0].scaler if one else self.argument.fit([each.scaler for each in made])
            self._made, self._last = made, (value, made[0] if one else made)
        return self._last


def nest(arguments: Mapping[str, Any], schema: Schema, registry: Registry, *, owner: str) -> dict[str, Any]:
    """The *arguments* with a ``Nested`` in the place of scalers, which may be objects, or given by name.

    Args:
        registry: who knows the names.
        owner: whose arguments they are, in messages.

    Raises:
        ArgumentError: names the way to what is wrong.
        UnknownNameError: no plugin has a scaler of that name.
    """
    taken = schema.arguments
    return {
        name: _nested(taken[name], value, registry, f"{owner}: {name}")
        if name in taken and _holds_scalers(taken[name], value)
        else value
        for name, value in arguments.items()
    }


def form_of(inside: Inside, secrets: Secrets) -> JsonValue:
    """What a record holds of *inside*: names and the values used, without *secrets* and what has no JSON form."""
    if isinstance(inside, tuple):
        return [form_of(one, secrets) for one in inside]
    if not inside.name:
        return {HIDDEN: inside.kind}
    arguments = {
        name: form_of(inside.inside[name], secrets)
        if name in inside.inside
        else _form(value, inside.sources[name], secrets)
        for name, value in inside.values.items()
    }
    return {"name": inside.name, "arguments": arguments}


def _form(value: Any, source: str, secrets: Secrets) -> JsonValue:
    if not secrets.hold(value):
        try:
            form: JsonValue = _JSON.validate_python(value)
        except ValidationError:
            return {HIDDEN: source}
        return form
    return {HIDDEN: source}


def names_in(inside: Iterable[Inside]) -> Iterator[tuple[int, str]]:
    """The names by which the scalers *inside* are registered, each with the identity of its scaler."""
    for one in inside:
        if isinstance(one, tuple):
            yield from names_in(one)
        else:
            yield id(one.scaler), one.name
            yield from names_in(one.inside.values())


def fitted_at(inside: Mapping[str, Inside], way: Way) -> Any:
    """The value at the end of the *way* into scalers that were made of *inside*."""
    one: Any = inside
    for step in way[:-1]:
        held: Any = one.inside if isinstance(one, Made) else one
        one = held[step]
    return one.values[way[-1]]


def registered_name(scaler: object, registry: Registry) -> str:
    """The name under which *registry* has the class of *scaler*; empty where it has it under none."""
    for name in registry.names("autoscalers"):
        try:
            if registry.autoscaler(name) is type(scaler):
                return name
        except DuplicateNameError:
            continue
    return ""


def maker(factory: Callable[..., AutoScaler]) -> Callable[[Mapping[str, Any]], AutoScaler]:
    """Makes a scaler of its arguments with *factory*, and makes sure that it is one."""

    def make(values: Mapping[str, Any]) -> AutoScaler:
        made = factory(**values)
        if not callable(getattr(made, "decide", None)):
            raise TypeError(f"its factory gave a {type(made).__name__}, not a scaler")
        return made

    return make


def _holds_scalers(argument: Argument, value: object) -> bool:
    if argument.nesting is None or is_late(argument, value):
        return False
    return value is not None or argument.default is not None


def _nested(argument: Argument, value: Any, registry: Registry, where: str) -> Nested:
    if argument.nesting is Nesting.ONE:
        nested = Nested(argument, [_template(value, registry, where)])
    elif isinstance(value, list | tuple) and len(value) >= (argument.ge or 0):
        places = [_template(one, registry, f"{where}[{place}]") for place, one in enumerate(value)]
        nested = Nested(argument, places)
    else:
        raise ArgumentError(f"{where}: {value!r} is not {argument.accepted}")
    if not nested.late:  # what can be known to be wrong is said at once
        nested.read(Secrets(), [])
    return nested


def _template(value: Any, registry: Registry, where: str) -> _Template:
    if isinstance(value, Mapping):
        return _named(value, registry, where)
    undecorated(value, where, "a scaler: an object that decides, or a mapping with name and arguments")
    name = registered_name(value, registry)
    kind = name or type(value).__name__
    where = f"{where}: {kind}"
    if not attrs.has(type(value)):  # which of its attributes are arguments, nobody knows
        return _Template("", kind, where, Schema({}), {}, lambda _: value)
    factory: Callable[..., Any] = type(value)
    taken = schema_of(factory).arguments.items()
    schema = Schema({name: one for name, one in taken if hasattr(value, one.attribute or name)})
    given = {name: one.of(value) for name, one in schema.arguments.items()}
    template = _Template(name, kind, where, schema, nest(given, schema, registry, owner=where), lambda _: value)
    if template.late:
        template.make = partial(rebuilt, value)
    return template


def _named(form: Mapping[Any, Any], registry: Registry, where: str) -> _Template:
    name = form.get("name")
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"{where}: {dict(form)!r} is not a scaler: its name is missing")
    if unknown := [str(key) for key in form if key not in ("name", "arguments")]:
        hint = "; decorators go round the whole, not round a scaler in it" if "decorators" in unknown else ""
        raise ArgumentError(f"{where}: {name}: {', '.join(unknown)} is not one of name, arguments{hint}")
    try:
        factory = registry.autoscaler(name)
    except UnknownNameError as error:
        raise UnknownNameError(f"{where}: {error}") from None
    where = f"{where}: {name}"
    given = form.get("arguments") or {}
    if not isinstance(given, Mapping):
        raise ArgumentError(f"{where}: {given!r} is not a mapping from arguments to values")
    schema = schema_of(factory)
    schema.check_names(given, owner=where)
    # What else a constructor has as a default stays its own to make.
    defaults = {
        name: one.default
        for name, one in schema.arguments.items()
        if one.default is None or isinstance(one.default, int | float | str) or _is_late_default(one)
    }
    arguments = nest({**defaults, **given}, schema, registry, owner=where)
    template = _Template(name, name, where, schema, arguments, maker(factory))
    plain = {name: one for name, one in arguments.items() if name not in template.late and not isinstance(one, Nested)}
    template.arguments = {**arguments, **schema.fit_each(plain, owner=where)}
    return template


def _is_late_default(argument: Argument) -> bool:
    return not argument.required and callable(argument.default)
