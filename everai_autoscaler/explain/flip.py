"""The nearest single change under which a recorded decision would have been another, found by trying."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from itertools import combinations
from typing import Any, TypeAlias

from attrs import frozen

from everai_autoscaler.decision.replay import Replay, replay
from everai_autoscaler.model import (
    Argument,
    Factors,
    Outcome,
    QueueReason,
    QueueSummary,
    Record,
    Worker,
    WorkerStatus,
    schema_of,
)
from everai_autoscaler.model.record import at_moment
from everai_autoscaler.plugin import Registry, default_registry

__all__ = ["Direction", "Flip", "Part", "Search", "direction", "search"]

_FARTHEST = 1024
"""How many times its value, or 1, a number is looked at."""
_A_WEEK = 604_800
"""How much later a snapshot is looked at, in seconds."""
_FINEST = 1e-3
"""How closely a number that isn't whole is found, as a share of itself."""
_DIGITS = 6
_ASKING = {"min_workers": 1, "floor.workers": 1, "max_workers": -1}
"""Which way an argument asks for workers to come or to go: it then lets nothing be done, but wants it done."""


class Direction(Enum):
    """What a decision comes to; another one is a flip."""

    UP = "up"
    DOWN = "down"
    NOTHING = "nothing"
    HOLD = "hold"


class Part(Enum):
    """What of a decision was changed."""

    ARGUMENT = "argument"
    WAITING = "waiting"
    """Requests that wait for one reason."""
    WORKERS = "workers"
    """Workers of one status."""
    TIME = "time"
    """The moment of the snapshot: its workers are idle, or starting, for longer or less long."""
    KNOWN = "known"
    """What was not known, known to be nothing."""


@frozen
class Flip:
    """One change, and the decision with it."""

    part: Part
    name: str
    """The argument (of a scaler inside with the way to it), the reason, the status, or the field of the snapshot."""
    was: float
    now: float
    """Of an argument and of counts the value; of the time the seconds by which the snapshot is later."""
    replay: Replay
    """The decision, made again with the change."""
    nearness: float
    """How large the change is: as a share of the larger of both values, of 1 where that is smaller; 0 is none."""

    @property
    def outcome(self) -> Outcome:
        """What is decided with the change."""
        return self.replay.outcome


@frozen
class Search:
    """What a search found; the nearest first."""

    unchanged: Replay
    """The decision, made again without any change."""
    flips: tuple[Flip, ...]
    """For each part of the decision the nearest change that flips it, to another direction."""
    limits: tuple[Flip, ...]
    """For each argument the nearest change with which anything else is done, also in the same direction."""
    binding: tuple[Flip, ...]
    """For each argument that held the decision back the nearest change with which more is done.

    More is to start more, to remove more, to act where there was nothing to do, to decide where it held. A minimum that
    is raised and a maximum that is lowered hold nothing back, they ask for workers to come or to go: that counts only
    where the decision was made for their sake.
    """
    together: tuple[Flip, ...]
    """Where none binds alone, the two arguments that do together, changed at once and by the least."""


Turn: TypeAlias = Callable[[float], Replay]
"""Makes a decision again, with one number set to a value."""
Way: TypeAlias = tuple[str | int, ...]
"""The keys and places that lead to an argument of a scaler inside."""


@frozen
class Knob:
    """One number that went into a decision."""

    part: Part
    name: str
    value: float
    lowest: float
    highest: float
    whole: bool
    turn: Turn
    base: float = 0.0
    """What the value is counted from, where it is a difference."""
    way: Way = ()
    """Where an argument stands among the recorded ones."""
    asks: int = 0
    """On which side, if on one, an argument asks for more to be done instead of letting it be done."""

    @property
    def step(self) -> float:
        """The least that it is turned by."""
        return 1 if self.whole else max(abs(self.value), 1.0) * _FINEST

    def nearness(self, value: float) -> float:
        """How far *value* is from the present one."""
        return abs(value - self.value) / max(abs(self.base + self.value), abs(self.base + value), 1.0)


