"""Observe, decide, apply: one tick, and the loop around it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

from attrs import define, frozen

from everai_autoscaler.log import emit
from everai_autoscaler.model import AutoScaler, DecideResult, Factors

__all__ = ["Clock", "SystemClock", "Target", "Tick", "run", "tick"]


@runtime_checkable
class Target(Protocol):
    """Has workers, and can be asked for more or fewer."""

    def observe(self) -> Factors:
        """What is known now."""

    def apply(self, result: DecideResult) -> None:
        """Do what *result* says."""


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
    """One walk round: what was seen, what was decided, and what failed, if anything did."""

    factors: Factors | None
    """What was observed; ``None`` when that failed."""
    result: DecideResult | None
    """What was decided; ``None`` when that failed."""
    failure: str = ""
    """What failed, and why, in one line; the tick then held, and nothing more was applied."""


def tick(target: Target, scaler: AutoScaler, *, dry_run: bool = False) -> Tick:
    """Observe *target*, let *scaler* decide, and apply what it says; in a *dry_run*, don't apply.

    What fails is contained: the tick holds, says so, and the next one starts afresh.
    """
    factors = result = None
    stage = "observe"
    try:
        factors = target.observe()
        stage = "decide"
        result = scaler.decide(factors)
        stage = "apply"
        if result.actions and not dry_run:
            target.apply(result)
    except Exception as error:  # noqa: BLE001 - a loop that dies scales nobody
        failure = f"{stage} failed: {type(error).__name__}: {error}"
        emit(logging.ERROR, "tick_failed", stage=stage, error=failure)
        return Tick(factors, result, failure)
    return Tick(factors, result)


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
        ValueError: *interval* isn't above 0.
    """
    if interval <= 0:
        raise ValueError(f"interval: {interval} is not a number of seconds above 0")
    clock = clock or SystemClock()
    beat = clock.now()
    while True:
        with _watchdog(scaler, hangs_after):
            done = tick(target, scaler, dry_run=dry_run)
        yield done
        beat += interval * max(1, -(-(clock.now() - beat) // interval))
        clock.sleep_until(beat)


def _watchdog(scaler: AutoScaler, hangs_after: float | None) -> AbstractContextManager[object]:
    return nullcontext() if hangs_after is None else _Watchdog(scaler, hangs_after)


@define
class _Watchdog:
    """Names a scaler that hangs. It can't stop it: only a process of its own could be ended."""

    scaler: AutoScaler
    hangs_after: float
    timer: threading.Timer | None = None

    def __enter__(self) -> None:
        self.timer = threading.Timer(self.hangs_after, self._bark)
        self.timer.daemon = True
        self.timer.start()

    def __exit__(self, *_error: object) -> None:
        if self.timer:
            self.timer.cancel()

    def _bark(self) -> None:
        name = getattr(self.scaler, "name", type(self.scaler).__name__)
        emit(logging.ERROR, "tick_hangs", scaler=name, seconds=self.hangs_after)
