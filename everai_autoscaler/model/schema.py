"""The arguments of a scaler or a decorator: their names, types, defaults, bounds and one line of help each.

A constructor is its own schema: the typed fields of an attrs class, or the parameters of any other factory.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model.autoscaler import AutoScaler
from everai_autoscaler.model.late import ArgumentType

__all__ = ["Argument", "Nesting", "Schema", "argument", "is_late", "is_scaler", "schema_of", "undecorated"]

_REQUIRED: Any = inspect.Parameter.empty
_SPEC = "everai_autoscaler.argument"
_SCALARS: dict[object, type] = {kind: kind for kind in (int, float, str, bool)} | {
    kind.__name__: kind for kind in (int, float, str, bool)
}
_SCALERS: dict[object, Any] = {
    "AutoScaler": AutoScaler,
    "list[AutoScaler]": list[AutoScaler],
    "tuple[AutoScaler, ...]": tuple[AutoScaler, ...],
    "Sequence[AutoScaler]": Sequence[AutoScaler],
}
"""Annotations that mean scalers, as they are written where annotations stay text."""
_ASKS = {"min_workers": 1, "max_workers": -1}
"""What the names that every scaler uses for its bounds ask for."""


class Nesting(Enum):
    """How an argument holds scalers."""

    ONE = "a scaler"
    MANY = "a list of scalers"


@attrs.frozen
class Argument:
    """One argument that a scaler or a decorator takes."""

    name: str
    type: Any
    default: Any = _REQUIRED
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    help: str = ""
    newer: bool = False
    """Platforms don't know it, so a manifest names it only when it was set."""
    attribute: str = ""
    """The attribute of the scaler that holds it, where that has another name."""
    asks: int = attrs.field()
    """Whether it demands workers rather than permits them: +1, raising it demands more; -1, lowering it demands fewer;
    0, it demands nothing. Unless stated, ``min_workers`` is +1 and ``max_workers`` -1."""
    check: Callable[[Any], object] | None = None
    """Raises an ``ArgumentError`` for a value of the right type that it doesn't accept all the same."""

    @asks.default
    def _by_its_name(self) -> int:
        return _ASKS.get(self.name, 0)

    def of(self, scaler: object) -> Any:
        """The value that *scaler* holds for it."""
        return getattr(scaler, self.attribute or self.name)

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _REQUIRED

    @property
    def nesting(self) -> Nesting | None:
        """Whether it is a scaler, or several; ``None`` for any other kind of value."""
        return _nesting(self.type)

    @property
    def accepted(self) -> str:
        """What it accepts, in words.

        >>> Argument("step", int, ge=1).accepted
        'a whole number of at least 1'
        >>> Argument("scalers", list[AutoScaler], ge=1).accepted
        'a list of scalers, at least 1'
        """
        if self.nesting is not None:
            return self.nesting.value + (f", at least {self.ge}" if self.ge is not None else "")
        words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        kind = words.get(self.type) or f"a value of type {getattr(self.type, '__name__', self.type)}"
        bounds = (("at least", self.ge), ("above", self.gt), ("at most", self.le))
        stated = " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
        return f"{kind} {'' if stated.startswith('above') else 'of '}{stated}" if stated else kind

    def fit(self, value: object, *, source: str = "", owner: str = "", secret: bool = False) -> Any:
        """*value* as this argument's type, within its bounds; ``None`` goes through where it is the default.

        Raises:
            ArgumentError: names *owner*, the argument, what was given, its *source*, and what is accepted. A
                *secret* value isn't shown.

        >>> Argument("step", int, ge=1).fit("2.0")
        2
        >>> Argument("step", int, ge=1).fit(2.9, source="ConfigMap c/step")
        Traceback (most recent call last):
        everai_autoscaler.errors.ArgumentError: step: 2.9 from ConfigMap c/step is not a whole number of at least 1
        """
        if value is None and self.default is None:
            return None
        try:
            if self.nesting is not None:
                return self._fit_scalers(value, f"{owner}: {self.name}" if owner else self.name)
            fitted = _adapter(self.type, self.ge, self.gt, self.le).validate_python(value)
            why = self._refusal(fitted)
            if why is None:
                return fitted
        except (ValidationError, TypeError):
            why = f"is not {self.accepted}"
        # Without its cause, which holds the value: it may be a secret. The words of a check may hold it, too.
        given, why = ("(a secret)", why.partition(":")[0]) if secret else (repr(value), why)
        origin = f" from {source}" if source and source != "literal" else ""
        prefix = f"{owner}: " if owner else ""
        raise ArgumentError(f"{prefix}{self.name}: {given}{origin} {why}")

    def _refusal(self, fitted: Any) -> str | None:
        """Why the check refuses a value; ``None`` where it doesn't."""
        try:
            if self.check is not None:
                self.check(fitted)
        except ArgumentError as error:
            return f"is refused: {error}"
        return None

    def _fit_scalers(self, value: Any, where: str) -> Any:
        if self.nesting is Nesting.ONE:
            if not is_scaler(value):
                raise TypeError
            return undecorated(value, where, self.accepted)
        # A bound counts them.
        if not isinstance(value, list | tuple) or len(value) < (self.ge or 0):
            raise TypeError
        for place, one in enumerate(value):
            undecorated(one, f"{where}[{place}]", Nesting.ONE.value)
        kind = list if (get_origin(self.type) or self.type) is list else tuple
        return value if isinstance(value, kind) else kind(value)


