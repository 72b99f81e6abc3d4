"""The rules that both builtin scalers follow, in their order: the minimum, more, fewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from attrs import define

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import DecideResult, Factors, ScaleDownAction, ScaleUpAction, Worker, WorkerStatus
from everai_autoscaler.model.action import Reason, may_go, newest_first
from everai_autoscaler.model.binding import bind
from everai_autoscaler.words import counted

__all__ = ["Limits", "Ruled", "Wish", "check_together", "decide"]

_BUSY, _FREE = WorkerStatus.Busy, WorkerStatus.Free  # here, since a member of an enum is dear to ask for


class Limits(Protocol):
    """The arguments that both scalers take, bound."""

    min_workers: Any
    max_workers: Any
    scale_up_step: Any
    max_idle_time: Any
    start_timeout: Any


@define
class Wish:
    """What a scaler makes of a snapshot, before the limits."""

    more: bool | None
    """Whether it wants more workers; ``None`` when it can't know."""
    why: str
    spare: int = 0
    """Free workers that it keeps beside those that are busy."""


class Ruled(Limits, Protocol):
    """A scaler that follows these rules: it has their arguments, and a wish."""

    def wish(self, factors: Factors, /) -> Wish:
        """What it makes of *factors*, before the limits."""


@define
class Fleet:
    """The workers of a snapshot as the rules see them; those that drain are as good as gone, and only in the total."""

    total: int
    """All of them: what the maximum counts."""
    unique: int
    """How many ids they have."""
    free: int
    busy: int
    starting: int
    suspects: list[Worker]
    """Starting for longer than the start-up limit; those that may be removed."""
    idle: list[Worker]
    """Those of the free ones who may have been idle for long enough to go."""

    @classmethod
    def of(cls, factors: Factors, workers: Sequence[Worker], limits: Limits) -> Fleet:
        """The fleet of the *workers* of *factors*."""
        starting_since = factors.observed_at - limits.start_timeout
        # Who served after that can't have been idle for long; whole, which saves a twentieth with so many to compare.
        latest = int(factors.observed_at) - limits.max_idle_time + 1
        ids: list[str] = []
        suspects: list[Worker] = []
        idle: list[Worker] = []
        free = starting = out = 0
        for worker in workers:
            # One look at each: there may be 100,000, which lie all over the memory, and asking pydantic for a field
            # costs more than all that is done here with three of them.
            said = worker.__dict__
            ids.append(said["worker_id"])
            status = said["status"]
            if said["draining"]:
                out += 1
            elif status is _BUSY:
                continue  # as most are: counting all the others instead saves a tenth
            elif status is _FREE:
                free += 1
                if said["last_service_time"] <= latest:
                    idle.append(worker)
            elif said["started_at"] >= starting_since:
                starting += 1
            else:
                out += 1
                if may_go(worker):  # one in a session has to stay, and only costs
                    suspects.append(worker)
        total = len(workers)
        busy = total - free - starting - out
        # The set is made at the end: one that grew meanwhile took a quarter of the whole time at 100,000 workers.
        return cls(total, len(set(ids)), free, busy, starting, suspects, idle)

    @property
    def serving(self) -> int:
        """Those that are ready, free or busy."""
        return self.free + self.busy

    @property
    def counted(self) -> int:
        """What the minimum counts: everyone who serves or may soon."""
        return self.free + self.busy + self.starting


def check_together(scaler: Any) -> None:
    """Refuse a plain minimum above a plain maximum; late ones are reconciled when they are read.

    Raises:
        ArgumentError: names both.
    """
    lowest, highest = scaler.min_workers, scaler.max_workers
    if not callable(lowest) and not callable(highest) and lowest > highest:
        raise ArgumentError(f"min_workers: {lowest} is above max_workers, which is {highest}")


def decide(factors: Factors | None, scaler: Ruled, *, who: str) -> DecideResult:
    """What the rules say of *factors* for *scaler*; late arguments are read."""
    if any(map(callable, vars(scaler).values())):
        scaler = bind(scaler)
    if factors is None or factors.workers is None:
        return DecideResult.hold(factors, "the workers are not known", max_workers=scaler.max_workers, who=who)
    fleet = Fleet.of(factors, factors.workers, scaler)
    if fleet.unique < fleet.total:
        factors = factors.model_copy(update={"workers": _each_once(factors.workers)})
        fleet = Fleet.of(factors, factors.workers or (), scaler)
    wish = scaler.wish(factors)
    result = _minimum(fleet, scaler, who) or _more(factors, fleet, scaler, wish, who)
    return result or _fewer(factors, fleet, scaler, wish, who)


def _each_once(workers: list[Worker]) -> list[Worker]:
    unique = {worker.worker_id: worker for worker in workers}
    # One id, two statements: the one that keeps the worker is believed.
    unique.update((worker.worker_id, worker) for worker in workers if not may_go(worker))
    return list(unique.values())


