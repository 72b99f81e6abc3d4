"""Axes: which moments, numbers and waits are written beside a panel, and where."""

from __future__ import annotations

import math

from attrs import frozen

__all__ = ["Scale", "duration", "log_scale", "number_scale", "step_near", "time_ticks", "time_unit", "wait_scale"]


@frozen
class Scale:
    """An axis from 0 to *top*: ticks are (place between 0 and 1, label)."""

    top: float
    ticks: tuple[tuple[float, str], ...]
    linear_to: float = math.inf
    """Above this it is logarithmic."""
    start: float = 0.0
    """Above 0: it is logarithmic from here."""

    def place(self, value: float) -> float:
        """Where *value* stands: 0 at the bottom, 1 at the top."""
        if self.start:
            return math.log(max(value, self.start) / self.start) / math.log(self.top / self.start)
        if self.linear_to == math.inf:
            return min(value / self.top, 1.0)
        return _bent(min(value, self.top), self.linear_to) / _bent(self.top, self.linear_to)


def number_scale(most: float, *, whole: bool = True, ticks: float = 3.4) -> Scale:
    """An axis for numbers up to *most*, with about as many *ticks* or a few less.

    >>> [label for _, label in number_scale(34).ticks]
    ['0', '10', '20', '30']
    """
    if not most > 0:
        return Scale(1.0, ((0.0, "0"), (1.0, "1")))
    top = most * 1.06
    step = step_near(most / ticks)
    if whole:
        step = max(1.0, step)
        top = max(top, 1.06)
    count = math.floor(top / step)
    return Scale(top, tuple((i * step / top, f"{i * step:,.10g}") for i in range(count + 1)))


def log_scale(least: float, most: float) -> Scale:
    """A logarithmic axis from a little below *least* to a little above *most*; both above 0.

    >>> [label for _, label in log_scale(2, 90).ticks]
    ['2', '5', '10', '20', '50', '100']
    """
    start, top = least / 1.15, most * 1.15
    first = math.floor(math.log10(start))
    values = [m * 10.0**e for e in range(first, math.ceil(math.log10(top)) + 1) for m in (1, 2, 5)]
    scale = Scale(top, (), start=start)
    return Scale(top, tuple((scale.place(v), f"{v:,.10g}") for v in values if start <= v <= top), start=start)


def wait_scale(longest: float, limit: float) -> Scale:
    """An axis for waits in seconds, logarithmic above *limit* where *longest* is many times as long.

    >>> [label for _, label in wait_scale(2000, 5).ticks]
    ['0 s', '5 s', '30 s', '5 min', '30 min']
    """
    top = max(longest, limit * 1.5 if limit > 0 else 0.0, 1e-3) * 1.1
    if limit <= 0 or top < 12 * limit:
        step = step_near(top / 4, duration_like=True)
        values = [i * step for i in range(math.floor(top / step) + 1)]
        return Scale(top, tuple((value / top, duration(value)) for value in values))
    scale = Scale(top, (), linear_to=limit)
    values = [0.0, limit]
    for value in (10, 30, 60, 300, 1800, 7200, 28800, 86400, 432000, 2592000):
        if limit * 1.5 < value < top and scale.place(value) - scale.place(values[-1]) > _APART:
            values.append(float(value))
    return Scale(top, tuple((scale.place(value), duration(value)) for value in values), linear_to=limit)


def time_unit(span: float) -> tuple[float, str]:
    """In which unit a time axis of *span* seconds is written: its seconds, and its name.

    >>> time_unit(90), time_unit(3600), time_unit(86400)
    ((1.0, 's'), (60.0, 'min'), (3600.0, 'h'))
    """
    if span <= 180:
        return 1.0, "s"
    if span <= 3 * 3600:
        return 60.0, "min"
    if span <= 3 * 86400:
        return 3600.0, "h"
    return 86400.0, "days"


def time_ticks(span: float, count: int = 12) -> list[tuple[float, str]]:
    """About *count* moments (seconds) from 0 to *span*, each with what is written at it.

    >>> time_ticks(3600, 4)
    [(0.0, '0'), (900.0, '15'), (1800.0, '30'), (2700.0, '45'), (3600.0, '60')]
    """
    unit, _ = time_unit(span)
    step = step_near(span / count, duration_like=unit > 1)
    return [(i * step, f"{i * step / unit:.6g}") for i in range(math.floor(span / step * 1.000001) + 1)]


def step_near(size: float, *, duration_like: bool = False) -> float:
    """The round number next to and not much below *size*: 1, 2 or 5 of a power of ten, or what a clock has.

    >>> step_near(34), step_near(700, duration_like=True)
    (50.0, 900.0)
    """
    if duration_like and 1 < size <= 86400:
        return next(float(step) for step in _CLOCK if step >= size)
    if duration_like and size > 86400:
        return 86400 * step_near(size / 86400)
    power = 10.0 ** math.floor(math.log10(size))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= size * 0.999999)


def duration(seconds: float) -> str:
    """*seconds* in the unit that a person would say.

    >>> duration(0.25), duration(90), duration(5400), duration(200000)
    ('0.25 s', '90 s', '1.5 h', '2.31 days')
    """
    if seconds < 100:
        return f"{seconds:.3g} s"
    if seconds < 3600:
        return f"{seconds / 60:.3g} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 86400:.3g} days"


_APART = 0.13
"""Labels of waits are at least this share of the axis apart."""
_CLOCK = (2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)


def _bent(value: float, bend: float) -> float:
    """Linear up to *bend*, logarithmic above it, without a kink; in units of *bend*."""
    return value / bend if value <= bend else 1 + math.log(value / bend)
