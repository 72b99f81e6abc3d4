"""A recorded decision, made again: with the policy that made it, or with another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from everai_autoscaler.decision.judge import judge
from everai_autoscaler.decision.nested import Inside, Nested, fitted_at, names_in, nest
from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Outcome, Reason, Record, RecordedDecorator, schema_of
from everai_autoscaler.model.binding import build, reconcile
from everai_autoscaler.model.form import HIDDEN, Leaf, ScalerForm, is_hidden
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.plugin import Registry, default_registry

__all__ = ["Replay", "replay"]


@frozen
class Replay:
    """One recorded decision, made again."""

    record: Record
    outcome: Outcome
    """What was decided this time."""
    scaler: str
    """Who decided this time."""

    @property
    def same(self) -> bool:
        """Whether it came to the same: to the word by the same scaler, in what would be done by another."""
        recorded = self.record.result
        if self.outcome.differs_from(recorded):
            return False
        if self.scaler != self.record.scaler:
            return True
        # An older record doesn't say which bound was in the way.
        alike = recorded.capped in (None, self.outcome.capped)
        return alike and _say_the_same(recorded.reasons, self.outcome.reasons)

    @property
    def alike(self) -> bool:
        """Whether the same would have been done: of another maximum and other words nothing is said."""
        recorded = self.record.result
        return (self.outcome.actions, self.outcome.held) == (recorded.actions, recorded.held)


def replay(
    record: Record,
    *,
    scaler: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> Replay:
    """Make the decision of *record* again, on its snapshot, at its moment, with its memory.

    This is an open loop: the snapshot is the recorded one, whatever another decision would have made of the fleet.

    Args:
        scaler: another scaler; its own *arguments* go with it, and the memory stays behind.
        arguments: for another scaler, its arguments; for the recorded one, those that are to be different.
        secrets: the values that the record doesn't hold; of a decorator's as ``decorator.argument``, of a scaler inside
            as ``scaler.argument`` or ``scalers[0].argument``.

    Raises:
        ContractError: the record lacks a secret that isn't given.
        UnknownNameError: a scaler or a decorator that no plugin has.
        ArgumentError: an argument that isn't taken, or doesn't fit.
    """
    registry = registry or default_registry()
    given = dict(secrets or {})
    hidden = Secrets()
    for value in given.values():
        hidden.add(value)
    name = scaler or record.scaler
    _, factory = registry.find("autoscalers", name)
    values: dict[str, Any] = dict(arguments or {})
    if scaler is None or scaler == record.scaler:
        values = _values(record.arguments, given, "") | values
    schema = schema_of(factory)
    schema.check_names(values, owner=name)
    nesting = {argument for argument, one in schema.arguments.items() if one.nesting is not None}
    form = ScalerForm(name, {one: value for one, value in values.items() if one in nesting})
    revealed = [leaf for leaf in form.leaves() if is_hidden(leaf.value)]
    values |= _revealed(form, revealed, given).arguments
    inside: dict[str, Inside] = {}
    for argument, nested in nest(values, schema, registry, owner=name).items():
        if isinstance(nested, Nested):
            values[argument], inside[argument] = nested.read(hidden, [])
    for way in [leaf.way for leaf in revealed if isinstance(leaf.way[-1], str)]:
        hidden.add(fitted_at(inside, way))
    values, _warning = reconcile(schema.fit_each(values, owner=name))
    policy = build(factory, values, owner=name)
    for argument, recorded in record.arguments.items():
        if recorded.redacted and argument in values:
            hidden.add(values[argument])  # fitted, it may be written in another way
    most = values.get("max_workers")
    if most is None and "max_workers" in schema.arguments:
        most = schema.arguments["max_workers"].default
    judged = judge(
        policy,
        record.moment(),
        name=name,
        max_workers=most if isinstance(most, int) and most >= 0 else None,
        memory=record.memory if name == record.scaler else None,
        decorators=[
            (one.name, build(registry.factors_decorator(one.name), _of_decorator(one, given), owner=one.name))
            for one in record.decorators.factors
        ],
        inside=dict(names_in(inside.values())),
    )
    return Replay(record, Outcome.of(hidden.scrub_result(judged.result)), name)


def _of_decorator(decorator: RecordedDecorator, secrets: Mapping[str, Any]) -> dict[str, Any]:
    return _values(decorator.arguments, secrets, f"{decorator.name}.")


def _values(arguments: Mapping[str, Any], secrets: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name: _given(secrets, prefix + name, argument.source) if argument.redacted else argument.value
        for name, argument in arguments.items()
    }


def _revealed(form: ScalerForm, hidden: Sequence[Leaf], given: Mapping[str, Any]) -> ScalerForm:
    for leaf in hidden:
        form = form.replace(leaf.way, _given(given, leaf.place, leaf.value[HIDDEN]))
    return form


def _given(secrets: Mapping[str, Any], place: str, source: str) -> Any:
    if place not in secrets:
        raise ContractError(
            f"record: {place} ({source}) is a secret, or has no JSON form, so that the record"
            " doesn't hold it: give its value"
        )
    return secrets[place]


def _say_the_same(recorded: Sequence[Reason], reasons: Sequence[Reason]) -> bool:
    """Whether *reasons* are the *recorded* ones, in which any text may stand where a secret stood."""
    patterns = [".*".join(map(re.escape, str(reason).split(REDACTED))) for reason in recorded]
    return len(patterns) == len(reasons) and all(
        re.fullmatch(pattern, str(reason), re.DOTALL) for pattern, reason in zip(patterns, reasons, strict=True)
    )
