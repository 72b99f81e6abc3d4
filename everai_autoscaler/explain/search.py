"""The nearest changes under which a recorded decision would have been another, found by deciding again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from everai_autoscaler.decision.replay import Replay, replay
from everai_autoscaler.explain.flip import Direction, Flip, Part, Search, direction
from everai_autoscaler.explain.knob import Knob, by_nearness
from everai_autoscaler.explain.knobs import knobs_of, with_argument
from everai_autoscaler.model import Outcome, Record
from everai_autoscaler.plugin import Registry, default_registry

__all__ = ["search"]


def search(record: Record, *, secrets: Mapping[str, Any] | None = None, registry: Registry | None = None) -> Search:
    """Look for what would have made the decision of *record* another one.

    One number is changed at a time, and the decision is made again: each numeric argument within its bounds; how many
    wait, for each reason; one worker more or fewer, for each status; an earlier or a later moment; and what wasn't
    known. From its value a number goes outwards in steps that double, then back by halves to the nearest that changes
    the decision. So each change that is found does change it; of a policy that goes to and fro between two steps, a
    nearer one may be missed.

    Args:
        secrets: the values that the record doesn't hold. They are used, and not changed.

    Raises:
        ContractError, UnknownNameError, ArgumentError: as ``replay`` does.
    """
    registry = registry or default_registry()

    def again(changed: Record) -> Replay:
        return replay(changed, secrets=secrets, registry=registry)

    unchanged = again(record)
    now = unchanged.outcome
    flips: list[Flip | None] = []
    limits: list[Flip | None] = []
    binding: list[Flip | None] = []
    loose: list[tuple[Knob, Sequence[int]]] = []
    for knob in knobs_of(record, registry, again):
        flips.append(knob.nearest(lambda other: direction(other) is not direction(now)))
        if knob.part is Part.ARGUMENT:
            limits.append(knob.nearest(lambda other: _does_otherwise(now, other)))
            loose.append((knob, _looser(knob, now)))
            binding.append(knob.nearest(lambda other: _does_more(now, other), loose[-1][1]))
    bound = _sorted(binding)
    return Search(
        unchanged, _sorted(flips), _sorted(limits), bound, () if bound else _together(record, loose, again, now)
    )


def _sorted(found: Sequence[Flip | None]) -> tuple[Flip, ...]:
    return tuple(sorted(filter(None, found), key=by_nearness))


def _does_otherwise(outcome: Outcome, other: Outcome) -> bool:
    return (outcome.actions, outcome.held) != (other.actions, other.held)


def _does_more(outcome: Outcome, other: Outcome) -> bool:
    """Whether *other* does more of what *outcome* does, or anything where that does nothing."""
    present, turned = direction(outcome), direction(other)
    if present is Direction.HOLD:
        return turned is not Direction.HOLD
    if present is Direction.NOTHING:
        return turned in (Direction.UP, Direction.DOWN)
    return turned is present and _size(other) > _size(outcome)


def _size(outcome: Outcome) -> int:
    """How many workers it starts, or removes."""
    actions: list[Any] = outcome.actions
    return sum(action.get("count", 1) for action in actions)


def _looser(knob: Knob, outcome: Outcome) -> Sequence[int]:
    """The sides of *knob* on which it may let more be done."""
    if not knob.asks:
        return (1, -1)
    back = knob.value - knob.asks
    if (
        direction(outcome) is (Direction.UP if knob.asks > 0 else Direction.DOWN)
        and knob.lowest <= back <= knob.highest
        and (replayed := knob.at(back)) is not None
        and (_does_otherwise(outcome, replayed.outcome) or outcome.reasons != replayed.outcome.reasons)
    ):  # the decision was made for its sake
        return (1, -1)
    return (-knob.asks,)


def _together(
    record: Record, loose: Sequence[tuple[Knob, Sequence[int]]], again: Callable[[Record], Replay], outcome: Outcome
) -> tuple[Flip, ...]:
    """The two arguments with which more is done when both are changed by a step; the nearest such pair."""
    found: list[tuple[Flip, ...]] = []
    steps = [(knob, knob.value + side * knob.step) for knob, sides in loose for side in sides]
    steps = [(knob, value) for knob, value in steps if knob.lowest <= value <= knob.highest]
    for pair in combinations(steps, 2):
        if pair[0][0] is pair[1][0]:
            continue
        changed = record
        for knob, value in pair:
            changed = with_argument(changed, knob.way, value)
        try:
            replayed = again(changed)
        except Exception:  # noqa: BLE001, S112 - as where one is changed: whatever refuses the two together
            continue
        if _does_more(outcome, replayed.outcome):
            found.append(tuple(knob.flip(value, replayed) for knob, value in pair))
    return min(found, key=lambda pair: sum(map(by_nearness, pair)), default=())
