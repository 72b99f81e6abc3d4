"""A workload: when requests come, and for how long each keeps a worker busy."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import le
from typing import Self

from attrs import evolve, field, frozen

from everai_autoscaler.errors import ContractError

__all__ = ["LONGEST_GAP", "MOST_REQUESTS", "Workload", "wrong_arrival"]

MOST_REQUESTS = 20_000_000
"""Requests that a workload may have."""
LONGEST_GAP = 366 * 86_400.0
"""Seconds between two requests, and before the first: a longer gap is a wrong stamp, most likely, such as epoch
seconds where seconds from the start are meant."""


def _column(values: Iterable[float]) -> array[float]:
    return values if isinstance(values, array) and values.typecode == "d" else array("d", values)


@frozen(eq=False, repr=False)
class Workload:
    """Requests in the order in which they come. Each column has a value for each request.

    >>> workload = Workload("three", [0, 0.5, 7], [2, 2, 1])
    >>> workload
    Workload('three': 3 requests in 7 s, 1.67 s each)
    >>> list(workload.between(0.5, 10))
    [(0.0, 2.0), (6.5, 1.0)]

    Raises:
        ContractError: a column of another length, or a value that no request can have; names the request.
    """

    name: str
    arrivals: array[float] = field(converter=_column)
    """Seconds from the start of the workload at which each request comes; never falling."""
    services: array[float] = field(converter=_column)
    """Seconds that one worker is busy with each request; at least 0."""
    sessions: Sequence[str | None] | None = None
    """The session that each request belongs to."""
    input_tokens: Sequence[int] | None = None
    output_tokens: Sequence[int] | None = None
    classes: Sequence[str] | None = None
    """What kind of request each is."""
    start: float | None = None
    """Second 0 in epoch seconds, where that is known."""
    source: str = ""
    """Where it comes from."""
    licence: str = ""
    """The SPDX name of the licence; empty when none is stated."""
    modelled: str = ""
    """What of it is a model rather than a measurement, in words; empty when nothing is."""

    def __attrs_post_init__(self) -> None:
        for name in ("services", *_OPTIONAL):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.arrivals):
                raise ContractError(
                    f"{self.name}: {name}: has {len(column)} values, not one for each of {len(self.arrivals)} requests"
                )
        if len(self) > MOST_REQUESTS:
            raise ContractError(f"{self.name}: has {len(self):,} requests; at most {MOST_REQUESTS:,} are accepted")
        if not self._plainly_good():
            self._check_each()

    def _plainly_good(self) -> bool:
        """Whether a few passes without a loop of our own find nothing to look at more closely."""
        came, services = self.arrivals, self.services
        if not came:
            return True
        in_order = all(map(le, came, islice(came, 1, None)))
        sound = in_order and came[0] >= 0 and came[-1] <= LONGEST_GAP
        return sound and min(services) >= 0 and math.isfinite(sum(services))

    def _check_each(self) -> None:
        before = 0.0
        for number, (came, service) in enumerate(self, 1):
            if wrong := wrong_arrival(came, before):
                raise ContractError(f"{self.name}: request {number}: arrival: {wrong}")
            if not 0 <= service < math.inf:
                raise ContractError(
                    f"{self.name}: request {number}: service: {service} is not a number of seconds of at least 0"
                )
            before = came

    def __len__(self) -> int:
        """How many requests there are."""
        return len(self.arrivals)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """For each request when it comes, and the seconds that it keeps a worker busy."""
        return zip(self.arrivals, self.services, strict=True)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}: {len(self):,} requests in {self.span:g} s, "
            f"{self.mean_service:.3g} s each)"
        )

    @property
    def span(self) -> float:
        """Seconds from the start of the workload to its last request; 0 when there is none."""
        return self.arrivals[-1] if self.arrivals else 0.0

    @property
    def end(self) -> float:
        """The second at which the last answer is given when no request waits; 0 when there is none."""
        return max((came + service for came, service in self), default=0.0)

    @property
    def mean_service(self) -> float:
        """Seconds that a request keeps a worker busy, on average; 0 when there is none."""
        return math.fsum(self.services) / len(self) if self.services else 0.0

    def between(self, start: float = 0.0, end: float = math.inf) -> Self:
        """What comes from *start* until before *end* (seconds), counted from *start*."""
        first, last = bisect_left(self.arrivals, start), bisect_left(self.arrivals, end)
        kept = {name: column[first:last] for name in _OPTIONAL if (column := getattr(self, name)) is not None}
        return evolve(
            self,
            arrivals=[came - start for came in self.arrivals[first:last]],
            services=self.services[first:last],
            start=None if self.start is None else self.start + start,
            **kept,
        )


def wrong_arrival(came: float, before: float) -> str:
    """What is wrong with an arrival at second *came* that stands after one at *before*; empty when nothing is.

    >>> wrong_arrival(4, 5)
    '4 comes after 5, not in order'
    """
    if not 0 <= came < math.inf:
        return f"{came} is not a number of seconds of at least 0"
    if came < before:
        return f"{came} comes after {before}, not in order"
    if came - before > LONGEST_GAP:
        days, most = (came - before) / 86_400, LONGEST_GAP / 86_400
        return (
            f"{came} comes {days:,.0f} days after {before}; at most {most:.0f} days may lie between, "
            "and arrivals are counted from the start of the workload"
        )
    return ""


_OPTIONAL = ("sessions", "input_tokens", "output_tokens", "classes")
