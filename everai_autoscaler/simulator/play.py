"""The decisions of a run: tick after tick in virtual time, each as the row that is kept of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from everai_autoscaler.loop import Applied, Tick, tick
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, WorkerStatus
from everai_autoscaler.simulator.run import Life, Requests, TickRow

__all__ = ["Playable", "play", "row_of"]

_, _FREE, _BUSY = WorkerStatus  # here, since looking up an enumeration's member is slow
_STEPS = 200
"""How often progress is told."""


class _Clock(Protocol):
    def now(self) -> float:
        """Epoch seconds."""

    def sleep_until(self, moment: float) -> None:
        """Make it *moment*."""


class Playable(Protocol):
    """A cluster in virtual time."""

    @property
    def clock(self) -> _Clock:
        """Its time."""

    @property
    def at_rest(self) -> bool:
        """No request is to come, waits or is served."""

    def observe(self) -> Factors:
        """What is known now."""

    def apply(self, result: DecideResult) -> Applied | None:
        """Do what *result* says."""

    def fates(self) -> Requests:
        """What became of each request that came, in seconds from the start."""

    def lives(self) -> tuple[Life, ...]:
        """The life of each worker that there ever was."""


def play(
    apps: Sequence[tuple[Playable, AutoScaler, Callable[[TickRow, Tick], None]]],
    *,
    start: float,
    end: float,
    interval: float,
    until_rest: bool,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Tick each of *apps* every *interval* seconds, the first time at second 0.

    Where they share something, none is always the first to take it: whoever ticked first at one moment is last at the
    next.

    Args:
        apps: for each its cluster, its scaler, and what is called with each decision. All have the same time.
        start: second 0, in epoch seconds.
        end: the second at which it ends at the latest.
        interval: seconds between two ticks.
        until_rest: whether it ends as soon as all clusters are at rest.
        progress: called now and then with the share that is done, 0 to 1.
    """
    each, beat = max(1, math.ceil(end / interval / _STEPS)), 0
    while True:
        at = beat * interval
        for target, _, _ in apps:
            target.clock.sleep_until(start + min(at, end))
        if beat and (at >= end or (until_rest and all(target.at_rest for target, _, _ in apps))):
            break
        first = beat % len(apps)
        for target, scaler, keep in (*apps[first:], *apps[:first]):
            done = tick(target, scaler)
            keep(row_of(at, done), done)
        beat += 1
        if progress is not None and beat % each == 0:
            progress(min(1.0, at / end))
    if progress is not None:
        progress(1.0)


def row_of(at: float, done: Tick) -> TickRow:
    """What is kept of a tick that was at that second."""
    factors, decision = done.factors, done.decision
    free = busy = inflight = draining = -1
    if factors is not None and factors.workers is not None:
        workers, seen = factors.workers, factors.worker or {}
        draining = 0
        if sum(seen.values()) != len(workers):  # the summary leaves out those that drain
            seen = Counter(worker.status for worker in workers)
            draining = [worker.draining for worker in workers].count(True)
        free, busy = seen.get(_FREE, 0), seen.get(_BUSY, 0)
        inflight = len(workers) - free - busy
    waiting = None if factors is None else factors.waiting()
    failure = done.failure or (decision.error if decision is not None else None) or ""
    reasons = () if decision is None else tuple(map(str, decision.result.reasons))
    applied = done.applied
    return TickRow(
        at=at,
        free=free,
        busy=busy,
        inflight=inflight,
        draining=draining,
        waiting=-1 if waiting is None else waiting,
        up=0 if applied is None else applied.up,
        down=0 if applied is None else len(applied.down),
        held=decision is None or decision.result.held or bool(failure),
        reasons=reasons if applied is None else (*reasons, *(f"target: {why}" for why in applied.why)),
        failure=failure,
    )