@cache
def _nesting(kind: Any) -> Nesting | None:
    """How a value of the type *kind* holds scalers."""
    if inspect.isclass(kind):
        return Nesting.ONE if issubclass(kind, AutoScaler) else None
    origin = get_origin(kind)
    if origin not in (Union, UnionType, list, tuple, Sequence):
        return None
    parts = {_nesting(part) for part in get_args(kind) if part not in (NoneType, Ellipsis)}
    if origin in (Union, UnionType):
        return parts.pop() if len(parts) == 1 else None
    return Nesting.MANY if parts == {Nesting.ONE} else None


def is_scaler(value: object) -> bool:
    """Whether *value* can decide; its class can't."""
    return not isinstance(value, type) and callable(getattr(value, "decide", None))


def undecorated(value: object, where: str, accepted: str) -> Any:
    """*value*, which has to be a scaler without decorators."""
    if not is_scaler(value):
        raise ArgumentError(f"{where}: {value!r} is not {accepted}")
    around = getattr(value, "decorators", None)
    if getattr(around, "factors", None) or getattr(around, "arguments", None):
        raise ArgumentError(
            f"{where}: {type(value).__name__} has decorators: they go round the whole, not round a scaler in it"
        )
    return value


@cache
def _adapter(kind: Any, ge: float | None, gt: float | None, le: float | None) -> TypeAdapter[Any]:
    bounds = {name: bound for name, bound in (("ge", ge), ("gt", gt), ("le", le)) if bound is not None}
    if kind is float:
        return TypeAdapter(Annotated[float, Field(allow_inf_nan=False, **bounds)])
    try:
        return TypeAdapter(Annotated[kind, Field(**bounds)] if bounds else kind)
    except PydanticSchemaGenerationError:  # what an object of some class may be is its constructor's to judge
        return TypeAdapter(Any)


def argument(
    default: Any = _REQUIRED,
    *,
    type: type | None = None,  # noqa: A002 - the word that every schema uses
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    help: str = "",  # noqa: A002 - likewise
    kw_only: bool = False,
    newer: bool = False,
    asks: Literal[1, 0, -1] | None = None,
    check: Callable[[Any], object] | None = None,
) -> Any:
    """A field of an attrs scaler or decorator, with its bounds and its line of help.

    A plain value is fitted in the constructor; a late one is let through, and fitted when a decision is made.

    Args:
        default: its value where none is given; without one, the argument is required.
        type: its type, where the annotation doesn't say it.
        ge: the least value; of a list, the fewest items.
        gt: a bound that the value has to be above.
        le: the greatest value.
        help: one line for people.
        kw_only: it can only be given by keyword.
        newer: platforms don't know it, so a manifest names it only when it was set.
        asks: it demands workers rather than permits them: +1, raising it demands more; -1, lowering it demands fewer.
            An explanation names such an argument as the limit only if it caused the decision.
            ``min_workers`` and ``max_workers`` are +1 and -1 by their names.
        check: is called with a value of the right type within its bounds, and raises an ``ArgumentError`` with the
            reason where it isn't accepted all the same: a text in some language of its own, say.

    >>> @attrs.define
    ... class Policy:
    ...     step: int = argument(1, ge=1, help="workers to start at once")
    >>> Policy(step="2")
    Policy(step=2)
    >>> Policy(step=0)
    Traceback (most recent call last):
    everai_autoscaler.errors.ArgumentError: step: 0 is not a whole number of at least 1
    """
    details = {"type": type, "ge": ge, "gt": gt, "le": le, "help": help, "newer": newer, "check": check}
    details |= {} if asks is None else {"asks": asks}
    return attrs.field(
        default=attrs.NOTHING if default is _REQUIRED else default,
        kw_only=kw_only,
        metadata={_SPEC: details},
        converter=attrs.Converter(_fit_plain, takes_field=True),
    )


