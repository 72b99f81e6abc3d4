"""The scaler that follows demand: as many workers as the largest term of its rule wants."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import define, frozen
from pydantic import JsonValue

from everai_autoscaler.builtin.demand import assumptions
from everai_autoscaler.builtin.demand.memory import Memory
from everai_autoscaler.builtin.demand.rule import Rule
from everai_autoscaler.builtin.demand.seen import Seen
from everai_autoscaler.builtin.demand.wish import Wish
from everai_autoscaler.builtin.rules import check_limits
from everai_autoscaler.model import (
    ArgumentType,
    BuiltinAutoScaler,
    DecideResult,
    Decorators,
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

__all__ = ["DemandAutoScaler"]

_NAMED = 3
"""Workers that a reason names, before it counts the others."""


@define(eq=False, slots=False)
class DemandAutoScaler(BuiltinAutoScaler):
    """Have as many workers as the demand wants by a *rule*: the demand of now, of the last minutes, or a forecast.

    The demand is the number of requests in service and waiting, each of which counts for less the longer it had to
    wait: a backlog, which lasts because workers are missing, isn't demand. A rule has up to three terms
    ``a*SIGNAL[Hs] + b*root + h``, joined by ``|``, of which the largest counts. It takes the largest value *F* of the
    signal over the last *H* seconds and wants ``ceil(a*F + b*sqrt(F + 1/4) + h)`` workers.

    Each argument is a number, text, or a callable (a ``Placeholder``, say) that is read when a decision is made.

    Raises:
        ArgumentError: an argument out of its bounds, a rule that can't be read, or a minimum above the maximum.

    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = DemandAutoScaler(max_workers=20, rule="1*now[600s] + 1*root", service_time=8)
    >>> result, memory = scaler.decide_with_memory(snapshot(waiting=3, busy=1), None)
    >>> print(result.reasons[0])
    demand: demand 4 at most over 600 s, 8 s a request: 1*4 + 1*sqrt(4.25) = 6.06: wants 7, has 1: starts 6 workers
    """

    remembers: ClassVar[type[Memory]] = Memory
    """What goes from one decision to the next, and so what counts as demand."""

    min_workers: ArgumentType = argument(0, ge=0, help="workers that are always there")
    max_workers: ArgumentType = argument(1, ge=0, help="the most workers that there may be")
    rule: ArgumentType = argument(
        assumptions.RULE, check=Rule.parse, help="how many workers a demand wants: a*SIGNAL[Hs] + b*root + h | ..."
    )
    service_time: ArgumentType | None = argument(
        None,
        type=float,
        ge=assumptions.SHORTEST,
        le=assumptions.LONGEST,
        help="mean seconds that a request takes; learnt from completions where it isn't given",
    )
    cold_start: ArgumentType | None = argument(
        None,
        type=float,
        ge=0,
        le=assumptions.LONGEST,
        help="seconds from start to ready, for forecasts; those of the last starts where it isn't given",
    )
    decorators: Decorators | None = None
    start_timeout: ArgumentType = argument(
        600, ge=0, kw_only=True, help="seconds after which a worker that still starts is given up"
    )

    def __attrs_post_init__(self) -> None:
        check_limits(self)

    @classmethod
    def autoscaler_name(cls) -> str:
        """``demand``, as manifests call it."""
        return "demand"

    def decide(self, factors: Factors | None) -> DecideResult:
        """What to do about *factors*, and why, when nothing is remembered: as after a restart."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors | None, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do about *factors*, and why; *memory* is a ``Memory`` as JSON. Decorators are the pipeline's."""
        limits: Any = bind(self) if any(map(callable, vars(self).values())) else self
        fleet = None if factors is None else Fleet.of(factors, start_timeout=limits.start_timeout)
        if factors is None or fleet is None:
            why = "the workers are not known"
            return DecideResult.hold(factors, why, max_workers=limits.max_workers, who=self.autoscaler_name()), memory
        seen, note = Seen.of(factors, fleet), ""
        past = self.remembers.read(memory)
        if past is None:
            past = self.remembers.begin(seen)
            note = "" if memory is None else "what was remembered is of another kind: the windows begin afresh"
        else:
            past, note = past.after(seen, service_time=limits.service_time)
        takes, starts = past.look(seen, service_time=limits.service_time, cold_start=limits.cold_start)
        wish = Wish.of(Rule.parse(limits.rule), past, takes=takes, horizon=starts + past.period)
        result = _Decision(fleet, limits, seen, past, wish, self.autoscaler_name()).result()
        return (result.because(note, who=self.autoscaler_name()) if note else result), past.written()


