"""The pipeline of one app: bind its arguments, judge its snapshots, keep its memory, say what was decided."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import attrs
from pydantic import JsonValue

from everai_autoscaler._version import __version__
from everai_autoscaler.decision.bind import Binder, Bound
from everai_autoscaler.decision.decorate import slots
from everai_autoscaler.decision.judge import Judgement, judge
from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.log import LOGGER, emit
from everai_autoscaler.model import (
    ArgumentType,
    AutoScaler,
    BuiltinAutoScaler,
    DecideResult,
    Decorators,
    Factors,
    Outcome,
    Placeholder,
    Record,
    RecordedDecorators,
    Schema,
    schema_of,
)
from everai_autoscaler.model.argument import reader, rebuilt
from everai_autoscaler.model.record import at_moment
from everai_autoscaler.plugin import Registry, default_registry

__all__ = ["Decider"]


class Decider(AutoScaler):
    """Decides for one app, with any scaler: by its name and arguments, or an object of yours.

    Args:
        scaler: the name of a scaler that a plugin offers, or a scaler.
        arguments: for a name, its arguments: numbers, text, or callables that are read at each decision.
        decorators: what goes round it; those that the scaler has itself where they aren't given.
        app: which app it decides for, in logs and records.
        registry: who knows the names; what is installed where it isn't given.
        providers: for each placeholder kind, who reads it here, in place of the registry's readers.
        memory: what an earlier Decider of this app remembered.
        record: is given the record of each decision.
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
        arguments: Mapping[str, ArgumentType] | None = None,
        *,
        decorators: Decorators | None = None,
        app: str = "app",
        registry: Registry | None = None,
        providers: Mapping[str, Callable[[str, str], str]] | None = None,
        memory: JsonValue = None,
        record: Callable[[Record], None] | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        registry = registry or default_registry()
        self.app = app
        self.memory = memory
        """What the policy remembers; a small JSON value."""
        self._providers = dict(providers or {})
        self._registry = registry
        self._record = record
        self._timer = timer
        self._said: dict[str, str] = {}
        self._policy: AutoScaler | None = None
        self._values: Mapping[str, Any] | None = None
        self._versions = {"python": platform.python_version(), "everai-autoscaler": __version__}
        if isinstance(scaler, str):
            plugin, factory = registry.find("autoscalers", scaler)
            self.name, schema, given = scaler, schema_of(factory), dict(arguments or {})
            self._make = _maker(factory)
            self._versions |= {plugin.distribution: plugin.version} if plugin.distribution else {}
            decorators = decorators or getattr(factory, "decorators", None)
        else:
            if arguments:
                raise ArgumentError(f"{scaler!r} has its arguments already; more can't be given beside it")
            self.name, schema, given = _name_of(scaler), Schema({}), {}
            if attrs.has(type(scaler)):
                schema = schema_of(type(scaler))
                given = {name: one.of(scaler) for name, one in schema.arguments.items()}
            self._make = _remaker(scaler)
            decorators = decorators or getattr(scaler, "decorators", None)
        decorators = decorators if isinstance(decorators, Decorators) else Decorators()
        self._factors_slots = slots(registry, "factors_decorators", decorators.factors)
        self._binder = Binder(self.name, schema, given, slots(registry, "arguments_decorators", decorators.arguments))

    def decide(self, factors: Factors | None) -> DecideResult:
        """What to do about *factors*, and why.

        Whatever the policy does wrong is contained: the answer is then a hold that says so.

        Raises:
            ArgumentError: a late argument that is bad, and never was good before.
        """
        began = self._timer()
        if factors is None:
            factors_at = 0.0
        else:
            factors_at = factors.observed_at
        with self._reading():
            bound = self._binder.bind(factors_at)
            kept = dict(bound.kept)
            decorators = [(slot.name, slot.make(bound.secrets, kept)) for slot in self._factors_slots]
        remembered = self.memory
        judged = judge(
            self._bound_policy(bound),
            factors,
            name=self.name,
            max_workers=bound.max_workers,
            memory=remembered,
            decorators=decorators,
        )
        self.memory = judged.memory
        result = bound.secrets.scrub_result(judged.result)
        took = self._timer() - began
        self._say(factors, judged, bound, kept, result, took)
        if self._record is not None:
            self._write(self._recorded(factors, judged, bound, kept, result, remembered, took))
        return result

    def _bound_policy(self, bound: Bound) -> AutoScaler:
        if self._policy is None or self._values != bound.values:
            self._policy = self._make(bound.values)
            self._values = bound.values
        return self._policy

    @contextmanager
    def _reading(self) -> Iterator[None]:
        def read(placeholder: Placeholder) -> str:
            provider = self._providers.get(placeholder.kind)
            if provider is not None:
                return provider(placeholder.name, placeholder.key)
            return self._registry.read_placeholder(placeholder)

        token = reader.set(read)
        try:
            yield
        finally:
            reader.reset(token)

    def _say(
        self,
        factors: Factors | None,
        judged: Judgement,
        bound: Bound,
        kept: Mapping[str, str],
        result: DecideResult,
        took: float,
    ) -> None:
        topics = {f"kept {name}": why for name, why in kept.items()}
        if bound.warning:
            topics["contradiction"] = bound.secrets.scrub(bound.warning)
        if judged.error is not None:
            topics["error"] = bound.secrets.scrub(judged.error)
        # Once per change, not once per tick: what is still so was said already.
        for topic, why in topics.items():
            if self._said.get(topic) != why:
                level = logging.ERROR if topic == "error" else logging.WARNING
                event = {"error": "policy_failed", "contradiction": "arguments_contradict"}.get(topic, "argument_kept")
                emit(level, event, app=self.app, scaler=self.name, why=why)
        self._said = topics
        if LOGGER.isEnabledFor(logging.INFO):
            emit(
                logging.INFO,
                "decided",
                app=self.app,
                scaler=self.name,
                up=result.up,
                down=list(result.down),
                held=result.held,
                max_workers=result.max_workers,
                workers=None if factors is None or factors.workers is None else len(factors.workers),
                waiting=None if factors is None else factors.waiting(),
                why="; ".join(str(reason) for reason in result.reasons),
                took=took,
            )

    def _recorded(
        self,
        factors: Factors | None,
        judged: Judgement,
        bound: Bound,
        kept: Mapping[str, str],
        result: DecideResult,
        memory: JsonValue,
        took: float,
    ) -> Record:
        proposed = judged.proposed and Outcome.of(bound.secrets.scrub_result(judged.proposed))
        return Record(
            app=self.app,
            scaler=self.name,
            observed_at=0.0 if factors is None else factors.observed_at,
            snapshot=factors,
            decorators=RecordedDecorators(
                arguments=[slot.recorded(kept) for slot in self._binder.decorators],
                factors=[slot.recorded(kept) for slot in self._factors_slots],
            ),
            decorated=judged.decorated,
            arguments=bound.recorded(),
            memory=memory,
            proposed=proposed,
            result=Outcome.of(result),
            error=None if judged.error is None else bound.secrets.scrub(judged.error),
            versions=self._versions,
            took=took,
        )

    def _write(self, record: Record) -> None:
        try:
            self._record(record)  # type: ignore[misc]  # asked for only where there is one
        except Exception as error:  # noqa: BLE001 - a full disk must not stop the scaling
            emit(logging.ERROR, "record_failed", app=self.app, error=f"{type(error).__name__}: {error}")


def _name_of(scaler: AutoScaler) -> str:
    if isinstance(scaler, BuiltinAutoScaler):
        return scaler.autoscaler_name()
    return type(scaler).__name__


def _maker(factory: Callable[..., AutoScaler]) -> Callable[[Mapping[str, Any]], AutoScaler]:
    return lambda values: factory(**values)


def _remaker(scaler: AutoScaler) -> Callable[[Mapping[str, Any]], AutoScaler]:
    return lambda values: rebuilt(scaler, values) if values else scaler