def _fit_plain(value: Any, field: attrs.Attribute[Any]) -> Any:
    argument = _from_field(field, field.type)
    return value if is_late(argument, value) else argument.fit(value)


def is_late(argument: Argument | None, value: object) -> bool:
    """Whether *value* is read when a decision is made: it can be called, and *argument* isn't there for such things.

    ``None`` for the *argument* is a name that only an open schema takes.
    """
    if argument is None or not callable(value):
        return callable(value)
    if argument.nesting is Nesting.ONE and is_scaler(value):
        return False
    return (get_origin(argument.type) or argument.type) is not Callable and argument.type not in type(value).__mro__


def _from_field(field: attrs.Attribute[Any], hint: Any) -> Argument:
    default = _REQUIRED if field.default is attrs.NOTHING else field.default
    details: dict[str, Any] = dict(field.metadata.get(_SPEC, {}))
    kind = details.pop("type", None) or _plain_type(hint, default)
    name = field.alias or field.name
    return Argument(name, kind, default, attribute=field.name if name != field.name else "", **details)


def _plain_type(hint: Any, default: Any) -> Any:
    """The type that an annotation means: itself, but of one that allows late values, the default's."""
    if isinstance(hint, str) and hint in _SCALERS:
        return _SCALERS[hint]
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint in (_REQUIRED, None, Any, ArgumentType) or isinstance(hint, str):
        return Any if default is _REQUIRED or default is None else type(default)
    return hint


@attrs.frozen
class Schema:
    """The arguments that a scaler or a decorator takes."""

    arguments: Mapping[str, Argument]
    open: bool = False
    """It takes any further names, too."""

    def fit_each(self, values: Mapping[str, object], *, owner: str = "") -> dict[str, Any]:
        """The plain *values*, each fitted; a name that only an open schema takes goes through as it is.

        Raises:
            ArgumentError: a value that doesn't fit.
        """
        taken = self.arguments
        return {name: taken[name].fit(value, owner=owner) if name in taken else value for name, value in values.items()}

    def check_names(self, names: Mapping[str, object], *, owner: str = "") -> None:
        """Refuse a name that isn't taken, and the absence of one that is needed.

        Raises:
            ArgumentError: names it, and lists those that are taken.
        """
        prefix = f"{owner}: " if owner else ""
        for name in names:
            if name not in self.arguments and not self.open:
                raise ArgumentError(prefix + str(UnknownNameError.of("argument", name, self.arguments)))
        for name, taken in self.arguments.items():
            if taken.required and name not in names:
                raise ArgumentError(f"{prefix}{name} is missing: {taken.accepted}")


@lru_cache(maxsize=256)
def schema_of(factory: Callable[..., Any]) -> Schema:
    """The schema of *factory*: of an attrs class its fields, of anything else its signature."""
    # An attrs class with __attrs_init__ has a constructor of its own.
    if inspect.isclass(factory) and attrs.has(factory) and "__attrs_init__" not in vars(factory):
        hints = _hints(factory)
        fields = [f for f in attrs.fields(factory) if f.init and f.name != "decorators"]
        taken = [_from_field(field, hints.get(field.name)) for field in fields]
        return Schema({one.name: one for one in taken})
    hints = _hints(factory.__init__ if inspect.isclass(factory) else factory)
    parameters = [p for p in inspect.signature(factory).parameters.values() if p.name != "decorators"]
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return Schema(
        {p.name: Argument(p.name, _plain_type(hints.get(p.name), p.default), p.default) for p in named},
        open=any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def _hints(of: Any) -> dict[str, Any]:
    try:
        return get_type_hints(of)
    except (
        NameError,
        TypeError,
    ):  # a name that only a type checker imports, or a callable object: their text has to do
        return dict(getattr(of, "__annotations__", {}))
