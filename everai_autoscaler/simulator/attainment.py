"""The share of requests that began in time, as a number that shows the worst moment when an assertion on it fails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from attrs import frozen

from everai_autoscaler.words import counted

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Run, TickRow

__all__ = ["Attainment", "Worst", "worst_of"]

_SHOWN = 236
"""pytest cuts the middle out of a longer value."""


@frozen
class Worst:
    """The request that waited longest, what it met when it came, and what was decided about it. Seconds."""

    request: int
    """Its number, from 0."""
    at: float
    """When it came."""
    waited: float
    """Seconds until a worker began with it; until the run ended when none did."""
    how: str
    """``waited``, ``was refused``, or ``was never begun with``."""
    ready: int
    """Workers that were ready when it came."""
    starting: int
    """Workers that were starting when it came."""
    waiting: int
    """Requests that waited when it came, itself among them."""
    tick: TickRow | None
    """The first decision while it waited; the last one before it came when there was none."""

    @property
    def moment(self) -> str:
        """What it met, in words."""
        how = f"waited {self.waited:.4g} s" if self.how == "waited" else f"{self.how} ({self.waited:.4g} s)"
        workers = counted(self.ready, "worker")
        return (
            f"request {self.request} came at {self.at:.10g} s and {how}; "
            f"{workers} ready, {self.starting} starting, {self.waiting} waiting"
        )

    @property
    def decision(self) -> str:
        """What was decided about it, with the reasons."""
        if self.tick is None:
            return "no decision was made"
        did = f"{self.tick.up} up" if self.tick.up else f"{self.tick.down} down" if self.tick.down else "no change"
        why = self.tick.failure or "; ".join(self.tick.reasons) or "no reason given"
        return f"at {self.tick.at:.10g} s: {did}{', held' if self.tick.held else ''}: {why}"


class Attainment(float):
    """A share, 0 to 1, that shows itself with the worst moment; so a failing assertion shows it.

    >>> from everai_autoscaler.simulator.workload import Workload
    >>> from everai_autoscaler.simulator.simulate import simulate
    >>> run = simulate("simple", Workload("burst", [0, 0, 0], [10, 10, 10]), arguments={"max_queue_size": 1})
    >>> share = run.slo(15)
    >>> print(share.explain())
    66.6667 % of 3 requests began within 15 s.
    Worst: request 2 came at 0 s and waited 20 s; 1 worker ready, 0 starting, 2 waiting.
    Decision at 0 s: no change: simple: 2 waiting for a busy worker, more than 1, but 1 worker of at most 1 there
    """

    seconds: float
    requests: int
    worst: Worst | None

    @classmethod
    def of(cls, share: float, *, seconds: float, requests: int, worst: Worst | None) -> Self:
        """The *share* of the *requests* that began within *seconds*, with the *worst* of them."""
        made = cls(share)
        made.seconds, made.requests, made.worst = seconds, requests, worst
        return made

    def explain(self) -> str:
        """The share, the worst moment, and what was decided at it, in whole sentences."""
        requests = counted(self.requests, "request", form=",")
        said = f"{100 * float(self):.6g} % of {requests} began within {self.seconds:g} s."
        if self.worst is None:
            return said
        return f"{said}\nWorst: {self.worst.moment}.\nDecision {self.worst.decision}"

    def __repr__(self) -> str:
        """The share with the worst moment, in one line that pytest shows whole; the reasons are cut short for that."""
        if self.worst is None:
            return f"{float(self):.6g}"
        said = (
            f"{float(self):.6g} within {self.seconds:g} s. Worst: {self.worst.moment}. Decision {self.worst.decision}"
        )
        return f"<{said if len(said) <= _SHOWN else said[: _SHOWN - 1] + '…'}>"

    def __str__(self) -> str:
        return f"{float(self):.6g}"


def worst_of(run: Run) -> Worst | None:
    """The request of *run* that waited longest after the warm-up; ``None`` where none came."""
    columns, start = run.requests, run.setting.warm_up
    refused, left = set(columns.refused), dict(columns.left)
    number, longest = -1, (-1, -math.inf)
    for one, (came, began) in enumerate(zip(columns.came, columns.began, strict=True)):
        if came < start:
            continue
        lost = math.isnan(began)
        waited = (0.0 if one in refused else left.get(one, run.ended_at) - came) if lost else began - came
        if (lost, waited) > longest:
            number, longest = one, (lost, waited)
    if number < 0:
        return None
    how = "was refused" if number in refused else "was never begun with" if longest[0] else "waited"
    at = columns.came[number]
    lives = [life for life in run.workers if life.started_at <= at and (life.ended_at is None or life.ended_at > at)]
    ready = sum(life.ready_at is not None and life.ready_at <= at for life in lives)
    waiting = sum(
        came <= at and not began <= at and one not in refused and left.get(one, math.inf) > at
        for one, (came, began) in enumerate(zip(columns.came, columns.began, strict=True))
    )
    until = at + longest[1]
    later = next((tick for tick in run.ticks if at <= tick.at <= until), None)
    before = next((tick for tick in reversed(run.ticks) if tick.at <= at), None)
    return Worst(number, at, longest[1], how, ready, len(lives) - ready, waiting, later or before)
