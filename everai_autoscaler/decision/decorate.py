"""Decorators by name, with late arguments, and their way round a snapshot."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar

from attrs import define, field

from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Decorator, Factors, FactorsDecorator, RecordedArgument, RecordedDecorator
from everai_autoscaler.model.argument import build, is_secret, read, source_of
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.plugin import Registry

__all__ = ["DecoratorSlot", "accepted_context", "decorate", "slots"]

D = TypeVar("D", bound=Callable[..., Any])


@define
class DecoratorSlot(Generic[D]):
    """One decorator of a scaler: remade when its late arguments change, kept while they don't."""

    name: str
    factory: Callable[..., D]
    arguments: Mapping[str, Any]
    last: Mapping[str, Any] | None = field(default=None, init=False)
    """What a decorator of arguments gave last."""
    _values: dict[str, Any] | None = field(default=None, init=False)
    _made: D | None = field(default=None, init=False)

    def make(self, secrets: Secrets, kept: dict[str, str]) -> D:
        """The decorator for one decision; *kept* learns of a bad value in whose place the last good one stays.

        Raises:
            ArgumentError: a bad value, and there was no good one yet.
        """
        try:
            values = {}
            for name, value in self.arguments.items():
                values[name] = read(value, name=f"{self.name}: {name}")
                if is_secret(value):
                    secrets.add(values[name])
            if self._made is None or values != self._values:
                self._made = build(self.factory, values, owner=self.name)
                self._values = values
        except ArgumentError as error:
            if self._made is None:
                raise ArgumentError(secrets.scrub(str(error))) from None
            kept[self.name] = secrets.scrub(str(error))
            for name, value in (self._values or {}).items():
                if is_secret(self.arguments[name]):
                    secrets.add(value)
        return self._made

    @property
    def late(self) -> bool:
        """Whether any of its arguments is read at decision time."""
        return any(callable(value) for value in self.arguments.values())

    def recorded(self, kept: Mapping[str, str]) -> RecordedDecorator:
        """The decorator as it was last made."""
        arguments = {}
        for name, value in (self._values or {}).items():
            secret = is_secret(self.arguments[name])
            arguments[name] = RecordedArgument(
                value=REDACTED if secret else value,
                source=source_of(self.arguments[name]),
                redacted=secret,
                kept=kept.get(self.name),
            )
        return RecordedDecorator(name=self.name, arguments=arguments)


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


def decorate(factors: Factors, decorators: Sequence[tuple[str, FactorsDecorator]]) -> tuple[Factors | None, str]:
    """*factors* after the *decorators*, and a word when one of them made it "not known"."""
    for name, decorator in decorators:
        try:
            decorated = decorator(factors)
        except Exception as error:  # noqa: BLE001 - a decorator that fails leaves nothing known
            return None, f"{name} failed: {type(error).__name__}: {error}"
        if decorated is None:
            return None, f"{name} says that it is not known"
        if not isinstance(decorated, Factors):
            return None, f"{name} gave a {type(decorated).__name__}, not a snapshot"
        factors = decorated
    return factors, ""


def accepted_context(decorator: Callable[..., Any], observed_at: float, accepted: Collection[str]) -> dict[str, Any]:
    """What *decorator*, of arguments, wants to know beside them: as its signature says, all or less."""
    context = {"observed_at": observed_at, "accepted": accepted}
    parameters = inspect.signature(decorator).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return context
    return {name: value for name, value in context.items() if name in parameters}
