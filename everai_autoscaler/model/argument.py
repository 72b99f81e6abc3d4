"""The arguments of a scaler: what it takes, where a value comes from, and how it is read and fitted.

A scaler's constructor is its schema: the typed fields, with their defaults, bounds and one line of help each.
A *late* value is any callable; it is read when a decision is made.
"""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

import attrs
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from everai_autoscaler.errors import ArgumentError, AutoscalerError, UnknownNameError
from everai_autoscaler.log import emit

__all__ = [
    "Argument",
    "ArgumentType",
    "Placeholder",
    "Schema",
    "argument",
    "bind",
    "build",
    "is_secret",
    "read",
    "reconcile",
    "schema_of",
    "source_of",
]

T = TypeVar("T")

ArgumentType: TypeAlias = int | float | str | Callable[[], int | float | str]
"""A number, text, or a callable that returns one when a decision is made."""


@attrs.frozen(kw_only=True)
class Placeholder:
    """An argument whose value is read at decision time.

    Args:
        kind: ``ConfigMap``, ``Secret``, ``Env``, ``File``, or a kind that a plugin gives.
        name: which one: of a ConfigMap its name, of a variable the variable, of a file its path.
        key: the entry in it; a variable has none, and a file may have none.

    >>> print(Placeholder(kind="ConfigMap", name="get-start-configmap", key="max_workers"))
    ConfigMap get-start-configmap/max_workers
    """

    kind: str
    name: str
    key: str = ""

    def __call__(self) -> str:
        """The value now.

        Raises:
            PlaceholderError: there is no such value, or nobody who knows this kind.
        """
        return reader.get()(self)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}/{self.key}" if self.key else f"{self.kind} {self.name}"


def _ask_the_default_registry(placeholder: Placeholder) -> str:
    # The one step upwards in this house: a placeholder that is read outside any Decider asks the installed plugins.
    from everai_autoscaler.plugin import default_registry

    return default_registry().read_placeholder(placeholder)


reader: ContextVar[Callable[[Placeholder], str]] = ContextVar("reader", default=_ask_the_default_registry)
"""Who reads placeholders; a Decider sets it while it binds."""


_REQUIRED: Any = inspect.Parameter.empty
_SPEC = "everai_autoscaler.argument"
_SCALARS: dict[object, type] = {kind: kind for kind in (int, float, str, bool)} | {
    kind.__name__: kind for kind in (int, float, str, bool)
}


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
    """Platforms don't know it, so it is told to them only when it was set."""
    attribute: str = ""
    """The attribute of the scaler that holds it, where that has another name."""

    def of(self, scaler: object) -> Any:
        """The value that *scaler* holds for it."""
        return getattr(scaler, self.attribute or self.name)

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _REQUIRED

    @property
    def accepted(self) -> str:
        """What it accepts, in words.

        >>> Argument("step", int, ge=1).accepted
        'a whole number of at least 1'
        """
        words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        kind = words.get(self.type) or f"a value of type {getattr(self.type, '__name__', self.type)}"
        bounds = [
            f"at least {self.ge}" if self.ge is not None else "",
            f"above {self.gt}" if self.gt is not None else "",
        ]
        bounds.append(f"at most {self.le}" if self.le is not None else "")
        stated = " and ".join(bound for bound in bounds if bound)
        return f"{kind} {'' if stated.startswith('above') else 'of '}{stated}" if stated else kind

    def fit(self, value: object, *, source: str = "", owner: str = "", secret: bool = False) -> Any:
        """*value* as this argument's type, within its bounds.

        Raises:
            ArgumentError: names *owner*, the argument, what was given, its *source*, and what is accepted. A
                *secret* value isn't shown.

        >>> Argument("step", int, ge=1).fit("2.0")
        2
        >>> Argument("step", int, ge=1).fit(2.9, source="ConfigMap c/step")
        Traceback (most recent call last):
        everai_autoscaler.errors.ArgumentError: step: 2.9 from ConfigMap c/step is not a whole number of at least 1
        """
        try:
            return _adapter(self.type, self.ge, self.gt, self.le).validate_python(value)
        except ValidationError:
            given = "(a secret)" if secret else repr(value)
        origin = f" from {source}" if source and source != "literal" else ""
        prefix = f"{owner}: " if owner else ""
        # Without its cause, which holds the value: it may be a secret.
        raise ArgumentError(f"{prefix}{self.name}: {given}{origin} is not {self.accepted}")


