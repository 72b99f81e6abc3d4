"""Asking the scalers inside: what each of them wants of the fleet, and what an answer is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.errors import describe_error
from everai_autoscaler.model import (
    AutoScaler,
    DecideResult,
    Factors,
    Fleet,
    Reason,
    ScaleDownAction,
    ScaleUpAction,
    schema_of,
)
from everai_autoscaler.words import counted

__all__ = ["Opinion", "ask", "bound_of", "contained", "done", "held", "name_of", "scaled"]


@frozen
class Opinion:
    """What one scaler says of a fleet."""

    name: str
    result: DecideResult
    memory: JsonValue
    """What it wants to remember."""
    present: int
    """The workers that there are."""
    up: int
    leaving: Sequence[str]
    """Who is to leave, in its order; each of them is there."""

    @property
    def held(self) -> bool:
        """Whether it has no opinion."""
        return self.result.held

    @property
    def wanted(self) -> int:
        """How many workers it wants there to be."""
        return self.present + self.up - len(self.leaving)

    def __str__(self) -> str:
        return f"{self.name} holds" if self.held else f"{self.name} wants {self.wanted}"


def ask(scaler: AutoScaler, factors: Factors, memory: JsonValue) -> Opinion:
    """What *scaler* says of *factors*, given what it remembered; its own reasons are under its name.

    Raises:
        TypeError: it gives something else than an answer.
    """
    name = name_of(scaler)
    with_memory = getattr(scaler, "decide_with_memory", None)
    given: object = (scaler.decide(factors), memory) if with_memory is None else with_memory(factors, memory)
    if not isinstance(given, tuple) or len(given) != 2:
        raise TypeError(f"{name} gave a {type(given).__name__}, not a DecideResult and what to remember")
    if not isinstance(given[0], DecideResult):
        raise TypeError(f"{name} gave a {type(given[0]).__name__}, not a DecideResult")
    result = given[0].spoken_by(name)
    fleet = Fleet.of(factors)
    if fleet is None or result.held:
        return Opinion(name, result, given[1], 0 if fleet is None else fleet.present, 0, ())
    there = {worker.worker_id for worker in fleet.staying}
    # Who says both means the up, as the guard has it.
    leaving = () if result.up else tuple(dict.fromkeys(one for one in result.down if one in there))
    return Opinion(name, result, given[1], fleet.present, result.up, leaving)


def contained(scaler: AutoScaler, factors: Factors, memory: JsonValue) -> Opinion:
    """The same, but that one who fails holds, remembers what he did, and can't reach the snapshot of the others."""
    try:
        opinion = ask(scaler, _copied(factors), memory)
        # What it remembers must not keep the others from being remembered.
        return evolve(opinion, memory=json.loads(json.dumps(opinion.memory, allow_nan=False)))
    except Exception as error:  # noqa: BLE001 - whatever a stranger's policy raises
        name = name_of(scaler)
        failed = DecideResult.hold(factors, f"failed: {describe_error(error)}", who=name)
        return Opinion(name, failed, memory, 0, 0, ())


def held(opinions: Sequence[Opinion], factors: Factors, *, why: str, who: str) -> DecideResult:
    """The hold of those who all hold, or can't know how many workers there are; with the smallest maximum of theirs."""
    most = min(opinion.result.max_workers for opinion in opinions)
    first, *others = opinions
    # A hold keeps what was said before only where it is one of theirs.
    result = first.result if first.held else DecideResult.hold(factors, "the workers are not known", who=who)
    reasons = [reason for opinion in (others if first.held else opinions) for reason in opinion.result.reasons]
    return result.model_copy(update={"max_workers": most}).explained(reasons).because(why, who=who)


def scaled(
    wanted: int, fleet: Fleet, *, leaving: Sequence[str], max_workers: int, reasons: Iterable[Reason]
) -> DecideResult:
    """Towards *wanted* workers, within *max_workers*; only those who are *leaving* may go, the first ones first."""
    up = min(wanted - fleet.present, max_workers - fleet.total)
    if up > 0:
        result = DecideResult(max_workers=max_workers, actions=[ScaleUpAction(count=up)])
    else:
        gone = leaving[: max(0, fleet.present - wanted)]
        result = DecideResult(max_workers=max_workers, actions=[ScaleDownAction(worker_id=one) for one in gone])
    return result.explained(reasons)


def done(result: DecideResult, opinion: Opinion) -> str:
    """What *result* does of what *opinion* wanted, in words: ``starts 1 of 3 workers``, say."""
    verb, does, wanted = "removes", len(result.down), len(opinion.leaving)
    if opinion.up:
        verb, does, wanted = "starts", result.up, opinion.up
    if does == wanted:
        return f"{verb} {counted(does, 'worker')}"
    return f"{verb} {does or 'none'} of {counted(wanted, 'worker')}"


def bound_of(scaler: object) -> int | None:
    """The ``max_workers`` that *scaler*, or one inside it, was given, the smallest of them; ``None`` where none was."""
    own = getattr(scaler, "max_workers", None)
    found = [own] if isinstance(own, int) else []
    kind: Any = type(scaler)
    if attrs.has(kind):
        for one in schema_of(kind).arguments.values():
            inside = one.of(scaler) if one.nesting is not None else ()
            within = map(bound_of, inside if isinstance(inside, list | tuple) else [inside])
            found += [bound for bound in within if bound is not None]
    return min(found, default=None)


def name_of(scaler: AutoScaler) -> str:
    """The name under which *scaler* speaks: its own, or its class's."""
    name = getattr(scaler, "autoscaler_name", None)
    return str(name()) if callable(name) else type(scaler).__name__


def _copied(factors: Factors) -> Factors:
    """*factors* in containers of their own; the workers in them are frozen."""
    own = {name: _copy(value) for name, value in vars(factors).items() if isinstance(value, list | dict)}
    copied = factors.model_copy()
    # Beside the model's own way, which would make a stamped moment one that the sender said.
    vars(copied).update(own)
    return copied


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: dict(inner) if isinstance(inner, dict) else inner for key, inner in value.items()}
    return list(value)
