"""What the scaler ``demand`` remembers, and how a snapshot changes it: the demand, its windows, and what it learnt."""

from __future__ import annotations

from typing import Any, Self

from attrs import define, field
from pydantic import JsonValue

from everai_autoscaler.builtin.demand.arithmetic import ahead, weight_in_service
from everai_autoscaler.builtin.demand.assumptions import (
    COLD_START,
    LEARNT_OVER,
    LONGEST,
    LONGEST_GAP,
    SERVICE_TIME,
    SHORTEST,
    SLIGHTLY_BACK,
)
from everai_autoscaler.builtin.demand.line import Line
from everai_autoscaler.builtin.demand.rule import LONGEST as LONGEST_WINDOW
from everai_autoscaler.builtin.demand.rule import SIGNALS
from everai_autoscaler.builtin.demand.seen import Seen
from everai_autoscaler.builtin.demand.windows import Peaks, Tape

__all__ = ["Memory"]

_VERSION = 1
_LONGEST_MEAN = 300.0


@define
class Memory:
    """All that goes from one decision to the next: some three hundred numbers, more where demand falls for hours.

    The windows of all signals are remembered for as long as the longest rule looks back, whatever the present rule
    is: a rule that changes while the app runs finds its windows full.
    """

    at: float
    """The moment of the last decision, in epoch seconds."""
    demand: float
    """Requests at once, each counting for less the longer it had to wait."""
    served: int
    """Requests that were in service when the queue was known last."""
    begun: float
    """When the windows began."""
    found: int
    """Workers that were there then."""
    tape: Tape
    """Demand and arrivals of the last five minutes."""
    line: Line = field(factory=Line)
    """The requests that wait, by the time at which they came."""
    weight: float = 1.0
    """What a request in service counts for on average: less than 1 where it had to wait."""
    service: list[float] = field(factory=lambda: [0.0, 0.0])
    """Seconds that requests were in service, and completions, each fading with the completions."""
    cold_start: float | None = None
    """Seconds that starts took when that was last known."""
    concurrency: int = 1
    """Requests that a typical worker serves at once, as was last stated."""
    peaks: dict[str, Peaks] = field(factory=lambda: {name: Peaks() for name in SIGNALS})
    """For each signal what may still be the largest value of a window."""
    known: bool = True
    """Whether the last snapshot said what the demand is."""
    period: float = 0.0
    """Seconds between the last two decisions; 0 after a fresh beginning."""

    @classmethod
    def begin(cls, seen: Seen) -> Self:
        """With nothing remembered: what is served and waits is the demand, and what the workers say is believed."""
        now, waiting = seen.now, seen.waiting
        tape, line = Tape([now], [0.0], [0.0]), Line([now], [now], [float(waiting)]) if waiting else Line()
        demand = float(seen.served + (waiting or 0))
        service = list(seen.by_the_workers())
        known = waiting is not None
        return cls(now, demand, seen.served, now, seen.present, tape, line, service=service, known=known)

    @classmethod
    def read(cls, memory: JsonValue) -> Self | None:
        """What *memory* holds; ``None`` where this scaler, as it is now, hasn't written it."""
        try:
            return cls._read(memory)
        except (TypeError, KeyError, ValueError):
            return None

    @classmethod
    def _read(cls, memory: Any) -> Self:
        if memory["version"] != _VERSION or memory["windows"].keys() != set(SIGNALS):
            raise ValueError
        peaks = {name: Peaks(*_columns(columns, 2)) for name, columns in memory["windows"].items()}
        tape, line = Tape(*_columns(memory["tape"], 3)), Line(*_columns(memory["line"], 3, least=0))
        service, cold_start = _numbers(memory["service"], 2), memory["cold_start"]
        names = ("at", "demand", "served", "begun", "found", "weight", "concurrency")
        single = _numbers([memory[name] for name in names] + ([] if cold_start is None else [cold_start]))
        at, demand, served, begun, found, weight, concurrency, *_ = single
        return cls(at, demand, served, begun, found, tape, line, weight, service, cold_start, concurrency, peaks)

    def written(self) -> JsonValue:
        """As it is remembered."""
        tape = self.tape
        written: dict[str, Any] = {
            "version": _VERSION,
            "at": self.at,
            "demand": self.demand,
            "served": self.served,
            "weight": self.weight,
            "begun": self.begun,
            "found": self.found,
            "service": [*self.service],
            "cold_start": self.cold_start,
            "concurrency": self.concurrency,
            "line": [self.line.since, self.line.until, self.line.counts],
            "tape": [tape.times, tape.areas, tape.arrivals],
            "windows": {name: [one.times, one.values] for name, one in self.peaks.items()},
        }
        return written

    @property
    def service_time(self) -> float:
        """Mean seconds that a request takes, by Little's law: seconds in service for each that was answered.

        The first guess counts as one more request, so that one long request says something before it is answered.
        """
        seconds, answered = self.service
        return min(max((seconds + SERVICE_TIME) / (answered + 1), SHORTEST), LONGEST)

    def after(self, seen: Seen, *, service_time: float | None) -> tuple[Self, str]:
        """What is remembered once a snapshot is *seen*, and why the windows begin afresh, where they do.

        It changes this object, which is no longer to be used. *service_time* is the seconds that a request takes,
        where that was given rather than learnt.
        """
        period = seen.now - self.at
        if not -SLIGHTLY_BACK <= period <= LONGEST_GAP:
            fresh = self.begin(seen)
            fresh.service, fresh.cold_start, fresh.concurrency = self.service, self.cold_start, self.concurrency
            ago = f"{period:.0f} s ago" if period > 0 else f"{-period:.0f} s from now"
            return fresh, f"the last decision was {ago}: the windows begin afresh"
        self.period = period = max(0.0, period)
        self.at = max(self.at, seen.now)
        self._learn(seen, period)
        self._go_on(seen, period, self.service_time if service_time is None else service_time)
        return self, ""

    def look(self, seen: Seen, *, service_time: float | None, cold_start: float | None) -> tuple[float, float]:
        """Let the signals join their windows; the seconds of a request and of a start with which they were made.

        Both may be given rather than learnt.
        """
        self.cold_start = self.cold_start if seen.cold_start is None else seen.cold_start
        self.concurrency = seen.concurrency or self.concurrency
        takes = self.service_time if service_time is None else service_time
        learnt = COLD_START if self.cold_start is None else self.cold_start
        starts = learnt if cold_start is None else cold_start
        horizon = starts + self.period
        minute = self._lately(60.0, takes)
        values = {
            "now": self.demand,
            "mean60": minute[0],
            "mean300": self._lately(_LONGEST_MEAN, takes)[0],
            "ahead20": ahead(self.demand, self._lately(20.0, takes)[1], takes, horizon),
            "ahead60": ahead(self.demand, minute[1], takes, horizon),
        }
        for name, value in values.items():
            self.peaks[name].join(self.at, value, longest=LONGEST_WINDOW)
        return takes, starts

    def _learn(self, seen: Seen, period: float) -> None:
        """Little's law over counts: the mean number in service is the rate of completions times the service time."""
        if seen.completions is None:
            told = seen.by_the_workers()
            self.service = list(told) if told[1] else self.service
            return
        fade = 0.5 ** (seen.completions / LEARNT_OVER)
        seconds, answered = self.service
        self.service = [seconds * fade + seen.served * period, answered * fade + seen.completions]

    def _go_on(self, seen: Seen, period: float, takes: float) -> None:
        """The demand after the *period*, as far as the snapshot says it; else it stays as it is."""
        waiting, line = seen.waiting, self.line
        self.known = waiting is not None
        arrivals = self.demand / takes * period
        if waiting is not None:
            arrivals = self._arrivals(seen, waiting, period, takes)
            begun, weight = line.move(arrivals, waiting, begin=self.at - period, end=self.at, service_time=takes)
            self.weight = weight_in_service(self.weight, seen.served, begun, weight)
            self.served = seen.served
            self.demand = self.served * self.weight + line.weight(self.at, takes)
        self.tape.record(self.at, area=self.demand * period, arrivals=arrivals, longest=_LONGEST_MEAN)

    def _arrivals(self, seen: Seen, waiting: int, period: float, takes: float) -> float:
        """What came: as it is said, else what there is more and what was answered.

        Where it isn't known what was answered, it is what those in service answer by Little's law.
        """
        if seen.arrivals is not None:
            return float(seen.arrivals)
        answered = seen.served * period / takes if seen.completions is None else seen.completions
        return max(0.0, seen.served + waiting - self.served - sum(self.line.counts) + answered)

    def _lately(self, seconds: float, takes: float) -> tuple[float, float]:
        """The mean demand and the arrivals per second of the last so many *seconds*."""
        span, area, arrivals = self.tape.over(seconds)
        return (area / span, arrivals / span) if span > 0 else (self.demand, self.demand / takes)


def _columns(columns: Any, many: int, *, least: int = 1) -> list[list[float]]:
    """So many lists of numbers of one length, copied: what is remembered doesn't change."""
    size = len(columns[0])
    if type(columns) is not list or len(columns) != many or size < least:
        raise ValueError
    return [_numbers(one, size) for one in columns]


def _numbers(numbers: Any, many: int | None = None) -> list[Any]:
    if type(numbers) is not list or len(numbers) != (many or len(numbers)):
        raise ValueError
    sum(numbers)  # the fastest way to refuse what is no number
    return [*numbers]
