"""The forms that go into the tuner and come out of it; all times are seconds, and moments are epoch seconds."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from everai_autoscaler.errors import ContractError

__all__ = ["Budget", "Candidate", "Choice", "Slo", "Spent", "Standing", "Traffic"]


@frozen
class Slo:
    """What is promised: at least this *share* of the requests begins *within* so many seconds.

    >>> print(Slo(within=5.0, share=0.99))
    99 % of the requests begin within 5 s

    Raises:
        ContractError: a wait that is no number of seconds, or a share that is not between 0 and 1.
    """

    within: float = 5.0
    """Seconds that a request may wait."""
    share: float = 0.99
    """The share of the requests that has to begin within them; above 0 and below 1."""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.within < math.inf:
            raise ContractError(f"within: {self.within} is not a number of seconds of at least 0")
        if not 0 < self.share < 1:
            raise ContractError(f"share: {self.share} is not a share above 0 and below 1, such as 0.99")

    def __str__(self) -> str:
        return f"{100 * self.share:.6g} % of the requests begin within {self.within:g} s"


@frozen
class Candidate:
    """A scaler with arguments, which the tuner may choose.

    >>> print(Candidate("demand", {"rule": "1.3*mean60[1200s] + 1.5*root", "min_workers": 1}))
    demand rule='1.3*mean60[1200s] + 1.5*root' min_workers=1
    """

    scaler: str
    """Its name."""
    arguments: Mapping[str, Any] = field(factory=dict)
    """Its arguments, as JSON has them."""
    prior: Mapping[float, float] = field(factory=dict, kw_only=True, repr=False)
    """What share of requests is expected to be late under it before there is any evidence, for one or more cold starts
    in seconds; empty where nothing is known."""

    def prior_at(self, cold_start: float) -> float | None:
        """The late share that is expected at this *cold_start*; ``None`` where nothing is known.

        Between two that are known it is interpolated over the logarithm of the cold start; beyond them the nearest.

        >>> candidate = Candidate("demand", prior={10: 0.002, 40: 0.006})
        >>> candidate.prior_at(20), candidate.prior_at(300), candidate.prior_at(0)
        (0.004, 0.006, 0.002)
        """
        known = sorted(self.prior.items())
        if not known:
            return None
        low = max((one for one in known if one[0] <= cold_start), default=known[0])
        high = min((one for one in known if one[0] >= cold_start), default=known[-1])
        if low[0] >= high[0]:
            return low[1]
        along = math.log(cold_start / low[0]) / math.log(high[0] / low[0])
        return low[1] + (high[1] - low[1]) * along

    def to_json(self) -> dict[str, Any]:
        """It as a JSON value, without what is expected of it."""
        return {"scaler": self.scaler, "arguments": dict(self.arguments)}

    def __str__(self) -> str:
        return " ".join([self.scaler, *(f"{name}={value!r}" for name, value in self.arguments.items())])


def _column(values: Iterable[float]) -> array[float]:
    return values if isinstance(values, array) and values.typecode == "d" else array("d", values)


def _numbers(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(values)))


@frozen(eq=False)
class Traffic:
    """A stretch of an app's traffic, one by one: the requests that came from *start* on and before *until*.

    >>> traffic = Traffic([100.0, 130.5], [2.0, 2.5], start=0.0, until=300.0, cold_start=30.0, period=5.0)
    >>> len(traffic), traffic.seconds
    (2, 300.0)

    Raises:
        ContractError: columns of two lengths, arrivals out of order or outside of the stretch, or a service time, cold
            start, period or concurrency that can't be.
    """

    arrivals: array[float] = field(converter=_column)
    """When each request came; never falling."""
    services: array[float] = field(converter=_column)
    """Seconds that one worker is busy with each; at least 0. Of one that isn't answered yet, those so far."""
    start: float = field(kw_only=True)
    until: float = field(kw_only=True)
    """The end of the stretch; what came at this very moment belongs to the next."""
    cold_start: float = field(kw_only=True)
    """Seconds from the start of a worker until it is ready."""
    period: float = field(default=20.0, kw_only=True)
    """Seconds between two decisions; above 0."""
    concurrency: int = field(default=1, kw_only=True)
    """Requests that one worker serves at once; at least 1."""
    unanswered: tuple[int, ...] = field(default=(), kw_only=True, converter=_numbers)
    """The numbers, from 0, of the requests that wait or are served at the end of the stretch."""
    assumed: str = field(default="", kw_only=True)
    """What of it is a model, in words: requests of which only counts are known, say; empty where all is measured."""

    def __attrs_post_init__(self) -> None:
        if len(self.arrivals) != len(self.services):
            raise ContractError(f"traffic: {len(self.arrivals)} arrivals, but {len(self.services)} service times")
        for name, least in (("start", -math.inf), ("until", self.start), ("cold_start", 0.0)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise ContractError(f"traffic: {name}: {value} is not a number of seconds of at least {least:g}")
        if not 0 < self.period < math.inf:
            raise ContractError(f"traffic: period: {self.period} is not a number of seconds above 0")
        if self.concurrency < 1:
            raise ContractError(f"traffic: concurrency: {self.concurrency} is not a number of requests above 0")
        if self.unanswered and not 0 <= self.unanswered[0] <= self.unanswered[-1] < len(self):
            raise ContractError(f"traffic: unanswered: numbers from 0 to {len(self) - 1}, not {self.unanswered}")
        before = self.start
        for number, (came, service) in enumerate(zip(self.arrivals, self.services, strict=True), 1):
            if not before <= came < self.until:
                raise ContractError(
                    f"traffic: request {number}: came at {came}, not in order between {self.start} and {self.until}"
                )
            if not 0 <= service < math.inf:
                raise ContractError(
                    f"traffic: request {number}: service: {service} is not a number of seconds of at least 0"
                )
            before = came

    def __len__(self) -> int:
        return len(self.arrivals)

    @property
    def seconds(self) -> float:
        """How long the stretch is."""
        return self.until - self.start


@frozen
class Spent:
    """What the app itself did with a stretch of traffic, whatever decided then."""

    due: int
    """Requests of which it is known by now whether they were late."""
    late: int
    """Those of them that began later than the SLO allows, or never."""
    worker_seconds: float | None = None
    """Seconds of all its workers together; ``None`` where that isn't known."""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.late <= self.due:
            raise ContractError(f"spent: {self.late} late of {self.due} requests can't be")


@frozen
class Budget:
    """How much lateness the SLO leaves, and how much was really spent; sums that fade with the time."""

    due: float
    """Requests of the last days."""
    late: float
    """Those of them that were really late."""
    aim: float
    """The share of late requests that is aimed at: a little less than the SLO allows."""
    allowed: float
    """The share of late requests that a candidate may have now."""

    @property
    def spent(self) -> float:
        """The share of the budget that is spent: above 1 more was late than is aimed at; 0 where nothing came."""
        return self.late / (self.aim * self.due) if self.due else 0.0

    @property
    def left(self) -> float:
        """How many more requests may be late before it is spent; below 0 where too many were."""
        return self.aim * self.due - self.late

    def to_json(self) -> dict[str, float]:
        """It as a JSON value, with what is spent and what is left."""
        return {
            **{name: getattr(self, name) for name in ("due", "late", "aim", "allowed")},
            "spent": self.spent,
            "left": self.left,
        }


@frozen
class Standing:
    """How a candidate did on the traffic of the last day, replayed."""

    number: int
    """Its place in the book."""
    candidate: Candidate
    workers: float
    """Its workers on average: the worker-seconds that it costs in a second."""
    share: float
    """The share of requests that began in time under it."""
    risk: float
    """The late share that is reckoned with: smoothed, with a margin for chance and what was expected before."""
    allowed: bool
    """Whether that is within the budget."""

    @property
    def rank(self) -> tuple[bool, float, float, int]:
        """What orders them: those within the budget first, the cheapest first; then those that are late least."""
        if self.allowed:
            return False, self.workers, self.risk, self.number
        return True, self.risk, self.workers, self.number

    def to_json(self) -> dict[str, Any]:
        """It as a JSON value."""
        return {
            "number": self.number,
            **self.candidate.to_json(),
            "workers": self.workers,
            "share": self.share,
            "risk": self.risk,
            "allowed": self.allowed,
        }


@frozen
class Choice:
    """Which candidate the evidence speaks for, and why."""

    at: float
    """The moment up to which the traffic is known, in epoch seconds."""
    number: int
    """Its place in the book."""
    candidate: Candidate
    why: str
    """The reason in a sentence, with the numbers."""
    switched: bool
    """Whether it is another than before."""
    saving: float | None
    """What it saves of the cost of the one before, where it is another, or of what the app really used where that is
    known; as a share. Below 0 it costs more; ``None`` where there is nothing to compare with."""
    share: float | None
    """The share of requests that began in time under it, on the traffic of the last day; ``None`` without traffic."""
    standing: Standing | None
    """How it did; ``None`` while there is no evidence."""
    runners_up: tuple[Standing, ...]
    """Those that come after it, the best first."""
    budget: Budget
    hours: float
    """Hours of evidence that there are, which fade with the time."""
    workers: float | None = None
    """The workers that the app really had on average over them; ``None`` where that isn't known."""

    def to_json(self) -> dict[str, Any]:
        """It as a JSON value."""
        return {
            "at": self.at,
            "number": self.number,
            **self.candidate.to_json(),
            "why": self.why,
            "switched": self.switched,
            "saving": self.saving,
            "share": self.share,
            "standing": None if self.standing is None else self.standing.to_json(),
            "runners_up": [one.to_json() for one in self.runners_up],
            "budget": self.budget.to_json(),
            "hours": self.hours,
            "workers": self.workers,
        }


def canonical(value: object) -> str:
    """A JSON *value* as the one text that stands for it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
