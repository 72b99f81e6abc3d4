"""Windows that slide: the largest value of the last seconds, and sums over them, in a few numbers each."""

from __future__ import annotations

from bisect import bisect_right
from math import ceil, frexp, ldexp

from attrs import define, field

from everai_autoscaler.builtin.demand.assumptions import THINNING

__all__ = ["Peaks", "Tape"]

_MANY_PEAKS, _MANY_POINTS = 48, 32
"""Entries from which on they are thinned; once for every so many that are added."""
_EVERY = 16
_DIGITS = 6
"""Digits after the point of what is remembered: a record holds all of it, once for each decision."""


@define
class Peaks:
    """The values that may still be the largest of a window: each is below the one before, and later.

    >>> peaks = Peaks()
    >>> for now, value in [(0, 5.0), (10, 2.0), (20, 3.0)]:
    ...     peaks.join(now, value, longest=60)
    >>> peaks.largest(20, 5), peaks.largest(20, 20), peaks.largest(20, 21)
    (3.0, 3.0, 5.0)
    """

    times: list[float] = field(factory=list)
    values: list[float] = field(factory=list)

    def join(self, now: float, value: float, *, longest: float) -> None:
        """Add the present *value*, and forget what is older than *longest* seconds, or matters no more."""
        times, values, value = self.times, self.values, round(value, _DIGITS)
        while values and values[-1] <= value:
            values.pop()
            times.pop()
        times.append(now)
        values.append(value)
        if times[0] <= now - longest:
            past = bisect_right(times, now - longest)
            del times[:past], values[:past]
        if len(times) >= _MANY_PEAKS and not len(times) % _EVERY:
            self._thin(now)

    def largest(self, now: float, seconds: float) -> float:
        """The largest value of the last so many *seconds*; the last value where that is 0.

        A value is in a window of 60 s until it is 60 s old; or, once the entries are thinned, at most a sixteenth of
        its age longer. It never leaves earlier.
        """
        return self.values[min(bisect_right(self.times, now - seconds), len(self.times) - 1)]

    def _thin(self, now: float) -> None:
        """Let entries of nearly one age be one, which has the largest value and the latest time.

        A time becomes the next multiple of a power of two that is at most a sixteenth of its age. Since each such
        power divides the next, a time never moves by more than the last of them, however often it is thinned.
        """
        times: list[float] = []
        values: list[float] = []
        for time, value in zip(self.times, self.values, strict=True):
            _, exponent = frexp((now - time) / THINNING)
            step = ldexp(0.5, exponent)
            moved = ceil(time / step) * step if time < now else time
            if not times or moved > times[-1]:
                times.append(moved)
                values.append(value)
        self.times, self.values = times, values


@define
class Tape:
    """Two sums that grow with time, at some moments: what lies between two moments is their difference.

    >>> tape = Tape([0.0], [0.0], [0.0])
    >>> for now in (10, 20, 30):
    ...     tape.record(now, area=40.0, arrivals=5, longest=300)
    >>> tape.over(15)
    (15, 60.0, 7.5)
    >>> tape.over(300)
    (30.0, 120.0, 15.0)
    """

    times: list[float]
    areas: list[float]
    """Demand times seconds since the beginning."""
    arrivals: list[float]
    """Requests that arrived since the beginning."""

    def record(self, now: float, *, area: float, arrivals: float, longest: float) -> None:
        """Add what came since the last moment; forget what *longest* seconds don't need."""
        times, areas, counts = self.times, self.areas, self.arrivals
        if now <= times[-1]:
            areas[-1] += area
            counts[-1] += arrivals
            return
        times.append(now)
        areas.append(round(areas[-1] + area, _DIGITS))
        counts.append(round(counts[-1] + arrivals, _DIGITS))
        past = bisect_right(times, now - longest) - 1  # the last before the window is its beginning
        if past > 0:
            del times[:past], areas[:past], counts[:past]
        if len(times) >= _MANY_POINTS and not len(times) % _EVERY:
            self._thin(now)

    def over(self, seconds: float) -> tuple[float, float, float]:
        """For the last so many *seconds*, or for as many as there are: how many, the area, and the arrivals."""
        times, areas, counts = self.times, self.areas, self.arrivals
        now, area, arrived = times[-1], areas[-1], counts[-1]
        begin = now - seconds
        if begin <= times[0]:
            return now - times[0], area - areas[0], arrived - counts[0]
        after = bisect_right(times, begin)
        before = after - 1
        share = (begin - times[before]) / (times[after] - times[before])
        return (
            seconds,
            area - areas[before] - share * (areas[after] - areas[before]),
            arrived - counts[before] - share * (counts[after] - counts[before]),
        )

    def _thin(self, now: float) -> None:
        """Leave out each moment whose neighbours are closer to each other than a sixteenth of its age."""
        times, keep = self.times, [0]
        for place in range(1, len(times) - 1):
            if times[place + 1] - times[keep[-1]] > (now - times[place]) / THINNING:
                keep.append(place)
        keep.append(len(times) - 1)
        self.times, self.areas, self.arrivals = (
            [column[place] for place in keep] for column in (times, self.areas, self.arrivals)
        )