def _minimum(fleet: Fleet, limits: Limits, who: str) -> DecideResult | None:
    missing = limits.min_workers - fleet.counted
    if missing <= 0:
        return None
    why = f"{counted(fleet.counted, 'worker')}, below the minimum of {limits.min_workers}"
    # Below the minimum nobody is removed, so that this is the last word even when there is no room.
    return _start(fleet, limits, missing, why, who) or _nothing(limits, f"{why}, but {_no_room(fleet, limits)}", who)


def _more(factors: Factors, fleet: Fleet, limits: Limits, wish: Wish, who: str) -> DecideResult | None:
    if fleet.starting or wish.more is None:
        return None
    if wish.more:
        return _start(fleet, limits, limits.scale_up_step, wish.why, who)
    if not fleet.counted and (waiting := factors.waiting()):
        return _start(fleet, limits, 1, f"{waiting} waiting and no worker", who)
    return None


def _start(fleet: Fleet, limits: Limits, count: int, why: str, who: str) -> DecideResult | None:
    """Up by *count* as far as there is room; where a suspect takes the room, that one goes instead."""
    room = limits.max_workers - fleet.total
    if room > 0:
        count = min(count, room)
        bound = f", up to the maximum of {limits.max_workers}" if count == room else ""
        why = f"{why}: starts {counted(count, 'worker')}{bound}"
        return DecideResult.of([ScaleUpAction(count=count)], why, max_workers=limits.max_workers, who=who)
    if fleet.suspects:
        oldest = min(fleet.suspects, key=lambda worker: worker.started_at)
        late = f"{oldest.worker_id}, starting for longer than {limits.start_timeout} s, makes room"
        why = f"{why}, but {_no_room(fleet, limits)}: {late}"
        return DecideResult.of(
            [ScaleDownAction(worker_id=oldest.worker_id)], why, max_workers=limits.max_workers, who=who
        )
    return None


def _fewer(factors: Factors, fleet: Fleet, limits: Limits, wish: Wish, who: str) -> DecideResult:
    if wish.more is None:
        return DecideResult.hold(factors, wish.why, max_workers=limits.max_workers, who=who)
    leaving = [
        (worker, f"starting for {factors.age(worker):.0f} s, longer than {limits.start_timeout} s")
        for worker in fleet.suspects
    ]
    if fleet.idle or fleet.counted > limits.max_workers:
        removable = fleet.serving - _floor(factors, fleet, limits, wish)
        leaving += islice(_free_to_go(factors, fleet, limits), max(0, removable))
    if not leaving:
        return _nothing(limits, _content(fleet, limits, wish), who)
    return DecideResult.of(
        [ScaleDownAction(worker_id=worker.worker_id) for worker, _ in leaving],
        [Reason(who=who, why=f"removes {worker.worker_id}: {why}") for worker, why in leaving],
        max_workers=limits.max_workers,
    )


def _free_to_go(factors: Factors, fleet: Fleet, limits: Limits) -> Iterator[tuple[Worker, str]]:
    """The free workers that may go, the newest first, each with its reason."""
    above = fleet.counted - limits.max_workers
    candidates = fleet.idle
    if above > 0:
        candidates = [worker for worker in factors.workers or () if worker.status is _FREE]
    for worker in newest_first(candidates):
        if not may_go(worker):
            continue
        idle = factors.idle_time(worker) or 0.0
        if above > 0:
            above -= 1
            yield worker, f"free, and above the maximum of {limits.max_workers}"
        elif idle >= limits.max_idle_time:
            yield worker, f"idle for {int(idle)} s, at least {limits.max_idle_time} s"


def _floor(factors: Factors, fleet: Fleet, limits: Limits, wish: Wish) -> int:
    """The fewest workers that may be left serving."""
    floor: int = min(limits.max_workers, max(limits.min_workers, fleet.busy + wish.spare if wish.spare else 0))
    # The last one stays while anything waits, and while nobody knows whether anything does.
    return floor if factors.waiting() == 0 else max(1, floor)


def _nothing(limits: Limits, why: str, who: str) -> DecideResult:
    return DecideResult.of([], why, max_workers=limits.max_workers, who=who)


def _content(fleet: Fleet, limits: Limits, wish: Wish) -> str:
    if fleet.starting:
        return f"{wish.why}; {counted(fleet.starting, 'worker')} starting: waits for that"
    if wish.more:
        return f"{wish.why}, but {_no_room(fleet, limits)}"
    return f"{wish.why}; nobody to remove: {fleet.free} free, {fleet.busy} busy"


def _no_room(fleet: Fleet, limits: Limits) -> str:
    return f"{counted(fleet.total, 'worker')} of at most {limits.max_workers} there"
