"""The pipeline of one app: binds its arguments, judges its snapshots, and holds its memory between decisions."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from pydantic import JsonValue

from everai_autoscaler._version import __version__
from everai_autoscaler.decision.bind import Binder
from everai_autoscaler.decision.decided import Decided
from everai_autoscaler.decision.decorate import slots
from everai_autoscaler.decision.judge import judge
from everai_autoscaler.decision.nested import maker, nest, registered_name
from everai_autoscaler.errors import ArgumentError, DuplicateNameError, UnknownNameError
from everai_autoscaler.log import LOGGER, emit
from everai_autoscaler.model import (
    AutoScaler,
    BuiltinAutoScaler,
    DecideResult,
    Decision,
    Decorators,
    Factors,
    Placeholder,
    Schema,
    schema_of,
)
from everai_autoscaler.model.binding import rebuilt
from everai_autoscaler.model.late import reader
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.plugin import Registry, default_registry

__all__ = ["Decider"]


class Decider(AutoScaler):
    """Decides for one app, with any scaler: by its name and arguments, or an object of yours.

    It remembers what it last read, said and was told to remember, so that one Decider belongs to one loop: threads
    that decide side by side have one each.

    Args:
        scaler: the name of a scaler that a plugin offers, or a scaler.
        arguments: for a name, its arguments: numbers, text, or callables that are read at each decision. A scaler
            among them is an object, or a mapping with its ``name`` and ``arguments``.
        decorators: what goes round it; those that the scaler has itself where they aren't given.
        app: which app it decides for, in logs and records.
        registry: which plugins give the names; what is installed where it isn't given.
        providers: for each placeholder kind, who reads it here, in place of the registry's readers.
        memory: what an earlier Decider of this app remembered.
        timer: tells how long a decision took, in seconds.

    Raises:
        UnknownNameError: no plugin has a scaler or a decorator of that name.
        ArgumentError: an argument that isn't taken, or a plain value that doesn't fit.

    >>> decider = Decider("simple", {"max_workers": "5", "max_queue_size": 2})
    >>> result = decider.decide(Factors(queue={"QueueDueBusy": 3}))
    >>> result.up, str(result.reasons[0])
    (1, 'simple: 0 workers, below the minimum of 1: starts 1 worker')
    """

    def __init__(
        self,
        scaler: str | AutoScaler,
        arguments: Mapping[str, Any] | None = None,
        *,
        decorators: Decorators | None = None,
        app: str = "app",
        registry: Registry | None = None,
        providers: Mapping[str, Callable[[str, str], str]] | None = None,
        memory: JsonValue = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        registry = registry or default_registry()
        self.app = app
        self.memory = memory
        """What the policy remembers; a small JSON value."""
        self._providers = dict(providers or {})
        self._registry = registry
        self._timer = timer
        self._said: dict[str, str] = {}
        self._versions = {"python": platform.python_version(), "everai-autoscaler": __version__}
        make: Callable[[Mapping[str, Any]], AutoScaler]
        if isinstance(scaler, str):
            plugin, factory = registry.find("autoscalers", scaler)
            self.name, schema, given = scaler, schema_of(factory), dict(arguments or {})
            make = maker(factory)
            self._versions |= {plugin.distribution: plugin.version} if plugin.distribution else {}
            decorators = decorators or getattr(factory, "decorators", None)
        else:
            if isinstance(scaler, type) or not callable(getattr(scaler, "decide", None)):
                raise ArgumentError(f"{scaler!r} is neither a scaler nor the name of one")
            if arguments:
                raise ArgumentError(f"{scaler!r} has its arguments already; more can't be given beside it")
            self.name, schema, given = _name_of(scaler, registry), Schema({}), {}
            if attrs.has(type(scaler)):
                # A constructor of its own may take what the scaler doesn't hold; that can't be late any more.
                taken = schema_of(type(scaler)).arguments.items()
                schema = Schema({name: one for name, one in taken if hasattr(scaler, one.attribute or name)})
                given = {name: one.of(scaler) for name, one in schema.arguments.items()}
            make = _remaker(scaler)
            decorators = decorators or getattr(scaler, "decorators", None)
        decorators = decorators if isinstance(decorators, Decorators) else Decorators()
        self._binder = Binder(
            self.name,
            schema,
            nest(given, schema, registry, owner=self.name),
            make,
            slots(registry, "arguments_decorators", decorators.arguments),
            slots(registry, "factors_decorators", decorators.factors),
        )

    def decide(self, factors: Factors | None) -> DecideResult:
        """What to do about *factors*, and why.

        Raises:
            ArgumentError: a late argument that is bad, and never was good before.
        """
        return self.decision(factors).result

    def decision(self, factors: Factors | None) -> Decision:
        """The decision about *factors*, with all that went into it.

        Whatever the policy does wrong is contained: the result is then a hold that says so.

        Raises:
            ArgumentError: a late argument that is bad, and never was good before.
        """
        began = self._timer()
        # Where there is no snapshot, the moment is the one that a snapshot without a moment would get.
        observed_at = Factors().observed_at if factors is None else factors.observed_at
        remembered = self.memory
        # Also while the policy decides: it may be made of scalers whose arguments are late.
        token = reader.set(self._read)
        try:
            bound = self._binder.bind(observed_at)
            judged = judge(
                bound.policy,
                factors,
                name=self.name,
                max_workers=bound.max_workers,
                memory=remembered,
                decorators=[(one.name, one.decorator) for one in bound.factors_decorators],
                inside=bound.names,
            )
        finally:
            reader.reset(token)
        self.memory = judged.memory
        secrets = bound.secrets
        result = secrets.scrub_result(judged.result)
        decided = Decided(
            factors=factors,
            result=result,
            guarded=result,
            proposed=None if judged.proposed is None else secrets.scrub_result(judged.proposed),
            decorated=judged.decorated,
            steps=judged.steps,
            memory_before=remembered,
            memory_after=judged.memory,
            error=None if judged.error is None else secrets.scrub(judged.error),
            app=self.app,
            scaler=self.name,
            observed_at=observed_at,
            bound=bound,
            versions=self._versions,
            took=self._timer() - began,
        )
        self._warn(decided)
        if LOGGER.isEnabledFor(logging.INFO):
            _say(decided)
        return decided

    def _read(self, placeholder: Placeholder) -> str:
        provider = self._providers.get(placeholder.kind)
        if provider is not None:
            return provider(placeholder.name, placeholder.key)
        return self._registry.read_placeholder(placeholder)

    def _warn(self, decided: Decided) -> None:
        bound, error = decided.bound, decided.error
        if not self._said and error is None and not bound.last_good and not bound.warning:
            return
        topics = {f"kept {name}": (logging.WARNING, "argument_kept", why) for name, why in bound.last_good.items()}
        if bound.warning:
            topics["contradiction"] = (logging.WARNING, "arguments_contradict", bound.warning)
        if error is not None:
            event = "decorator_failed" if decided.decorated is None else "policy_failed"
            topics["error"] = (logging.ERROR, event, error)
        # Once per change, not once per tick: what is still so was said already.
        for topic, (level, event, why) in topics.items():
            if self._said.get(topic) != why:
                emit(level, event, app=self.app, scaler=self.name, why=why)
        self._said = {topic: why for topic, (_, _, why) in topics.items()}


def _say(decided: Decided) -> None:
    factors, result = decided.factors, decided.result
    emit(
        logging.INFO,
        "decided",
        app=decided.app,
        scaler=decided.scaler,
        up=result.up,
        down=list(result.down),
        held=result.held,
        max_workers=REDACTED if decided.bound.secrets.hold(result.max_workers) else result.max_workers,
        workers=None if factors is None or factors.workers is None else len(factors.workers),
        waiting=None if factors is None else factors.waiting(),
        why="; ".join(str(reason) for reason in result.reasons),
        took=decided.took,
    )


def _name_of(scaler: AutoScaler, registry: Registry) -> str:
    """The name by which *scaler* is known: its own, unless the registry means another class by that."""
    if name := registered_name(scaler, registry):
        return name
    if not isinstance(scaler, BuiltinAutoScaler):
        return type(scaler).__name__
    name = scaler.autoscaler_name()
    try:
        is_another = registry.autoscaler(name) is not type(scaler)
    except UnknownNameError:
        is_another = False
    except DuplicateNameError:
        is_another = True
    return type(scaler).__name__ if is_another else name


def _remaker(scaler: AutoScaler) -> Callable[[Mapping[str, Any]], AutoScaler]:
    return lambda values: rebuilt(scaler, values) if values else scaler
