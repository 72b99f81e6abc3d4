"""Days, months and minutes of a wall clock, as moments; also on the days on which it skips an hour or repeats one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

from attrs import frozen

__all__ = ["Period", "date_at", "day_of", "moment_at", "month_of"]

_DAY = timedelta(days=1)
_LAST = datetime(9999, 11, 30, tzinfo=UTC).timestamp()
"""Where the calendar ends; a later moment counts as this one."""


@frozen
class Period:
    """From one moment until before another, in epoch seconds."""

    begin: float
    end: float


def date_at(now: float, zone: tzinfo) -> date:
    """Which day it is at *now* on the wall clock of *zone*."""
    return datetime.fromtimestamp(min(now, _LAST), zone).date()


def day_of(now: float, zone: tzinfo) -> Period:
    """The day that it is at *now* in *zone*.

    >>> day_of(1719836000, UTC)
    Period(begin=1719792000.0, end=1719878400.0)
    """
    today = date_at(now, zone)
    return Period(moment_at(today, 0, zone), moment_at(today + _DAY, 0, zone))


def month_of(now: float, zone: tzinfo) -> Period:
    """The month that it is at *now* in *zone*.

    >>> month_of(1719836000, UTC)
    Period(begin=1719792000.0, end=1722470400.0)
    """
    first = date_at(now, zone).replace(day=1)
    return Period(moment_at(first, 0, zone), moment_at((first + 31 * _DAY).replace(day=1), 0, zone))


def moment_at(day: date, minute: int, zone: tzinfo, *, last: bool = False) -> float:
    """When the wall clock of *zone* shows that *minute* of the *day*; 1440 is the midnight after it.

    Of a minute that the clock shows twice it is the first time, or the *last*; of one that it skips the moment at
    which it skips it.

    >>> from zoneinfo import ZoneInfo
    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> moment_at(date(2024, 3, 31), 150, berlin) == datetime(2024, 3, 31, 1, tzinfo=UTC).timestamp()
    True
    >>> moment_at(date(2024, 10, 27), 150, berlin, last=True) - moment_at(date(2024, 10, 27), 150, berlin)
    3600.0
    """
    days, minutes = divmod(minute, 1440)
    naive = datetime.combine(day + days * _DAY, datetime.min.time()) + timedelta(minutes=minutes)
    first, second = (naive.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if first <= second:
        return second if last else first
    return _skip(second, first, zone)


def _skip(before: float, after: float, zone: tzinfo) -> float:
    """The moment at which the wall clock skips an hour, which is after *before* and not after *after*."""
    offset = datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