def direction(outcome: Outcome) -> Direction:
    """What *outcome* comes to.

    >>> direction(Outcome(max_workers=5, actions=[{"count": 2, "action": "ScaleUp"}], held=False, reasons=[]))
    <Direction.UP: 'up'>
    """
    if outcome.held:
        return Direction.HOLD
    kinds = {action["action"] for action in outcome.actions if isinstance(action, dict)}
    if "ScaleUp" in kinds:
        return Direction.UP
    return Direction.DOWN if kinds else Direction.NOTHING


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
    flips: list[Flip] = []
    limits: list[Flip] = []
    binding: list[Flip] = []
    loose: list[tuple[Knob, Sequence[int]]] = []
    for knob in _knobs(record, registry, again):
        tried: dict[float, Replay | None] = {}
        if flip := _nearest(knob, tried, lambda replayed: _flips(now, replayed.outcome)):
            flips.append(flip)
        if knob.part is Part.ARGUMENT:
            other = _nearest(knob, tried, lambda replayed: _does_otherwise(now, replayed.outcome))
            limits += [other] if other else []
            loose.append((knob, _looser(knob, tried, now)))
            more = _nearest(knob, tried, lambda replayed: _does_more(now, replayed.outcome), loose[-1][1])
            binding += [more] if more else []
    together = () if binding else _together(record, loose, again, now)
    for found in (flips, limits, binding):
        found.sort(key=_by_nearness)
    return Search(unchanged, tuple(flips), tuple(limits), tuple(binding), together)


def _flips(outcome: Outcome, other: Outcome) -> bool:
    return direction(outcome) is not direction(other)


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


