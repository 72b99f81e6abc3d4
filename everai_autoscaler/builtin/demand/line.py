"""The requests that wait, first come, first served, as counts alone tell of them."""

from __future__ import annotations

from math import inf

from attrs import define

from everai_autoscaler.builtin.demand.arithmetic import faded
from everai_autoscaler.builtin.demand.assumptions import THINNING

__all__ = ["Line"]

_MANY = 128
"""Times from which on those of about one age are joined; once for every so many that are added."""
_EVERY = 16


@define
class Line:
    """How many requests wait since when; those of one period have come in its middle.

    >>> line = Line([], [])
    >>> line.move(arrivals=6, middle=10, waiting=4, service_time=10)  # two began as they came
    (2.0, 2.0)
    >>> line.move(arrivals=1, middle=20, waiting=2, service_time=10)  # three began, after ten seconds each
    (3.0, 1.103638323514327)
    >>> line
    Line(times=[10, 20], counts=[1.0, 1.0])
    """

    times: list[float]
    """The earliest first."""
    counts: list[float]

    def move(self, arrivals: float, middle: float, waiting: float, service_time: float) -> tuple[float, float]:
        """So many came in a period round *middle*, and so many wait after it: the others began, the oldest first.

        Where more wait than can be, these have come now.

        Returns:
            how many began, and what they count for together.
        """
        times, counts = self.times, self.counts
        came = max(float(arrivals), waiting - sum(counts))
        if came > 0:
            times, counts = [*times, middle], [*counts, came]
        left, first = float(waiting), len(counts)
        while left > 0 and first > 0:
            first -= 1
            left -= counts[first]
        # All from there on wait, but for those of the first of them by which there were too many.
        over = -left if left < 0 else 0.0
        begun, weight = sum(counts[:first]) + over, over
        if over:
            weight *= faded(max(0.0, middle - times[first]), service_time)
            counts[first] -= over
        for time, count in zip(times[:first], counts[:first], strict=True):
            weight += count * faded(max(0.0, middle - time), service_time)
        self.times, self.counts = times[first:], counts[first:]
        if len(self.times) >= _MANY and not len(self.times) % _EVERY:
            self._join(middle)
        return begun, weight

    def weight(self, now: float, service_time: float) -> float:
        """What those that wait count for together."""
        return sum(
            count * faded(max(0.0, now - time), service_time)
            for time, count in zip(self.times, self.counts, strict=True)
        )

    def _join(self, now: float) -> None:
        """Let those that came within a sixteenth of their age be one, at their mean time."""
        times: list[float] = []
        counts: list[float] = []
        earliest = -inf
        for time, count in zip(self.times, self.counts, strict=True):
            if time - earliest <= (now - earliest) / THINNING and times:
                counts[-1] += count
                times[-1] += (time - times[-1]) * count / counts[-1]
            else:
                earliest = time
                times.append(time)
                counts.append(count)
        self.times, self.counts = times, counts
