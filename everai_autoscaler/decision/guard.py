"""What no policy may do, whoever wrote it.

Each guard is a pure function; when it changes something it leaves a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from everai_autoscaler.model import (
    Action,
    DecideResult,
    Factors,
    Reason,
    ScaleDownAction,
    ScaleUpAction,
    why_stays,
)
from everai_autoscaler.words import counted

__all__ = ["GUARDS", "Guard", "guard"]

WHO = "guard"

Guard: TypeAlias = Callable[[DecideResult, Factors], DecideResult]


def guard(result: DecideResult, factors: Factors, *, max_workers: int | None = None) -> DecideResult:
    """*result*, corrected to what may be done about *factors*.

    Args:
        max_workers: the bound that the policy was given; ``None`` when it has none. The smaller of it and the
            result's own stands; of a hold, which has no opinion, the bound.

    >>> from everai_autoscaler.model import Factors
    >>> greedy = DecideResult(max_workers=9, actions=[ScaleUpAction(count=9)])
    >>> result = guard(greedy, Factors(), max_workers=5)
    >>> result.up, str(result.reasons[-1])
    (5, 'guard: up by 5 instead of 9: 0 workers of at most 5 there')
    """
    if max_workers is not None and result.max_workers != max_workers:
        result = within_the_bound(result, max_workers)
    if result.actions:
        for one in GUARDS:
            result = one(result, factors)
    return result


def within_the_bound(result: DecideResult, max_workers: int) -> DecideResult:
    """The maximum that a policy states isn't above its own bound; a hold states none, and gets the bound."""
    if result.held:
        return _replaced(result, result.actions, max_workers)
    if result.max_workers <= max_workers:
        return result
    if result.capped is not None:
        result = result.wanting(result.capped.wanted, allowed=max_workers)
    why = f"at most {max_workers}, not {result.max_workers}: that is the bound max_workers"
    return _replaced(result, result.actions, max_workers).explained([_reason(why)])


def nothing_unknown(result: DecideResult, factors: Factors) -> DecideResult:
    """Where the workers aren't known, nobody starts and nobody leaves."""
    if factors.workers is not None:
        return result
    return _corrected(result, [], ["nothing is done: the workers are not known"])


def each_once(result: DecideResult, factors: Factors) -> DecideResult:
    """Only workers that are there leave, and each of them once."""
    if not result.down:
        return result
    there = {worker.worker_id for worker in factors.workers or ()}
    seen: set[str] = set()
    kept: list[Action] = []
    reasons = []
    for action in result.actions:
        if isinstance(action, ScaleDownAction):
            if action.worker_id not in there:
                reasons.append(f"{action.worker_id} is no worker of this app, so it can't be removed")
                continue
            if action.worker_id in seen:
                reasons.append(f"{action.worker_id} is removed once, not twice")
                continue
            seen.add(action.worker_id)
        kept.append(action)
    return _corrected(result, kept, reasons)


def nobody_at_work(result: DecideResult, factors: Factors) -> DecideResult:
    """Nobody leaves who is busy, in a session, or leaving already."""
    removed = set(result.down)
    if not removed:
        return result
    staying: dict[str, str] = {}
    for worker in factors.workers or ():
        if worker.worker_id in removed and (why := why_stays(worker)):
            staying[worker.worker_id] = f"{worker.worker_id} stays: {why}"
    if not staying:
        return result
    kept = [
        action
        for action in result.actions
        if not isinstance(action, ScaleDownAction) or action.worker_id not in staying
    ]
    return _corrected(result, kept, staying.values())


def one_direction(result: DecideResult, _factors: Factors) -> DecideResult:
    """Never up and down at once: the up stays."""
    if not result.up or not result.down:
        return result
    ups: list[Action] = [action for action in result.actions if isinstance(action, ScaleUpAction)]
    return _corrected(result, ups, [f"up and down at once: {', '.join(result.down)} stay"])


def not_above_the_maximum(result: DecideResult, factors: Factors) -> DecideResult:
    """Never more workers than the maximum; all there are count, also those that leave."""
    if not result.up:
        return result
    there = len({worker.worker_id for worker in factors.workers or ()})
    room = max(0, result.max_workers - there)
    if result.up <= room:
        return result
    staying = len({worker.worker_id for worker in factors.workers or () if not worker.draining})
    result = result.wanting(staying + result.up)
    actions: list[Action] = [ScaleUpAction(count=room)] if room else []
    why = f"up by {room} instead of {result.up}: {counted(there, 'worker')} of at most {result.max_workers} there"
    return _corrected(result, actions, [why])


GUARDS: tuple[Guard, ...] = (nothing_unknown, each_once, nobody_at_work, one_direction, not_above_the_maximum)
"""The guards, in the order in which they are asked."""


def _corrected(result: DecideResult, actions: list[Action], whys: Iterable[str]) -> DecideResult:
    reasons = [_reason(why) for why in whys]
    if not reasons:
        return result
    return _replaced(result, actions, result.max_workers).explained(reasons)


def _reason(why: str) -> Reason:
    return Reason(who=WHO, why=why)


def _replaced(result: DecideResult, actions: list[Action], max_workers: int) -> DecideResult:
    return result.model_copy(update={"actions": actions, "max_workers": max_workers})