def _looser(knob: Knob, tried: dict[float, Replay | None], outcome: Outcome) -> Sequence[int]:
    """The sides of *knob* on which it may let more be done."""
    if not knob.asks:
        return (1, -1)
    back = knob.value - knob.asks
    if (
        direction(outcome) is (Direction.UP if knob.asks > 0 else Direction.DOWN)
        and knob.lowest <= back <= knob.highest
        and (replayed := _at(knob, tried, back)) is not None
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
            changed = _with(changed, knob.way, value)
        try:
            replayed = again(changed)
        except Exception:  # noqa: BLE001, S112 - as where one is changed: whatever refuses the two together
            continue
        if _does_more(outcome, replayed.outcome):
            found.append(
                tuple(
                    Flip(knob.part, knob.name, knob.value, value, replayed, knob.nearness(value))
                    for knob, value in pair
                )
            )
    return min(found, key=lambda pair: sum(map(_by_nearness, pair)), default=())


def _by_nearness(flip: Flip) -> float:
    return flip.nearness


def _knobs(record: Record, registry: Registry, again: Callable[[Record], Replay]) -> Iterator[Knob]:
    known = {name: one.value for name, one in record.arguments.items() if not one.redacted}
    yield from _of_arguments(record.scaler, known, (), "", registry, lambda way, to: again(_with(record, way, to)))
    factors = record.moment()
    if factors is None:
        return

    def seen(**fields: Any) -> Replay:
        return again(record.model_copy(update={"snapshot": factors.model_copy(update=fields)}))

    yield from _of_the_queue(factors, seen)
    yield from _of_the_workers(factors, seen)
    yield from _of_the_time(record, factors, again)


def _of_arguments(
    scaler: str,
    values: Mapping[str, Any],
    way: Way,
    where: str,
    registry: Registry,
    decide: Callable[[Way, float], Replay],
) -> Iterator[Knob]:
    """Those of *scaler*, which was made of *values*, and of the scalers inside; *decide* is given what changes."""
    taken = schema_of(registry.autoscaler(scaler)).arguments
    for name, value in values.items():
        if _is_number(value) and name in taken:
            turn = partial(decide, (*way, name))
            asks = _ASKING.get(name, _ASKING.get(f"{scaler}.{name}", 0))
            yield _of_an_argument(taken[name], where + name, value, turn, (*way, name), asks)
        for place, inside in _scalers_in(value):
            at, there = (where + name, ()) if place is None else (f"{where}{name}[{place}]", (place,))
            inner = (*way, name, *there, "arguments")
            yield from _of_arguments(inside["name"], inside["arguments"], inner, f"{at}.", registry, decide)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_an_argument(argument: Argument, name: str, value: float, turn: Turn, way: Way, asks: int) -> Knob:
    whole, far = isinstance(value, int), _far(value)
    below = [bound for bound in (argument.ge, argument.gt) if bound is not None]
    lowest, highest = max(below, default=-far), far if argument.le is None else argument.le
    if whole:
        lowest, highest = int(lowest), int(highest)
    return Knob(Part.ARGUMENT, name, value, lowest, highest, whole, turn, way=way, asks=asks)


def _scalers_in(value: Any) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Each scaler that a recorded *value* holds, and at which place of a list."""
    for place, one in enumerate(value) if isinstance(value, list) else [(None, value)]:
        if isinstance(one, dict) and "name" in one and isinstance(one.get("arguments"), dict):
            yield place, one


def _with(record: Record, way: Way, to: float) -> Record:
    """*record* with another value of the argument at the end of the *way*."""
    name, *rest = way
    argument = record.arguments[str(name)]
    changed = argument.model_copy(update={"value": _replaced(argument.value, rest, to)})
    return record.model_copy(update={"arguments": {**record.arguments, str(name): changed}})


def _replaced(form: Any, way: Sequence[str | int], to: float) -> Any:
    if not way:
        return to
    first, *rest = way
    inside = _replaced(form[first], rest, to)
    if isinstance(form, dict):
        return {**form, first: inside}
    return [inside if place == first else one for place, one in enumerate(form)]


def _of_the_queue(factors: Factors, seen: Callable[..., Replay]) -> Iterator[Knob]:
    queue = factors.queue
    if queue is None:
        yield _known("queue", lambda _: seen(queue={}))
        return
    for reason in dict.fromkeys((*QueueReason, *queue)):
        yield Knob(
            Part.WAITING,
            reason.value,
            queue.get(reason, 0),
            lowest=0,
            highest=_far(queue.get(reason, 0)),
            whole=True,
            turn=partial(_queue_set, seen, queue, reason),
        )


def _queue_set(seen: Callable[..., Replay], queue: QueueSummary, reason: QueueReason, to: float) -> Replay:
    return seen(queue={**queue, reason: to})


def _of_the_workers(factors: Factors, seen: Callable[..., Replay]) -> Iterator[Knob]:
    if factors.workers is None:
        yield _known("workers", lambda _: seen(workers=[], worker=None, unknown=None))
        return
    for status in WorkerStatus:
        there = factors.count(status) or 0
        yield Knob(
            Part.WORKERS,
            status.value,
            there,
            lowest=max(0, there - 1),
            highest=there + 1,
            whole=True,
            turn=partial(_workers_set, seen, factors, status, there),
        )


def _workers_set(seen: Callable[..., Replay], factors: Factors, status: WorkerStatus, there: int, to: float) -> Replay:
    return seen(**_with_one(factors, status, int(to) - there))


def _with_one(factors: Factors, status: WorkerStatus, more: int) -> dict[str, Any]:
    """The fields of *factors* with one worker of *status* more, who has just come, or without the newest of them."""
    workers = list(factors.workers or ())
    if more > 0:
        workers.append(_newcomer(factors, status))
    elif more < 0:
        workers.remove(max((w for w in workers if w.status is status and not w.draining), key=lambda w: w.started_at))
    if factors.worker is None:
        return {"workers": workers}
    counted = max(0, factors.worker.get(status, 0) + more)
    return {"workers": workers, "worker": {**factors.worker, status: counted}}


def _newcomer(factors: Factors, status: WorkerStatus) -> Worker:
    taken = {worker.worker_id for worker in factors.workers or ()}
    now = int(factors.observed_at)
    # What a sentence calls it: an id like the others' would be taken for somebody who was there.
    name = f"one more {'starting' if status is WorkerStatus.Inflight else status.value.lower()} worker"
    return Worker(
        worker_id=next(one for number in range(len(taken) + 1) if (one := name + " again" * number) not in taken),
        region="",
        started_at=now,
        last_service_time=0 if status is WorkerStatus.Inflight else now,
        number_of_successes=0,
        number_of_failures=0,
        number_of_sessions=0,
        average_response_time=0.0,
        current_request=1 if status is WorkerStatus.Busy else 0,
        status=status,
    )


def _of_the_time(record: Record, factors: Factors, again: Callable[..., Replay]) -> Iterator[Knob]:
    spans = [
        factors.age(worker) if worker.status is WorkerStatus.Inflight else factors.idle_time(worker) or 0.0
        for worker in factors.workers or ()
    ]

    def later(by: float) -> Replay:
        moment = factors.observed_at + by
        return again(record.model_copy(update={"snapshot": at_moment(factors, moment), "observed_at": moment}))

    if spans:
        longest = max(spans)
        yield Knob(Part.TIME, "observed_at", 0, -int(longest), _A_WEEK, whole=True, turn=later, base=longest)


def _far(value: float) -> float:
    return _FARTHEST * max(abs(value), 1)


def _known(field: str, turn: Turn) -> Knob:
    return Knob(Part.KNOWN, field, 0, 0, 1, whole=True, turn=turn)


def _at(knob: Knob, tried: dict[float, Replay | None], value: float) -> Replay | None:
    """The decision with *knob* at a value; ``None`` where that is refused."""
    if value not in tried:
        try:
            tried[value] = knob.turn(value)
        except Exception:  # noqa: BLE001 - whatever a constructor raises that refuses it together with the others
            tried[value] = None
    return tried[value]


def _nearest(
    knob: Knob,
    tried: dict[float, Replay | None],
    wanted: Callable[[Replay], bool],
    sides: Sequence[int] = (1, -1),
) -> Flip | None:
    """The nearest value of *knob*, on either of the *sides*, with which the decision is as *wanted*."""

    def ends(value: float) -> bool:
        replayed = _at(knob, tried, value)
        return replayed is None or wanted(replayed)

    found = []
    for side in sides:
        value = _first(knob, side, ends)
        replayed = None if value is None else _at(knob, tried, value)
        if value is not None and replayed is not None:
            found.append(Flip(knob.part, knob.name, knob.value, value, replayed, knob.nearness(value)))
    return min(found, key=_by_nearness, default=None)


def _first(knob: Knob, sign: int, ends: Callable[[float], bool]) -> float | None:
    """The nearest value on one side at which the search *ends*: outwards by doubling, then back by halves."""
    edge = knob.highest if sign > 0 else knob.lowest
    inner, step = knob.value, knob.step
    while not ends(outer := _towards(edge, knob.value + sign * step, sign)) and outer != inner:
        inner, step = outer, step * 2
    if outer == inner:  # at the edge
        return None
    narrow = 1 if knob.whole else max(abs(outer), 1.0) * _FINEST
    while abs(outer - inner) > narrow:
        middle = (inner + outer) // 2 if knob.whole else (inner + outer) / 2
        inner, outer = (inner, middle) if ends(middle) else (middle, outer)
    return outer if knob.whole else _rounded(outer, knob, ends)


def _towards(edge: float, value: float, sign: int) -> float:
    return edge if (value - edge) * sign > 0 else value


def _rounded(value: float, knob: Knob, ends: Callable[[float], bool]) -> float:
    """The value with the fewest digits that is as good as *value*, which was found by halves."""
    near = max(abs(value), 1.0) * 2 * _FINEST
    for digits in range(_DIGITS):
        short = round(value, digits)
        if abs(short - value) <= near and short != knob.value and ends(short):
            return short
    return value
