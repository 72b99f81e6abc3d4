"""Arguments: late ones read, all decorated and fitted, the last good ones kept in the place of bad ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from everai_autoscaler.decision.decorate import DecoratorSlot, accepted_context
from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import ArgumentType, RecordedArgument, Schema
from everai_autoscaler.model.argument import is_secret, read, reconcile, source_of
from everai_autoscaler.model.record import REDACTED

__all__ = ["Binder", "Bound"]


@frozen
class Bound:
    """The arguments of one decision."""

    values: Mapping[str, Any]
    """Typed, defaults among them."""
    sources: Mapping[str, str]
    secrets: Secrets
    kept: Mapping[str, str]
    """For each argument or decorator whose last good value had to do, why."""
    warning: str
    """How the values contradicted each other; empty when they didn't."""

    @property
    def max_workers(self) -> int | None:
        """The bound ``max_workers``, if the scaler has one."""
        most = self.values.get("max_workers")
        return most if isinstance(most, int) else None

    def recorded(self) -> dict[str, RecordedArgument]:
        """The arguments as a record holds them."""
        return {
            name: RecordedArgument(
                value=REDACTED if self.secrets.hold(value) else value,
                source=self.sources[name],
                redacted=self.secrets.hold(value),
                kept=self.kept.get(name),
            )
            for name, value in self.values.items()
        }


@define
class Binder:
    """Binds the arguments of one scaler, decision after decision.

    A late value that can't be read, or doesn't fit, after a good one keeps the last good one; a bad first one is an
    error.
    """

    owner: str
    schema: Schema
    arguments: Mapping[str, ArgumentType]
    decorators: Sequence[DecoratorSlot[Callable[..., Any]]] = ()
    _read: dict[str, Any] = field(factory=dict, init=False)
    _fitted: dict[str, Any] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        # What can be known to be wrong before the first decision is said before the first decision.
        plain = {name: value for name, value in self.arguments.items() if not callable(value)}
        if not self.decorators:
            self.schema.check_names(self.arguments, owner=self.owner)
        self.schema.fit_each(plain, owner=self.owner)

    def bind(self, observed_at: float) -> Bound:
        """The arguments at *observed_at*.

        Raises:
            ArgumentError: a bad value, and there was no good one yet; or a name that the scaler doesn't take.
        """
        secrets, kept = Secrets(), dict[str, str]()
        given = {name: self._read_one(name, value, secrets, kept) for name, value in self.arguments.items()}
        sources = {name: source_of(value) for name, value in self.arguments.items()}
        decorated = self._decorate(given, sources, observed_at, secrets, kept)
        self.schema.check_names(decorated, owner=self.owner)
        fitted = {name: self._fit_one(name, value, sources, secrets, kept) for name, value in decorated.items()}
        values = {name: one.default for name, one in self.schema.arguments.items() if not one.required} | fitted
        values, warning = reconcile(values)
        self._fitted = {**self._fitted, **fitted}
        return Bound(values, {name: sources.get(name, "default") for name in values}, secrets, kept, warning)

    def _read_one(self, name: str, value: Any, secrets: Secrets, kept: dict[str, str]) -> Any:
        try:
            given = read(value, name=f"{self.owner}: {name}")
        except ArgumentError as error:
            if name not in self._read:
                raise
            kept[name] = str(error)
            given = self._read[name]
        self._read[name] = given
        if is_secret(value):
            secrets.add(given)
        return given

    def _decorate(
        self, given: dict[str, Any], sources: dict[str, str], observed_at: float, secrets: Secrets, kept: dict[str, str]
    ) -> Mapping[str, Any]:
        for slot in self.decorators:
            decorator = slot.make(secrets, kept)
            try:
                decorated = dict(decorator(given, **accepted_context(decorator, observed_at, self.schema.arguments)))
            except Exception as error:  # noqa: BLE001 - a stranger's decorator may raise anything
                told = str(error) if isinstance(error, ArgumentError) else f"{type(error).__name__}: {error}"
                failure = secrets.scrub(f"{self.owner}: {slot.name} failed: {told}")
                if slot.last is None:
                    raise ArgumentError(failure) from None
                kept[slot.name] = failure
                decorated = dict(slot.last)
            slot.last = decorated
            sources.update({name: slot.name for name in decorated if decorated[name] is not given.get(name)})
            given = {name: read(value, name=f"{self.owner}: {name}") for name, value in decorated.items()}
        return given

    def _fit_one(
        self, name: str, value: Any, sources: Mapping[str, str], secrets: Secrets, kept: dict[str, str]
    ) -> Any:
        argument = self.schema.arguments.get(name)
        if argument is None:  # the schema is open, and takes it as it is
            return value
        secret = secrets.hold(value)
        try:
            fitted = argument.fit(value, source=sources.get(name, ""), owner=self.owner, secret=secret)
        except ArgumentError as error:
            if name not in self._fitted:
                raise
            kept[name] = str(error)
            fitted = self._fitted[name]
        if secret:
            secrets.add(fitted)
        return fitted