@cache
def _adapter(kind: Any, ge: float | None, gt: float | None, le: float | None) -> TypeAdapter[Any]:
    bounds = {name: bound for name, bound in (("ge", ge), ("gt", gt), ("le", le)) if bound is not None}
    if kind is float:
        return TypeAdapter(Annotated[float, Field(allow_inf_nan=False, **bounds)])
    try:
        return TypeAdapter(Annotated[kind, Field(**bounds)] if bounds else kind)
    except PydanticSchemaGenerationError:  # a scaler, say: what that may be is its constructor's to judge
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
) -> Any:
    """A field of an attrs scaler or decorator, with its bounds and its line of help.

    A plain value is fitted in the constructor; a late one is let through, and fitted when a decision is made.

    >>> @attrs.define
    ... class Policy:
    ...     step: int = argument(1, ge=1, help="workers to start at once")
    >>> Policy(step="2")
    Policy(step=2)
    >>> Policy(step=0)
    Traceback (most recent call last):
    everai_autoscaler.errors.ArgumentError: step: 0 is not a whole number of at least 1
    """
    details = {"type": type, "ge": ge, "gt": gt, "le": le, "help": help, "newer": newer}
    return attrs.field(
        default=attrs.NOTHING if default is _REQUIRED else default,
        kw_only=kw_only,
        metadata={_SPEC: details},
        converter=attrs.Converter(_fit_plain, takes_field=True),
    )


def _fit_plain(value: Any, field: attrs.Attribute[Any]) -> Any:
    return value if callable(value) else _from_field(field, field.type).fit(value)


def _from_field(field: attrs.Attribute[Any], hint: Any) -> Argument:
    default = _REQUIRED if field.default is attrs.NOTHING else field.default
    details: dict[str, Any] = dict(field.metadata.get(_SPEC, {}))
    kind = details.pop("type", None) or _plain_type(hint, default)
    name = field.alias or field.name
    return Argument(name, kind, default, attribute=field.name if name != field.name else "", **details)


def _plain_type(hint: Any, default: Any) -> Any:
    """The type that an annotation means: itself, but of one that allows late values, the default's."""
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


def _schema_for(scaler: object) -> Schema:
    factory: Callable[..., Any] = type(scaler)
    return schema_of(factory)


def _hints(of: Any) -> dict[str, Any]:
    try:
        return get_type_hints(of)
    except (
        NameError,
        TypeError,
    ):  # a name that only a type checker imports, or a callable object: their text has to do
        return dict(getattr(of, "__annotations__", {}))


def read(value: Any, *, name: str = "value") -> Any:
    """*value*, or what it says now when it is late.

    Raises:
        ArgumentError: it can't be read, or says nothing; names the argument *name* and the source.
    """
    if not callable(value):
        return value
    failure = ""
    try:
        given = value()
    except Exception as error:
        if not is_secret(value) or isinstance(error, AutoscalerError):
            raise ArgumentError(f"{name}: {source_of(value)} can't be read: {_told(error)}") from error
        # A stranger's error may quote what it couldn't make sense of: of a secret only its kind is told.
        failure = f"{name}: {source_of(value)} can't be read: {type(error).__name__}"
    if failure:
        raise ArgumentError(failure)  # outside of the handler, so that it carries no cause that shows more
    if not isinstance(given, int | float | str):
        shown = "nothing" if given is None else f"a {type(given).__name__}"
        raise ArgumentError(f"{name}: {source_of(value)} gave {shown}, not a number or text")
    return given


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def source_of(value: object) -> str:
    """Where *value* comes from, in words.

    >>> source_of(3)
    'literal'
    >>> source_of(Placeholder(kind="Env", name="MAX_WORKERS"))
    'Env MAX_WORKERS'
    """
    if not callable(value):
        return "literal"
    kind, name, key = (getattr(value, part, None) for part in ("kind", "name", "key"))
    if isinstance(kind, str) and isinstance(name, str):  # ours, or the platform client's own
        return f"{kind} {name}/{key}" if key else f"{kind} {name}"
    return f"callable {getattr(value, '__qualname__', type(value).__qualname__)}"


def is_secret(value: object) -> bool:
    """Whether what *value* says must not be shown."""
    return callable(value) and getattr(value, "kind", None) == "Secret"


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


def bind(scaler: T) -> T:
    """*scaler* itself when none of its arguments is late, else a copy in which each is read and fitted.

    Raises:
        ArgumentError: a late value that can't be read, or doesn't fit.
    """
    taken = _schema_for(scaler).arguments
    values = {name: one.of(scaler) for name, one in taken.items()}
    late = {name: value for name, value in values.items() if callable(value)}
    if not late:
        return scaler
    owner = type(scaler).__name__
    for name, value in late.items():
        given = read(value, name=name)
        values[name] = taken[name].fit(given, source=source_of(value), owner=owner, secret=is_secret(value))
    values, warning = reconcile(values)
    if warning:
        emit(logging.WARNING, "arguments_contradict", scaler=owner, warning=warning)
    return rebuilt(scaler, values)


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
    late = {name: value for name, value in given.items() if callable(value)}
    schema.check_names(given, owner=owner)
    fitted = late | schema.fit_each({name: value for name, value in given.items() if name not in late}, owner=owner)
    complete = {name: taken.default for name, taken in schema.arguments.items()} | fitted
    reconciled, warning = reconcile(complete)
    if warning:
        emit(logging.WARNING, "arguments_contradict", scaler=owner, warning=warning)
        fitted["min_workers"] = reconciled["min_workers"]
    return factory(**fitted)
