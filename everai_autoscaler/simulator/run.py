"""What a simulation yields: the fate of each request, the life of each worker, and each tick with its reasons."""

from __future__ import annotations

import math
from array import array
from typing import Literal

from attrs import field, frozen

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.attainment import Attainment, worst_of
from everai_autoscaler.simulator.describe import describe
from everai_autoscaler.simulator.metrics import Metrics, cost, in_time, measure, worker_seconds
from everai_autoscaler.simulator.totals import Totals
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.words import counted

__all__ = ["Life", "Requests", "Run", "Setting", "TickRow"]


@frozen
class Setting:
    """All that was assumed, so that the same run can be made again."""

    scaler: str
    """The scaler's name."""
    arguments: dict[str, object]
    """Its arguments, as given."""
    cold_start: str
    """How long workers start, in words: ``30 s``, say."""
    cold_start_seconds: float | None = field(default=None, kw_only=True)
    """How long they start, typically; ``None`` where that isn't known."""
    interval: float
    """Seconds between decisions."""
    dispatch: str
    """In which order workers are given requests."""
    concurrency: int = 1
    """Requests that a worker serves at once."""
    workers: int = 0
    """Workers that are ready at the start."""
    seed: int = 0
    price: float | None = None
    """What an hour of one worker costs."""
    warm_up: float = 0.0
    """Seconds from the start that aren't judged: their requests, worker-seconds and ticks aren't counted."""
    loop: Literal["closed", "open", "real"] = "closed"
    """``closed``: the fleet is a model; ``open``: recorded snapshots; ``real``: it was measured."""
    start: float = 0.0
    """Second 0 in epoch seconds."""
    assumed: tuple[str, ...] = ()
    """What else the model assumed, a sentence each."""


@frozen(eq=False)
class Requests:
    """The fate of each request, in the order in which they came: columns, in seconds from the start of the run."""

    came: array[float]
    service: array[float]
    """Seconds that it kept, or would have kept, a worker busy."""
    began: array[float]
    """When a worker began with it for the last time; NaN when none did."""
    answered: array[float]
    """When it was answered; NaN when it wasn't."""
    worker: array[int]
    """The place in ``Run.workers`` of the worker that served it last; -1 when none did."""
    refused: tuple[int, ...] = ()
    """Numbers of those that found the queue full; from 0."""
    interrupted: tuple[int, ...] = ()
    """Numbers of those whose worker went away under them, once for each time; they waited again."""

    left: tuple[tuple[int, float], ...] = ()
    """Numbers of those whose client hung up before it had an answer, each with the second at which it did."""

    def __len__(self) -> int:
        return len(self.came)


@frozen
class Life:
    """The life of one worker, in seconds from the start of the run; it is billed from start to end."""

    worker_id: str
    started_at: float
    ready_at: float | None
    """``None`` when it never became ready."""
    ended_at: float | None
    """``None`` when it was still there when the run ended."""
    why: str = ""
    """How it ended: ``removed``, ``crashed``, ``reclaimed``, ``failed to start``; empty while it lives."""
    cost: float | None = None
    """What an hour of it costs, where that differs from ``Setting.price``."""
    killed: int = 0
    """Requests that it was serving when a decision removed it: 0, or the guard failed."""


@frozen
class TickRow:
    """One decision: what was seen of the fleet, and what was done, at *at* seconds from the start of the run.

    A count that wasn't known is -1. Draining workers are also counted by what they do.
    """

    at: float
    free: int
    busy: int
    inflight: int
    draining: int
    waiting: int
    up: int
    """Workers that were started."""
    down: int
    """Workers that were removed."""
    held: bool
    """The policy held: something wasn't known, or it failed."""
    reasons: tuple[str, ...] = ()
    failure: str = ""
    """What failed, in one line."""


@frozen(eq=False, repr=False)
class Run:
    """One policy on one workload: every request, worker and tick."""

    workload: Workload = field(repr=False)
    setting: Setting
    requests: Requests
    workers: tuple[Life, ...]
    """In the order in which they were started."""
    ticks: tuple[TickRow, ...]
    ended_at: float
    """Seconds from the start at which the run ended; workers still there are billed until then."""
    totals: Totals | None = None
    """What its requests and decisions came to, where they weren't kept or, of a real run, aren't all known."""

    def metrics(self, slo: float = 5.0) -> Metrics:
        """What the run comes to, requests being in time that began within *slo* seconds.

        Raises:
            ArgumentError: *slo* isn't a number of seconds.
        """
        return measure(self, slo=slo)

    def slo(self, seconds: float) -> Attainment:
        """The share of requests that began within *seconds*; 1 when none came.

        It is a number for an assertion, and shows the worst moment, and what was decided then, when that fails.

        Raises:
            ArgumentError: *seconds* isn't a number of seconds.

        >>> from everai_autoscaler.simulator.simulate import simulate
        >>> run = simulate("simple", [(0, 10), (5, 10)])
        >>> assert run.slo(5.0) >= 0.99
        """
        if not 0 <= seconds < math.inf:
            raise ArgumentError(f"seconds: {seconds} is not a number of seconds")
        share, judged = in_time(self, seconds)
        return Attainment.of(share, seconds=seconds, requests=judged, worst=worst_of(self))

    @property
    def worker_seconds(self) -> float:
        """Seconds of all workers together, each from its launch to its removal or the end, after the warm-up."""
        return worker_seconds(self.workers, self.setting.warm_up, self.ended_at)

    @property
    def cost(self) -> float | None:
        """Their price; ``None`` where no price is known."""
        return cost(self)

    def describe(self, slo: float = 5.0) -> str:
        """The metrics as a table in words, and below it all that was assumed."""
        return describe(self, self.metrics(slo))

    def __str__(self) -> str:
        return self.describe()

    def _repr_html_(self) -> str:
        """What a notebook shows: the picture."""
        from everai_autoscaler.simulator.plots import html_of  # drawn only where it is looked at

        return html_of(self)

    def __repr__(self) -> str:
        sizes = {"request": len(self.requests), "worker": len(self.workers), "decision": len(self.ticks)}
        counts = ", ".join(counted(size, one, form=",") for one, size in sizes.items())
        return f"<Run: {self.setting.scaler} on {self.workload.name}: {counts}, {self.ended_at:,.10g} s>"
