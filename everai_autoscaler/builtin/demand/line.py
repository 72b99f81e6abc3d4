"""The requests that wait, first come, first served, as counts alone tell of them."""

from __future__ import annotations

from math import inf

from attrs import define, field

from everai_autoscaler.builtin.demand.arithmetic import faded
from everai_autoscaler.builtin.demand.assumptions import THINNING

__all__ = ["Line"]

_MANY = 128
"""Groups from which on those of about one age are joined; once for every so many that are added."""
_EVERY = 16


@define
class Line:
    """How many requests wait since when: in groups, each of which came evenly spread over some time.

    >>> line = Line()
    >>> began = line.move(arrivals=6, waiting=4, begin=0, end=12, service_time=10)
    >>> line  # two began in these twelve seconds, and the last four of the six wait
    Line(since=[4.0], until=[12], counts=[4.0])
    >>> began[0], round(began[1], 2)  # they waited for up to eight seconds, and count for that much less
    (2.0, 1.38)
    >>> round(line.weight(12, service_time=10), 2)
    2.75
    """

    since: list[float] = field(factory=list)
    """When the first of each group came; the earliest group first."""
    until: list[float] = field(factory=list)
    """When the last of it came."""
    counts: list[float] = field(factory=list)

    def move(
        self, arrivals: float, waiting: float, *, begin: float, end: float, service_time: float
    ) -> tuple[float, float]:
        """So many came between *begin* and *end*, and so many wait then: the others began, the oldest first.

        Where more wait than can be, these have come now. Those that began did so evenly spread over that time.

        Returns:
            how many began, and what they count for together.
        """
        since, until, counts = self.since, self.until, self.counts
        came = max(float(arrivals), waiting - sum(counts))
        if came > 0:
            since, until, counts = [*since, begin], [*until, end], [*counts, came]
        left, first = float(waiting), len(counts)
        while left > 0 and first > 0:
            first -= 1
            left -= counts[first]
        self.since, self.until, self.counts = since[first:], until[first:], counts[first:]
        gone = list(zip(since[:first], until[:first], counts[:first], strict=True))
        if left < 0:  # of the first group that waits the oldest began
            middle = since[first] + (until[first] - since[first]) * -left / counts[first]
            gone.append((since[first], middle, -left))
            self.since[0], self.counts[0] = middle, counts[first] + left
        begun = sum(count for _, _, count in gone)
        each, weight, at = (end - begin) / begun if begun else 0.0, 0.0, begin
        for early, late, count in gone:
            first_wait, at = max(0.0, at - early), at + each * count
            last_wait = max(0.0, at - late)
            waits = (first_wait, last_wait) if first_wait < last_wait else (last_wait, first_wait)
            weight += count * faded(*waits, service_time)
        if len(self.counts) >= _MANY and not len(self.counts) % _EVERY:
            self._join(end)
        return begun, weight

    def weight(self, now: float, service_time: float) -> float:
        """What those that wait count for together."""
        return sum(
            count * faded(max(0.0, now - late), max(0.0, now - early), service_time)
            for early, late, count in zip(self.since, self.until, self.counts, strict=True)
        )

    def _join(self, now: float) -> None:
        """Let groups that came within a sixteenth of their age be one."""
        since: list[float] = []
        until: list[float] = []
        counts: list[float] = []
        earliest = -inf
        for early, late, count in zip(self.since, self.until, self.counts, strict=True):
            if counts and late - earliest <= (now - earliest) / THINNING:
                until[-1] = late
                counts[-1] += count
            else:
                earliest = early
                since.append(early)
                until.append(late)
                counts.append(count)
        self.since, self.until, self.counts = since, until, counts
