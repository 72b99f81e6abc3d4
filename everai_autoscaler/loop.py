"""Observe, decide, apply: one tick, and the loop around it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

from attrs import frozen

from everai_autoscaler.errors import describe_error
from everai_autoscaler.log import emit
from everai_autoscaler.model import AutoScaler, DecideResult, Decision, Factors

__all__ = ["Applied", "Clock", "SystemClock", "Target", "Tick", "run", "tick"]

T = TypeVar("T")


@frozen
class Applied:
    """What a target really did about a result."""

    up: int
    """How many workers it started."""
    down: tuple[str, ...]
    """The ids of the workers that it removed."""
    why: tuple[str, ...] = ()
    """Why it did less than it was asked for, a sentence for each refusal; empty when it did all of it."""


@runtime_checkable
class Target(Protocol):
    """Has workers, and can be asked for more or fewer."""

    def observe(self) -> Factors:
        """What is known now."""

    def apply(self, result: DecideResult) -> Applied | None:
        """Do what *result* says, and say what was done; ``None`` when that is exactly what was asked for."""


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> float:
        """Epoch seconds."""

    def sleep_until(self, moment: float) -> None:
        """Return when it is *moment* (epoch seconds) or later."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep_until(self, moment: float) -> None:
        """Sleep until *moment*."""
        time.sleep(max(0.0, moment - time.time()))


@frozen
class Tick:
    """One walk round: what was seen, decided and applied, and what failed, if anything did."""

    factors: Factors | None
    """What was observed; ``None`` when that failed."""
    decision: Decision | None = None
    """What was decided, and how it came to that; ``None`` when that failed."""
    applied: Applied | None = None
    """What was really done; ``None`` when nothing was to be done, in a dry run, or when applying failed."""
    failure: str = ""
    """What failed, and why, in one line; the tick then held, and nothing more was applied."""

    @property
    def result(self) -> DecideResult | None:
        """What was decided, without how it came to that; ``None`` when that failed."""
        return None if self.decision is None else self.decision.result


def tick(target: Target, scaler: AutoScaler, *, dry_run: bool = False) -> Tick:
    """Observe *target*, let *scaler* decide, and apply what it says; in a *dry_run*, don't apply.

    What fails is contained: the tick holds, says so, and the next one starts afresh.
    """
    factors = decision = applied = None
    failure, stage = "", "observe"
    try:
        factors = _a(Factors, target.observe())
        stage = "decide"
        decision = decision_of(scaler, factors)
        stage = "apply"
        if decision.result.actions and not dry_run:
            applied = _applied(target, decision.result)
    except Exception as error:  # noqa: BLE001 - a loop that dies scales nothing any more
        failure = f"{stage} failed: {describe_error(error)}"
        emit(logging.ERROR, "tick_failed", stage=stage, error=failure)
    return Tick(factors, decision, applied, failure)


def run(
    target: Target,
    scaler: AutoScaler,
    *,
    interval: float = 20.0,
    clock: Clock | None = None,
    dry_run: bool = False,
    hangs_after: float | None = None,
) -> Iterator[Tick]:
    """Tick every *interval* seconds, the first time at once, for as long as the caller asks for the next one.

    A tick that takes longer than *interval* makes the loop miss beats, not bunch them. One that takes longer than
    *hangs_after* seconds of real time is named in the log, with its scaler, while it still hangs.

    Raises:
        ValueError: *interval* or *hangs_after* isn't a number of seconds above 0.
    """
    for name, seconds in (("interval", interval), ("hangs_after", hangs_after)):
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"{name}: {seconds} is not a number of seconds above 0")
    # Not a generator itself, so that what is refused is refused at once.
    return _beats(target, scaler, interval, clock or SystemClock(), dry_run=dry_run, hangs_after=hangs_after)


def _beats(
    target: Target, scaler: AutoScaler, interval: float, clock: Clock, *, dry_run: bool, hangs_after: float | None
) -> Iterator[Tick]:
    beat = clock.now()
    while True:
        with _watchdog(scaler, hangs_after):
            done = tick(target, scaler, dry_run=dry_run)
        yield done
        now = clock.now()
        beat += interval * max(1, math.ceil((now - beat) / interval))
        beat = min(beat, now + interval)  # a clock that was put back doesn't stop the loop until it has caught up
        clock.sleep_until(beat)


def decision_of(scaler: AutoScaler, factors: Factors) -> Decision:
    """What *scaler* decides; an object that has nothing but ``decide`` is a scaler as well."""
    if isinstance(scaler, AutoScaler):
        decision = _a(Decision, scaler.decision(factors))
    else:
        decision = Decision(factors=factors, result=scaler.decide(factors))
    _a(DecideResult, decision.result)
    return decision


def _applied(target: Target, result: DecideResult) -> Applied:
    applied = target.apply(result)
    return Applied(result.up, tuple(result.down)) if applied is None else _a(Applied, applied)


def _a(kind: type[T], given: T) -> T:
    """*given*, which a stranger's code says is of that *kind*."""
    if not isinstance(given, kind):
        raise TypeError(f"gave a {type(given).__name__}, not a {kind.__name__}")
    return given


@contextmanager
def _watchdog(scaler: AutoScaler, hangs_after: float | None) -> Iterator[None]:
    """Name a scaler that hangs. Nobody can stop it: only a process of its own could be ended."""
    if hangs_after is None:
        yield
        return
    name = getattr(scaler, "name", type(scaler).__name__)
    fields = {"scaler": name, "seconds": hangs_after}
    timer = threading.Timer(hangs_after, emit, (logging.ERROR, "tick_hangs"), fields)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
