"""Arguments: late ones read, all decorated and fitted, the last good ones kept in the place of bad ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen
from pydantic import ValidationError

from everai_autoscaler.decision.decorate import DecoratorSlot, MadeDecorator
from everai_autoscaler.decision.nested import Inside, Nested, form_of, names_in
from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ArgumentError, describe_error
from everai_autoscaler.model import Argument, ArgumentType, AutoScaler, RecordedArgument, RecordedDecorators, Schema
from everai_autoscaler.model.binding import reconcile
from everai_autoscaler.model.form import is_hidden
from everai_autoscaler.model.late import Sourced, source_of
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.model.schema import is_late

__all__ = ["Binder", "Bound"]


@frozen
class Bound:
    """A scaler and its decorators as one decision has them: nothing is late any more."""

    policy: AutoScaler
    values: dict[str, Any]
    """The arguments, typed, defaults among them."""
    inside: Mapping[str, tuple[Any, Inside]]
    """For each argument that is a scaler, or several, its value and what that was made of."""
    names: Mapping[int, str]
    """The names by which the scalers inside speak, by the identity of each."""
    sources: dict[str, str]
    arguments_decorators: Sequence[MadeDecorator[Callable[..., Any]]]
    factors_decorators: Sequence[MadeDecorator[Callable[..., Any]]]
    """What turns the snapshot into the one that the policy sees."""
    secrets: Secrets
    last_good: Mapping[str, str]
    """For each argument or decorator whose last good value is used, and each ``decorator()`` that failed, why."""
    stale_inputs: Mapping[str, str]
    """For each argument set by an arguments decorator: which of the decorator's inputs fell back to a last good value,
    and why."""
    warning: str
    """How the values contradicted each other; empty when they didn't."""

    @property
    def max_workers(self) -> int | None:
        """The bound ``max_workers``, if the scaler has one."""
        most = self.values.get("max_workers")
        return most if isinstance(most, int) and most >= 0 else None

    def recorded(self) -> dict[str, RecordedArgument]:
        """The arguments as a record holds them: without secrets, and without what has no JSON form."""
        return {name: self._recorded(name, value) for name, value in self.values.items()}

    def recorded_decorators(self) -> RecordedDecorators:
        """The decorators as a record holds them."""
        return RecordedDecorators(
            arguments=[one.recorded(self.last_good) for one in self.arguments_decorators],
            factors=[one.recorded(self.last_good) for one in self.factors_decorators],
        )

    def _recorded(self, name: str, value: Any) -> RecordedArgument:
        about: Any = {"source": self.sources[name], "kept": self.last_good.get(name) or self.stale_inputs.get(name)}
        scaler, inside = self.inside.get(name, (None, ()))
        if inside and value is scaler:
            form = form_of(inside, self.secrets)
            hidden = is_hidden(form)
            return RecordedArgument(value=REDACTED if hidden else form, redacted=hidden, **about)
        if not self.secrets.hold(value):
            try:
                return RecordedArgument(value=value, **about)
            except ValidationError:
                pass
        return RecordedArgument(value=REDACTED, redacted=True, **about)


