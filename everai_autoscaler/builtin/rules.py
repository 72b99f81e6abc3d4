"""The rules that ``simple`` and ``free-worker`` follow, in their order: the minimum, more, fewer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar

from attrs import define

from everai_autoscaler.builtin.slots import Slots
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import (
    BuiltinAutoScaler,
    DecideResult,
    Factors,
    Fleet,
    Reason,
    ScaleDownAction,
    ScaleUpAction,
    Worker,
    argument,
    bind,
)
from everai_autoscaler.words import counted

__all__ = ["Ruled", "Wish", "check_limits"]

# The arguments that both scalers take. Each lists them itself: their order is part of what clients rely on.
MIN_WORKERS = argument(1, ge=0, help="workers that are always there")
MAX_WORKERS = argument(1, ge=0, help="the most workers that there may be")
MAX_IDLE_TIME = argument(120, ge=0, help="seconds without work after which a worker may go")
SCALE_UP_STEP = argument(1, ge=1, help="workers to start at once")
START_TIMEOUT = argument(
    600, ge=0, kw_only=True, newer=True, help="seconds after which a worker that still starts is given up"
)


@define
class Wish:
    """What a scaler makes of a snapshot, before the limits."""

    more: bool | None
    """Whether it wants more workers; ``None`` when it can't know."""
    why: str
    spare: int = 0
    """Free workers that it keeps beside those that are busy."""
    slots: Slots | None = None
    """The slots, enough of which it keeps free, where it counts them instead of workers."""


class Ruled(BuiltinAutoScaler):
    """A scaler that follows these rules: it has their arguments, and a wish."""

    steady: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    def __attrs_post_init__(self) -> None:
        check_limits(self)

    @abstractmethod
    def wish(self, factors: Factors) -> Wish:
        """What it makes of *factors*, before the limits; the arguments are bound by now."""

    def decide(self, factors: Factors | None) -> DecideResult:
        """What to do about *factors*, and why; decorators are the pipeline's to apply."""
        limits: Any = bind(self) if any(map(callable, vars(self).values())) else self
        fleet = None if factors is None else Fleet.of(factors, start_timeout=limits.start_timeout)
        if factors is None or fleet is None:
            return DecideResult.hold(
                factors, "the workers are not known", max_workers=limits.max_workers, who=self.autoscaler_name()
            )
        if fleet.total < len(factors.workers or ()):
            factors = factors.model_copy(update={"workers": fleet.workers})
        return _Decision(fleet, limits, limits.wish(factors), self.autoscaler_name()).result()


def check_limits(limits: Any) -> None:
    """Refuse the scaler *limits* if its minimum is above its maximum.

    Raises:
        ArgumentError: names both. Late ones are reconciled when they are read.
    """
    lowest, highest = limits.min_workers, limits.max_workers
    if not callable(lowest) and not callable(highest) and lowest > highest:
        raise ArgumentError(f"min_workers: {lowest} is above max_workers, which is {highest}")


