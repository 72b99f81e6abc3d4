"""One decision, as a pure function: decorate, decide, guard; whatever a policy does wrong stays in here."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.decision.contents import Contents
from everai_autoscaler.decision.decorate import Decorated, decorate
from everai_autoscaler.decision.guard import guard
from everai_autoscaler.errors import describe_error
from everai_autoscaler.model import (
    AutoScaler,
    DecideResult,
    Factors,
    FactorsDecorator,
    Reason,
    ScaleDownAction,
    ScaleUpAction,
)
from everai_autoscaler.model.autoscaler import names

__all__ = ["Judgement", "judge"]

WHO = "pipeline"
_PLAIN = {str, int, bool, type(None)}
_NUMBERS = {int, float}


@frozen
class Judgement:
    """What one decision came to."""

    decorated: Factors | None
    """What the policy saw; ``None`` when it wasn't asked."""
    steps: Sequence[tuple[str, Factors]]
    """Each decorator that gave a snapshot, by name, with that snapshot."""
    proposed: DecideResult | None
    """What it said; ``None`` when it wasn't asked, or failed."""
    result: DecideResult
    """What stood after the guard."""
    memory: JsonValue
    """What to remember for the next decision."""
    error: str | None
    """What went wrong inside the policy or a decorator, when something did."""


def judge(
    policy: AutoScaler,
    factors: Factors | None,
    *,
    name: str,
    max_workers: int | None,
    memory: JsonValue = None,
    decorators: Sequence[tuple[str, FactorsDecorator]] = (),
    inside: Mapping[int, str] | None = None,
) -> Judgement:
    """What *policy*, whose arguments are bound, decides about *factors*, and what of that stands.

    Args:
        name: the name by which the policy speaks in reasons.
        max_workers: the bound maximum, if the policy has one.
        memory: what was remembered.
        decorators: what turns the snapshot into the one that the policy sees.
        inside: the names by which the scalers inside the policy speak, by the identity of each.
    """

    def held(seen: Decorated, why: str, error: str | None) -> Judgement:
        result = DecideResult.hold(factors, why, max_workers=max_workers, who=WHO)
        return Judgement(seen.factors, seen.steps, None, result, memory, error)

    if factors is None:
        return held(Decorated(None), "there is no snapshot", None)
    seen = decorate(factors, decorators)
    if seen.factors is None:
        return held(seen, seen.why, seen.error)
    contents = Contents.of(seen.factors)
    error = ""
    token = names.set(inside or {})
    try:
        proposed, remembered = _ask(policy, seen.factors, memory, name)
    except Exception as failure:  # noqa: BLE001 - whatever a stranger's policy raises
        error = f"{name} failed: {describe_error(failure)}"
    finally:
        names.reset(token)
    if changed := contents.restore():
        error = error or f"{name} changed its snapshot ({', '.join(changed)}), which it may not do"
    if error:
        return held(seen, error, error)
    result = guard(proposed, factors, max_workers=max_workers)
    return Judgement(seen.factors, seen.steps, proposed, result, remembered, None)


def _ask(policy: AutoScaler, factors: Factors, memory: JsonValue, name: str) -> tuple[DecideResult, JsonValue]:
    with_memory = getattr(policy, "decide_with_memory", None)
    if with_memory is None:
        return _checked(policy.decide(factors), name), memory
    # What is remembered goes in and out as the record and a restart would have it: no policy keeps hold of it.
    answer = with_memory(factors, _as_json(memory))
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise TypeError(f"gave {_a(answer)}, not a DecideResult and what to remember")
    return _checked(answer[0], name), _as_json(answer[1])


def _as_json(value: Any) -> Any:
    """A copy of *value* as JSON would give it back; without writing it where it is what JSON gives anyway."""
    kind = type(value)
    if kind is dict and all(type(name) is str for name in value):
        return {name: _as_json(one) for name, one in value.items()}
    if kind is list:
        return value.copy() if _are_numbers(value) else [_as_json(one) for one in value]
    if kind in _PLAIN:
        return value
    return json.loads(json.dumps(value, allow_nan=False))


def _are_numbers(values: list[Any]) -> bool:
    """Whether all *values* are numbers that JSON has; of enormous ones this isn't said."""
    try:
        return _NUMBERS.issuperset(map(type, values)) and isfinite(sum(values))
    except OverflowError:
        return False


def _checked(result: object, name: str) -> DecideResult:
    """*result* with the policy's own reasons under its *name*.

    Raises:
        TypeError: it isn't a result, or can't be one: not every way to make a result checks what it holds.
    """
    if not isinstance(result, DecideResult):
        raise TypeError(f"gave {_a(result)}, not a DecideResult")
    if not isinstance(result.max_workers, int) or result.max_workers < 0:
        raise TypeError(f"gave {result.max_workers!r} for max_workers, not a whole number")
    if not isinstance(result.actions, list):
        raise TypeError(f"gave {_a(result.actions)}, not a list of actions")
    for action in result.actions:
        if isinstance(action, ScaleDownAction):
            sound = isinstance(action.worker_id, str)
        else:
            sound = isinstance(action, ScaleUpAction) and isinstance(action.count, int) and action.count >= 1
        if not sound:
            raise TypeError(f"gave {action!r}, which is not an action")
    if result.actions and result.held:
        raise TypeError("gave a hold that does something")
    reasons = result.reasons
    for reason in reasons:
        if not isinstance(reason, Reason) or not isinstance(reason.why, str) or not isinstance(reason.who, str):
            raise TypeError(f"gave {reason!r}, which is not a reason")
    # Whoever gives the name himself, as the builtins do, saves the copy.
    return result if all(reason.who == name for reason in reasons) else result.spoken_by(name)


def _a(value: object) -> str:
    if inspect.iscoroutine(value):
        value.close()  # nobody awaits it
    return f"a {type(value).__name__}"
