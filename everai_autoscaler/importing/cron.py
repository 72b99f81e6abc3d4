"""Two cron expressions as the window between them, where they are plain enough for that."""

from __future__ import annotations

import re

__all__ = ["window"]

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PLAIN = re.compile(r"(\d{1,2}) +(\d{1,2}) +\* +\* +(\S+)")


def window(start: str, end: str, timezone: str, least: int) -> str | None:
    """The window that begins at *start* and ends at *end*, in which there are at least so many workers.

    Args:
        start: a cron expression of a minute and an hour, and maybe days of the week.
        end: the same; on the next day where it isn't later than *start*.
        timezone: whose wall clock it is.
        least: the minimum.

    Returns:
        The window as the wrapper ``schedule`` reads it; ``None`` where an expression says more than that.

    >>> window("0 8 * * 1-5", "30 18 * * 1-5", "Europe/Berlin", 4)
    'mon-fri 08:00-18:30 Europe/Berlin min 4'
    >>> window("*/5 8 * * *", "0 18 * * *", "UTC", 4) is None
    True
    """
    begins, ends = _read(start), _read(end)
    if begins is None or ends is None or begins[0] == ends[0]:
        return None
    (begin, days), (finish, last_days) = begins, ends
    overnight = finish < begin
    if last_days != {(day + overnight) % 7 for day in days}:
        return None
    times = f"{begin // 60:02}:{begin % 60:02}-{finish // 60:02}:{finish % 60:02}"
    return " ".join(filter(None, [_written(days), times, timezone, f"min {least}"]))


def _read(expression: str) -> tuple[int, set[int]] | None:
    """Minutes after midnight, and the days of the week, of which 0 is Sunday."""
    match = _PLAIN.fullmatch(expression.strip())
    if match is None or int(match[1]) > 59 or int(match[2]) > 23:
        return None
    days: set[int] = set()
    for part in match[3].lower().split(","):
        first, dash, last = part.partition("-")
        ends = [_day(first), _day(last if dash else first)]
        if part in ("*", "?"):
            ends = [0, 6]
        if None in ends:
            return None
        begin, end = (day or 0 for day in ends)
        days |= {day % 7 for day in range(begin, end + 1)}
    return (int(match[2]) * 60 + int(match[1]), days) if days else None


def _day(written: str) -> int | None:
    if written in _DAYS:
        return _DAYS.index(written)
    return int(written) if written.isdecimal() and int(written) <= 7 else None


def _written(days: set[int]) -> str:
    """The *days* as a window names them; empty for all of them."""
    if len(days) == 7:
        return ""
    names = [_DAYS[day] for day in (*range(1, 7), 0) if day in days]
    in_a_row = max(days) - min(days) == len(days) - 1 and len(days) > 2
    return f"{names[0]}-{names[-1]}" if in_a_row and 0 not in days else ",".join(names)