@define
class _Decision:
    """One decision of the rules."""

    fleet: Fleet
    limits: Any
    """The scaler, its arguments bound."""
    wish: Wish
    who: str

    @property
    def counting(self) -> int:
        """What the minimum counts: every worker that serves or soon may."""
        return len(self.fleet.busy) + len(self.fleet.free) + len(self.fleet.starting)

    def result(self) -> DecideResult:
        result = self._minimum() or self._more() or self._fewer()
        return result.wanting(wanted) if (wanted := self._wanted()) > self.limits.max_workers else result

    def _wanted(self) -> int:
        """How many workers there would be without the maximum, where it is more than there are; else 0."""
        step: int = self.limits.scale_up_step
        if self.fleet.starting or self.wish.more is None or self.counting < self.limits.min_workers:
            return 0
        if self.wish.more:
            return self.counting + step
        return 0 if self.counting or not self.fleet.factors.waiting() else 1

    def _minimum(self) -> DecideResult | None:
        missing = self.limits.min_workers - self.counting
        if missing <= 0:
            return None
        why = f"{counted(self.counting, 'worker')}, below the minimum of {self.limits.min_workers}"
        # Below the minimum no worker is removed, so that this is the last word even when there is no room.
        return self._start(missing, why) or self._does([], f"{why}, but {self._no_room()}")

    def _more(self) -> DecideResult | None:
        if self.fleet.starting or self.wish.more is None:
            return None
        if self.wish.more:
            return self._start(self.limits.scale_up_step, self.wish.why)
        if not self.counting and (waiting := self.fleet.factors.waiting()):
            return self._start(1, f"{waiting} waiting and no worker")
        return None

    def _start(self, count: int, why: str) -> DecideResult | None:
        """Up by *count* as far as there is room; where a suspect takes the room, that one goes instead."""
        room = self.limits.max_workers - self.fleet.total
        if room > 0:
            count = min(count, room)
            bound = f", up to the maximum of {self.limits.max_workers}" if count == room else ""
            return self._does([ScaleUpAction(count=count)], f"{why}: starts {counted(count, 'worker')}{bound}")
        if self.fleet.suspects:
            oldest = min(self.fleet.suspects, key=lambda worker: worker.started_at)
            late = f"{oldest.worker_id}, starting for longer than {self.limits.start_timeout} s, makes room"
            return self._does([ScaleDownAction(worker_id=oldest.worker_id)], f"{why}, but {self._no_room()}: {late}")
        return None

    def _fewer(self) -> DecideResult:
        factors, most = self.fleet.factors, self.limits.max_workers
        if self.wish.more is None:
            return DecideResult.hold(factors, self.wish.why, max_workers=most, who=self.who)
        leaving = [
            (worker, f"starting for {factors.age(worker):.0f} s, longer than {self.limits.start_timeout} s")
            for worker in self.fleet.suspects
        ]
        removable = len(self.fleet.busy) + len(self.fleet.free) - self._floor()
        leaving += islice(self._unneeded(self._free_to_go()), max(0, removable))
        if not leaving:
            return self._does([], self._content())
        return self._does(
            [ScaleDownAction(worker_id=worker.worker_id) for worker, _ in leaving],
            [Reason(who=self.who, why=f"removes {worker.worker_id}: {why}") for worker, why in leaving],
        )

    def _free_to_go(self) -> Iterator[tuple[Worker, str]]:
        """The free workers that may go, the newest first, each with its reason."""
        above, long = self.counting - self.limits.max_workers, self.limits.max_idle_time
        for worker in self.fleet.idle(0 if above > 0 else long):
            idle = self.fleet.factors.idle_time(worker) or 0.0
            if above > 0:
                above -= 1
                yield worker, f"free, and above the maximum of {self.limits.max_workers}"
            elif idle >= long:
                yield worker, f"idle for {int(idle)} s, at least {long} s"

    def _unneeded(self, leaving: Iterator[tuple[Worker, str]]) -> Iterator[tuple[Worker, str]]:
        """Those of *leaving* without whom enough slots stay free; above the maximum, each of them."""
        slots = self.wish.slots
        if slots is None:
            yield from leaving
            return
        for worker, why in leaving:
            rest = slots.without(worker)
            if rest.enough or slots.workers > self.limits.max_workers:
                slots = rest
                yield worker, why

    def _floor(self) -> int:
        """The fewest workers that may be left serving."""
        limits, spare = self.limits, self.wish.spare
        least = max(limits.min_workers, len(self.fleet.busy) + spare if spare else 0)
        floor: int = min(limits.max_workers, least)
        # The last one stays while anything waits, and while it isn't known whether anything does.
        return floor if self.fleet.factors.waiting() == 0 else max(1, floor)

    def _does(self, actions: list[Any], why: str | list[Reason]) -> DecideResult:
        return DecideResult.of(actions, why, max_workers=self.limits.max_workers, who=self.who)

    def _content(self) -> str:
        if self.fleet.starting:
            return f"{self.wish.why}; {counted(len(self.fleet.starting), 'worker')} starting: waits for that"
        if self.wish.more:
            return f"{self.wish.why}, but {self._no_room()}"
        return f"{self.wish.why}; nobody to remove: {len(self.fleet.free)} free, {len(self.fleet.busy)} busy"

    def _no_room(self) -> str:
        return f"{counted(self.fleet.total, 'worker')} of at most {self.limits.max_workers} there"
