"""Decorators by name, with late arguments, and what they make of a snapshot."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from everai_autoscaler.decision.contents import Contents
from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ArgumentError, describe_error
from everai_autoscaler.model import Decorator, Factors, FactorsDecorator, RecordedArgument, RecordedDecorator
from everai_autoscaler.model.binding import build
from everai_autoscaler.model.late import is_secret, source_of
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.plugin import Registry

__all__ = ["Decorated", "DecoratorSlot", "MadeDecorator", "decorate", "slots", "wanted_context"]

D = TypeVar("D", bound=Callable[..., Any])


@frozen
class MadeDecorator(Generic[D]):
    """A decorator as one decision has it: nothing is late any more."""

    name: str
    decorator: D
    given: Mapping[str, Any]
    """Its arguments as they were given, late ones among them."""
    values: Mapping[str, Any]
    """What they said."""
    wanted: Collection[str]
    """Which of the context a decorator of arguments takes."""

    def recorded(self, stale: Mapping[str, str]) -> RecordedDecorator:
        """The decorator as a record holds it; *stale* says why a last good value was used, by decorator."""
        arguments = {}
        for name, value in self.values.items():
            secret = is_secret(self.given[name])
            arguments[name] = RecordedArgument(
                value=REDACTED if secret else value,
                source=source_of(self.given[name]),
                redacted=secret,
                kept=stale.get(self.name),
            )
        return RecordedDecorator(name=self.name, arguments=arguments)


@define
class DecoratorSlot(Generic[D]):
    """One decorator of a scaler: made again when its late arguments change."""

    name: str
    factory: Callable[..., D]
    arguments: Mapping[str, Any]
    last: Mapping[str, Any] | None = field(default=None, init=False)
    """What a decorator of arguments gave last."""
    late: bool = field(init=False)
    """Whether any of its arguments is read at decision time."""
    _made: MadeDecorator[D] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.late = any(callable(value) for value in self.arguments.values())

    def make(self, secrets: Secrets, stale: dict[str, str]) -> MadeDecorator[D]:
        """The decorator for one decision; *stale* is told of a bad value in whose place the last good one is used.

        Raises:
            ArgumentError: a bad value, and there was no good one yet.
        """
        if self._made is not None and not self.late:
            return self._made
        try:
            values = {name: secrets.read(value, name=f"{self.name}: {name}") for name, value in self.arguments.items()}
            if self._made is None or values != self._made.values:
                made = build(self.factory, values, owner=self.name)
                self._made = MadeDecorator(self.name, made, self.arguments, values, wanted_context(made))
        except Exception as error:  # noqa: BLE001 - a stranger's factory may raise anything
            failure = (
                str(error)
                if isinstance(error, ArgumentError)
                else f"{self.name} can't be made: {describe_error(error)}"
            )
            if self._made is None:
                raise ArgumentError(failure) from None
            stale[self.name] = failure
        return self._made


def slots(
    registry: Registry, kind: str, decorators: Sequence[Decorator] | None
) -> list[DecoratorSlot[Callable[..., Any]]]:
    """The *decorators* of one *kind*, by name; those whose arguments are all plain are made at once.

    Raises:
        UnknownNameError: no plugin has a decorator of that name.
        ArgumentError: it doesn't take an argument.
    """
    found = []
    for decorator in decorators or ():
        _, factory = registry.find(kind, decorator.name)
        slot = DecoratorSlot(decorator.name, factory, decorator.arguments or {})
        if not slot.late:
            slot.make(Secrets(), {})
        found.append(slot)
    return found


@frozen
class Decorated:
    """What the decorators made of a snapshot."""

    factors: Factors | None
    """``None`` when it is not known."""
    steps: Sequence[tuple[str, Factors]] = ()
    """Each decorator that gave a snapshot, by name, with that snapshot."""
    why: str = ""
    """Why it isn't known."""
    error: str | None = None
    """What a decorator did wrong, when one did."""


def decorate(factors: Factors, decorators: Sequence[tuple[str, FactorsDecorator]]) -> Decorated:
    """*factors* after the *decorators*; one that fails, or gives no snapshot, leaves nothing known."""
    steps: list[tuple[str, Factors]] = []
    for name, decorator in decorators:
        contents = Contents.of(factors)
        try:
            decorated = decorator(factors)
            error = ""
        except Exception as failure:  # noqa: BLE001 - whatever a stranger's decorator raises
            decorated, error = None, f"{name} failed: {describe_error(failure)}"
        if changed := contents.restore():
            error = error or f"{name} changed its snapshot ({', '.join(changed)}), which it may not do"
        elif decorated is not None and not isinstance(decorated, Factors):
            error = f"{name} gave a {type(decorated).__name__}, not a snapshot"
        if error:
            return Decorated(None, steps, error, error)
        if decorated is None:
            return Decorated(None, steps, f"{name} says that it is not known")
        factors = decorated
        steps.append((name, factors))
    return Decorated(factors, steps)


def wanted_context(decorator: Callable[..., Any]) -> Collection[str]:
    """Which of ``observed_at`` and ``accepted`` a *decorator* of arguments takes, as its signature says.

    >>> wanted_context(lambda arguments, *, observed_at: arguments)
    ('observed_at',)
    >>> wanted_context(dict.fromkeys)
    ()
    """
    try:
        parameters = inspect.signature(decorator).parameters.values()
    except (TypeError, ValueError):  # written in C, say: it gets nothing that it might not take
        return ()
    context = ("observed_at", "accepted")
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return context
    by_name = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return tuple(name for name in context if name in by_name)