@define
class Binder:
    """Binds one scaler and its decorators, decision after decision.

    A late value that can't be read, or doesn't fit, after a good one keeps the last good one; a bad first one is an
    error. The policy is kept while its arguments stay equal.
    """

    owner: str
    schema: Schema
    arguments: Mapping[str, ArgumentType | Nested]
    make: Callable[[Mapping[str, Any]], AutoScaler]
    """Makes the policy of its bound arguments."""
    arguments_decorators: Sequence[DecoratorSlot[Callable[..., Any]]] = ()
    factors_decorators: Sequence[DecoratorSlot[Callable[..., Any]]] = ()
    _late: frozenset[str] = field(init=False)
    _settled: bool = field(default=False, init=False)
    """Nothing is late, so that every decision has the same."""
    _last: Bound | None = field(default=None, init=False)
    _read: dict[str, Any] = field(factory=dict, init=False)
    _said: dict[str, str] = field(factory=dict, init=False)
    """Where the last read value of an argument comes from, as far as the value says so itself."""
    _inside: dict[str, tuple[Any, Inside]] = field(factory=dict, init=False)
    _fitted: dict[str, Any] = field(factory=dict, init=False)
    _fitted_from: dict[str, str] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        taken = self.schema.arguments
        defaults = {name: one.default for name, one in taken.items() if callable(one.default) and not one.required}
        self.arguments = {**defaults, **self.arguments}
        self._late = frozenset(n for n, v in self.arguments.items() if _is_late(taken.get(n), v))
        # What can be known to be wrong before the first decision is said before the first decision.
        if not self.arguments_decorators:
            self.schema.check_names(self.arguments, owner=self.owner)
        for name, value in self.arguments.items():
            if name in taken and name not in self._late and not isinstance(value, Nested):
                taken[name].fit(value, owner=self.owner)
        if not self._late and not self.arguments_decorators and not any(slot.late for slot in self.factors_decorators):
            self.bind(0.0)
            self._settled = True

    def bind(self, observed_at: float) -> Bound:
        """The scaler and its decorators at *observed_at*.

        Raises:
            ArgumentError: a bad value, and there was no good one yet; or a name that the scaler doesn't take.
        """
        if self._settled and self._last is not None:
            return self._last
        secrets = Secrets()
        try:
            self._last = self._bind(observed_at, secrets)
        except ArgumentError as error:
            failure = secrets.scrub(str(error))
        else:
            return self._last
        raise ArgumentError(failure)  # outside of the handler, so that it carries no cause that shows more

    def _bind(self, observed_at: float, secrets: Secrets) -> Bound:
        stale: dict[str, str] = {}
        warnings: list[str] = []
        given = {name: self._read_one(name, value, secrets, stale, warnings) for name, value in self.arguments.items()}
        inside: Mapping[str, tuple[Any, Inside]] = dict(self._inside)
        sources = {name: self._source(name, value) for name, value in self.arguments.items()}
        changing = [slot.make(secrets, stale) for slot in self.arguments_decorators]
        given = self._decorate(given, changing, sources, observed_at, secrets, stale)
        chosen = {name for name in given if any(sources[name] == slot.name for slot in self.arguments_decorators)}
        stale_inputs = "; ".join(why for name, why in stale.items() if name not in given)
        fitted = {name: self._fit_one(name, value, sources, secrets, stale) for name, value in given.items()}
        self._fitted |= fitted
        values, warning = reconcile(self._defaults() | fitted)
        seeing = [slot.make(secrets, stale) for slot in self.factors_decorators]
        policy, values, sources = self._policy(values, sources, stale)
        if self._last is not None and values is self._last.values:
            inside = self._last.inside
        if stale and self._last is not None:
            secrets.values |= self._last.secrets.values  # a last good value may be a secret of then
        return Bound(
            policy=policy,
            values=values,
            inside=inside,
            names=dict(names_in(made for _, made in inside.values())),
            sources={name: sources.get(name, "default") for name in values},
            arguments_decorators=changing,
            factors_decorators=seeing,
            secrets=secrets,
            last_good={name: secrets.scrub(why) for name, why in stale.items()},
            stale_inputs=dict.fromkeys(chosen, secrets.scrub(stale_inputs)) if stale_inputs else {},
            warning=secrets.scrub("; ".join(filter(None, [warning, *warnings]))),
        )

    def _source(self, name: str, value: Any) -> str:
        if isinstance(value, Nested):
            return value.source
        return self._said.get(name) or (source_of(value) if name in self._late else "literal")

    def _read_one(self, name: str, value: Any, secrets: Secrets, stale: dict[str, str], warnings: list[str]) -> Any:
        if name not in self._late and not isinstance(value, Nested):
            return value
        try:
            if isinstance(value, Nested):
                self._inside[name] = value.read(secrets, warnings)
                self._read[name] = self._inside[name][0]
            else:
                self._keep(name, secrets.read(value, name=f"{self.owner}: {name}"))
        except ArgumentError as error:
            if name not in self._read:
                raise
            stale[name] = str(error)
        return self._read[name]

    def _keep(self, name: str, given: Any) -> None:
        """Keep what was read, and what it says of where it comes from."""
        if isinstance(given, Sourced):
            self._read[name], self._said[name] = str(given), given.source
        else:
            self._read[name] = given
            self._said.pop(name, None)

    def _decorate(
        self,
        given: dict[str, Any],
        changing: Sequence[MadeDecorator[Callable[..., Any]]],
        sources: dict[str, str],
        observed_at: float,
        secrets: Secrets,
        stale: dict[str, str],
    ) -> dict[str, Any]:
        for slot, made in zip(self.arguments_decorators, changing, strict=True):
            try:
                slot.last = self._decorated(made, given, observed_at, secrets, last=made is changing[-1])
            except Exception as error:  # noqa: BLE001 - a stranger's decorator may raise anything
                failure = str(error) if isinstance(error, ArgumentError) else describe_error(error)
                failure = f"{self.owner}: {slot.name} failed: {failure}"
                if slot.last is None:
                    raise ArgumentError(failure) from None
                stale[f"{slot.name}()"] = failure
            for name, value in slot.last.items():
                if name not in given or value is not given[name]:
                    sources[name] = slot.name
            given = dict(slot.last)
        return given

    def _decorated(
        self,
        made: MadeDecorator[Callable[..., Any]],
        given: dict[str, Any],
        observed_at: float,
        secrets: Secrets,
        *,
        last: bool,
    ) -> dict[str, Any]:
        context = {"observed_at": observed_at, "accepted": self.schema.arguments}
        decorated = made.decorator(dict(given), **{name: context[name] for name in made.wanted})
        if not isinstance(decorated, Mapping):
            raise ArgumentError(f"gave a {type(decorated).__name__}, not arguments")
        if last:
            self.schema.check_names(decorated)
        # What was given was read already, also where it is an object that can be called.
        return {
            name: value if value is given.get(name, made) else secrets.read(value, name=name)
            for name, value in decorated.items()
        }

    def _fit_one(self, name: str, value: Any, sources: dict[str, str], secrets: Secrets, stale: dict[str, str]) -> Any:
        argument = self.schema.arguments.get(name)
        if argument is None:  # the schema is open, and takes it as it is
            return value
        secret = secrets.hold(value)
        try:
            fitted = argument.fit(value, source=sources[name], owner=self.owner, secret=secret)
        except ArgumentError as error:
            if name not in self._fitted:
                raise
            # One that couldn't even be read says that, rather than what had been wrong with the last that could.
            stale.setdefault(name, str(error))
            fitted, sources[name] = self._fitted[name], self._fitted_from[name]
        else:
            self._fitted_from[name] = sources[name]
        if secret:
            secrets.add(fitted)
        return fitted

    def _defaults(self) -> dict[str, Any]:
        """The plain defaults; what else a constructor has as a default stays its own to make."""
        return {
            name: one.default
            for name, one in self.schema.arguments.items()
            if one.default is None or isinstance(one.default, int | float | str)
        }

    def _policy(
        self, values: dict[str, Any], sources: dict[str, str], stale: dict[str, str]
    ) -> tuple[AutoScaler, dict[str, Any], dict[str, str]]:
        """The policy with *values*; the last one with its own where its constructor refuses them together."""
        last = self._last
        if last is not None and values == last.values:
            return last.policy, values, sources
        try:
            return self.make(values), values, sources
        except Exception as error:  # noqa: BLE001 - a stranger's constructor may raise anything
            failure = (
                f"{self.owner} can't be made: {error if isinstance(error, ArgumentError) else describe_error(error)}"
            )
            if last is None:
                raise ArgumentError(failure) from None
            stale.update({name: failure for name in values if values[name] != last.values.get(name)})
            return last.policy, last.values, last.sources


def _is_late(argument: Argument | None, value: object) -> bool:
    return value.late if isinstance(value, Nested) else is_late(argument, value)