@frozen
class _Decision:
    """From what is wanted to what is done."""

    fleet: Fleet
    limits: Any
    """The scaler, its arguments bound."""
    seen: Seen
    past: Memory
    wish: Wish
    who: str

    def result(self) -> DecideResult:
        """Up at once; down only where nothing waits, by workers that are idle."""
        limits, there = self.limits, self.fleet.present
        wanted, why = self.wish.workers, self.wish.why
        if not wanted and self.seen.waiting:
            wanted, why = 1, f"{why}, but {counted(self.seen.waiting, 'request waits', 'requests wait')}: wants 1"
        target = min(max(wanted, limits.min_workers), limits.max_workers)
        if not self.past.known and there >= limits.min_workers:
            unknown = "the queue is not known: the demand stays as it was"
            return DecideResult.hold(
                self.fleet.factors, f"{unknown}; {why}", max_workers=limits.max_workers, who=self.who
            )
        why += self._bounded(wanted) + f", has {there}"
        done = self._more(target - there, why) if target > there else self._fewer(target, why)
        return done.wanting(wanted)

    def _bounded(self, wanted: int) -> str:
        limits = self.limits
        if wanted > limits.max_workers:
            return f", may have {limits.max_workers}"
        return f", keeps at least {limits.min_workers}" if wanted < limits.min_workers else ""

    def _more(self, missing: int, why: str) -> DecideResult:
        fleet, most = self.fleet, self.limits.max_workers
        room = most - fleet.total
        if room > 0:
            count = min(missing, room)
            bound = f", up to the maximum of {most}" if count < missing else ""
            return self._does([ScaleUpAction(count=count)], f"{why}: starts {counted(count, 'worker')}{bound}")
        full = f"{why}, but {counted(fleet.total, 'worker')} of at most {most} there"
        if not fleet.suspects:
            return self._does([], full)
        oldest = min(fleet.suspects, key=lambda worker: worker.started_at)
        late = f"{oldest.worker_id}, starting for longer than {self.limits.start_timeout} s, makes room"
        return self._does([ScaleDownAction(worker_id=oldest.worker_id)], f"{full}: {late}")

    def _fewer(self, target: int, why: str) -> DecideResult:
        fleet, suspects = self.fleet, self.fleet.suspects
        settled, settling = self._settling(target)
        stays = f"{counted(self.seen.waiting, 'request waits', 'requests wait')}: " if self.seen.waiting else settling
        surplus = 0 if self.seen.waiting else fleet.present - settled
        leaving: list[Worker] = fleet.idle()[:surplus] if surplus > 0 else []
        if fleet.present > target and not leaving:
            why += f": {stays}removes nobody" if stays else ": nobody is free to go"
        elif leaving:
            why += f": removes {_names(leaving)}, idle"
        reasons = [Reason(who=self.who, why=why)]
        if suspects:
            late = f"gives up {_names(suspects)}: starting for longer than {self.limits.start_timeout} s"
            reasons.append(Reason(who=self.who, why=late))
        actions = [ScaleDownAction(worker_id=worker.worker_id) for worker in [*suspects, *leaving]]
        return self._does(actions, reasons)

    def _settling(self, target: int) -> tuple[int, str]:
        """How many may not be undercut, and why these are more than the *target* where they are."""
        past = self.past
        since, found = past.at - past.begun, min(past.found, self.limits.max_workers)
        if target >= found or since >= assumptions.SETTLING:
            return target, ""
        return found, f"{past.found} there when it began, {since:.0f} of {assumptions.SETTLING:.0f} s ago: "

    def _does(self, actions: list[Any], why: str | list[Reason]) -> DecideResult:
        return DecideResult.of(actions, why, max_workers=self.limits.max_workers, who=self.who)


def _names(workers: Any) -> str:
    named = ", ".join(worker.worker_id for worker in workers[:_NAMED])
    return named if len(workers) <= _NAMED else f"{named} and {len(workers) - _NAMED} more"
