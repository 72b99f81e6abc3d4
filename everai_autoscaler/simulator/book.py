"""What is kept of a run while it goes on, and what is said about it afterwards."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from attrs import evolve

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.loop import Tick
from everai_autoscaler.simulator.engine import Engine
from everai_autoscaler.simulator.faults import ColdStart
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.run import Life, Requests, Run, Setting, TickRow
from everai_autoscaler.simulator.totals import Tally, Totals
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.words import counted

__all__ = [
    "MOST_TICKS",
    "START",
    "Book",
    "check_numbers",
    "cold_start_words",
    "last_second",
    "typical_cold_start",
    "when_it_ends",
]

MOST_TICKS = 10_000_000
"""A run of more decisions is refused: the workload has a gap of years, most likely."""
START = 1_722_221_030.0
"""Second 0 where the workload doesn't say when it was, in epoch seconds."""


class Book:
    """What is kept of a run while it goes on."""

    def __init__(self, made: Engine, tally: Tally | None) -> None:
        self.arguments: dict[str, object] = {}
        """Those of the first decision that aren't defaults."""
        self._made = made
        self._tally = tally
        self._rows: list[TickRow] = []
        self._asked = False

    def keep(self, row: TickRow, done: Tick) -> None:
        """One decision."""
        if not self._asked and done.decision is not None:
            self._asked = True
            used = done.decision.arguments.items()
            self.arguments = {name: one.value for name, one in used if one.source != "default"}
        if self._tally is None:
            self._rows.append(row)
        else:
            self._tally.tick(row)
            self._made.settle(self._tally, row.at)

    @property
    def at_rest(self) -> bool:
        """No request is to come, waits or is served."""
        return self._made.target.at_rest

    def last_moment(self, load: Workload | Clients) -> float:
        """The second of the last thing that a client met with: it came, had its answer, or hung up."""
        return max(load.span if isinstance(load, Workload) else 0.0, self._made.last_moment())

    def run(self, load: Workload | Clients, setting: Setting, end: float) -> Run:
        """The run, which ended at the second *end*.

        Raises:
            ArgumentError: its warm-up isn't before its end.
        """
        if setting.warm_up and setting.warm_up >= end:
            raise ArgumentError(f"warm_up: {setting.warm_up:g} s is not before the end of the run at {end:g} s")
        target = self._made.target
        fates = self._made.fates() if self._tally is None else NO_REQUESTS
        workload = load if isinstance(load, Workload) else _asked_by(load, fates)
        lives = tuple(_until(life, end) for life in target.lives())
        return Run(workload, setting, fates, lives, tuple(self._rows), end, self._totals(end))

    def _totals(self, end: float) -> Totals | None:
        if self._tally is None:
            return None
        self._made.settle(self._tally, end, last=True)
        return self._tally.totals(end)


NO_REQUESTS = Requests(array("d"), array("d"), array("d"), array("d"), array("q"))
"""The columns of a run that keeps none."""


def check_numbers(**numbers: float | None) -> None:
    """Refuse what is no number of seconds or money.

    Raises:
        ArgumentError: names it.
    """
    for name, number in numbers.items():
        least = "above 0" if name == "interval" else "of at least 0"
        if number is not None and not (0 < number < math.inf or (number == 0 and name != "interval")):
            raise ArgumentError(f"{name}: {number} is not a number {least}")


def last_second(name: str, span: float, *, tail: float, until: float | None, interval: float) -> float:
    """The second at which a run ends at the latest, the last request of its workload coming at *span*.

    Raises:
        ArgumentError: it would never end.
        ContractError: there would be more than ``MOST_TICKS`` decisions.
    """
    end = span + tail if until is None else until
    if end == math.inf:
        raise ArgumentError(f"until: {name} never stop; say the second at which the run ends")
    if end / interval > MOST_TICKS:
        raise ContractError(
            f"{name}: its {end:,.0f} s are {end / interval:,.0f} decisions at an interval of {interval:g} s, more "
            f"than {MOST_TICKS:,}: take a part of it (Workload.between), or a longer interval"
        )
    return end


def _until(life: Life, end: float) -> Life:
    """*life* as it was at the *end* of the run."""
    if (life.ended_at is None or life.ended_at <= end) and (life.ready_at is None or life.ready_at <= end):
        return life
    gone = life.ended_at is not None and life.ended_at <= end
    return evolve(
        life,
        ready_at=life.ready_at if life.ready_at is not None and life.ready_at <= end else None,
        ended_at=life.ended_at if gone else None,
        why=life.why if gone else "",
    )


def cold_start_words(cold_start: float | Sequence[float] | ColdStart) -> str:
    """*cold_start* as a setting has it."""
    if isinstance(cold_start, int | float):
        return f"{cold_start:g} s"
    if isinstance(cold_start, ColdStart):
        return str(cold_start)
    shown = ", ".join(f"{one:g}" for one in cold_start[:5])
    return f"{shown}{', ...' if len(cold_start) > 5 else ''} s, in the order of the launches"


def typical_cold_start(cold_start: float | Sequence[float] | ColdStart) -> float | None:
    """The median of *cold_start*; ``None`` where it isn't known."""
    if isinstance(cold_start, int | float):
        return float(cold_start)
    seconds = sorted(cold_start.seconds if isinstance(cold_start, ColdStart) else cold_start)
    return seconds[len(seconds) // 2] if seconds else None


def when_it_ends(tail: float, until: float | None) -> str:
    """The sentence about the end of a run."""
    if until is not None:
        return f"the run ends at {until:g} s"
    return f"the run ends with the last answer, at the latest {tail:g} s after the last arrival"


def _asked_by(clients: Clients, fates: Requests) -> Workload:
    """What *clients* came to send."""
    name = f"{counted(clients.count, 'client')} of {clients.service_time:g} s"
    made = "each client sends its next request when it has the answer: slower answers make fewer requests"
    return Workload(name, fates.came, fates.service, modelled=made)
