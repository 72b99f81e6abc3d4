"""A workload: when requests come, and for how long each keeps a worker busy."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from attrs import evolve, field, frozen

from everai_autoscaler.errors import ContractError

__all__ = ["Workload"]


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
        before = 0.0
        for number, (came, service) in enumerate(self, 1):
            if not before <= came < math.inf:
                what = f"comes after {before}" if came < before and came >= 0 else "is not a number of seconds"
                raise ContractError(f"{self.name}: request {number}: arrival: {came} {what}, not in order")
            if not 0 <= service < math.inf:
                raise ContractError(f"{self.name}: request {number}: service: {service} is not a number of seconds")
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


_OPTIONAL = ("sessions", "input_tokens", "output_tokens", "classes")
