"""One decision, as a pure function: decorate, decide, guard; whatever a policy does wrong stays in here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.decision.decorate import decorate
from everai_autoscaler.decision.guard import guard
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, FactorsDecorator

__all__ = ["Judgement", "judge"]

WHO = "pipeline"


@frozen
class Judgement:
    """What one decision came to."""

    decorated: Factors | None
    """What the policy saw; ``None`` when it wasn't asked."""
    proposed: DecideResult | None
    """What it said; ``None`` when it wasn't asked, or failed."""
    result: DecideResult
    """What stood after the guard."""
    memory: JsonValue
    """What to remember for the next decision."""
    error: str | None
    """What went wrong inside the policy, when something did."""


def judge(
    policy: AutoScaler,
    factors: Factors | None,
    *,
    name: str,
    max_workers: int | None,
    memory: JsonValue = None,
    decorators: Sequence[tuple[str, FactorsDecorator]] = (),
) -> Judgement:
    """What *policy*, whose arguments are bound, decides about *factors*, and what of that stands.

    Args:
        name: the name by which the policy speaks in reasons.
        max_workers: the bound maximum, if the policy has one.
        memory: what was remembered.
        decorators: what turns the snapshot into the one that the policy sees.
    """
    if factors is None:
        return _held(None, factors, "there is no snapshot", max_workers, memory)
    decorated, unknown = decorate(factors, decorators)
    if decorated is None:
        return _held(None, factors, unknown, max_workers, memory)
    before = _contents(decorated)
    try:
        proposed, remembered = _ask(policy, decorated, memory)
        error = None
    except Exception as failure:  # noqa: BLE001 - whatever a stranger's policy raises
        error = f"{name} failed: {' '.join(f'{type(failure).__name__}: {failure}'.split())}"
    if changed := _restore(decorated, before):
        error = error or f"{name} changed its snapshot ({', '.join(changed)}), which it may not do"
    if error is not None:
        return _held(decorated, factors, error, max_workers, memory, error=error)
    proposed = proposed.spoken_by(name)
    return Judgement(decorated, proposed, guard(proposed, factors, max_workers=max_workers), remembered, None)


def _ask(policy: AutoScaler, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
    with_memory = getattr(policy, "decide_with_memory", None)
    result, remembered = with_memory(factors, memory) if with_memory else (policy.decide(factors), memory)
    if not isinstance(result, DecideResult):
        raise TypeError(f"gave a {type(result).__name__}, not a DecideResult")
    if remembered is not memory:
        json.dumps(remembered, allow_nan=False)  # what can't be written to the record can't be remembered
    return result, remembered


def _held(
    decorated: Factors | None,
    factors: Factors | None,
    why: str,
    max_workers: int | None,
    memory: JsonValue,
    *,
    error: str | None = None,
) -> Judgement:
    result = DecideResult.hold(factors, why, max_workers=max_workers, who=WHO)
    return Judgement(decorated, None, result, memory, error)


_SUMMARIES = ("queue", "worker", "oldest_wait")
_HISTORIES = ("queue_histories", "worker_histories")


def _contents(factors: Factors) -> Mapping[str, Any]:
    """Shallow copies of all in *factors* that could be changed; the workers themselves are frozen."""
    held: dict[str, Any] = {name: dict(value) for name in _SUMMARIES if (value := getattr(factors, name)) is not None}
    for name in _HISTORIES:
        histories = getattr(factors, name)
        if histories is not None:
            held[name] = {age: dict(summary) for age, summary in histories.items()}
    for name in ("workers", "unknown"):
        if (value := getattr(factors, name)) is not None:
            held[name] = list(value)
    return held


def _restore(factors: Factors, before: Mapping[str, Any]) -> list[str]:
    """Undo what was changed since *before*, and say what that was."""
    changed = []
    for name, held in before.items():
        now = getattr(factors, name)
        # Of a list's items the identity is compared before the contents, so that this is cheap.
        if now != held:
            changed.append(name)
            if isinstance(now, list):
                now[:] = held
            else:
                now.clear()
                now.update(held)
    return changed
