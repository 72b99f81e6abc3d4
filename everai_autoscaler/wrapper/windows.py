"""Windows of the week, and the bounds that hold within them: as they are written, and when they begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta, tzinfo
from functools import lru_cache
from typing import Any

from attrs import frozen

from everai_autoscaler.errors import ArgumentError, UnknownNameError, did_you_mean
from everai_autoscaler.model import zone_of
from everai_autoscaler.wrapper.wall_clock import date_at, moment_at

__all__ = ["Span", "Window", "windows_of"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_A_DAY = 1440
"""Minutes."""
_KEYS = ("days", "begin", "end", "min_workers", "max_workers", "timezone")
_TIMES = re.compile(r"(\d\d?:\d\d)-(\d\d?:\d\d)")
_FORM = "write 'mon-fri 08:00-18:00 min 4 max 20'"


@frozen
class Span:
    """One time at which a window holds."""

    begin: float
    """Epoch seconds."""
    end: float
    window: Window


@frozen
class Window:
    """A stretch of some days of the week, with bounds."""

    days: frozenset[int]
    """Those on which it begins, of which 0 is Monday."""
    begin: int = 0
    """Minutes after midnight."""
    end: int = _A_DAY
    """The same; not after *begin* where it ends on the next day."""
    min_workers: int | None = None
    max_workers: int | None = None
    zone: tzinfo | None = None
    """Whose wall clock it is; that of the whole schedule where it has none of its own."""
    text: str = ""
    """As it was written."""

    def spans(self, now: float, until: float, zone: tzinfo) -> Iterator[Span]:
        """Each time at which it holds that isn't over *now*, and begins by *until*.

        Where the wall clock shows a minute twice, it begins at the first and ends at the last of them.
        """
        zone = self.zone or zone
        day, last = date_at(now, zone) - timedelta(days=1), date_at(until, zone)
        overnight = _A_DAY if self.end <= self.begin else 0
        while day <= last:
            if day.weekday() in self.days:
                begin = moment_at(day, self.begin, zone)
                end = moment_at(day, self.end + overnight, zone, last=True)
                if begin <= until and now < end:
                    yield Span(begin, end, self)
            day += timedelta(days=1)

    def __str__(self) -> str:
        return self.text


def windows_of(written: Any) -> Sequence[Window]:
    """The windows that are *written*: text with one a line, or after each semicolon; or a list of texts or mappings.

    >>> [window.begin // 60 for window in windows_of("mon-fri 08:00-18:00 min 4 max 20; sat,sun 22:00-02:00 max 3")]
    [8, 22]
    >>> windows_of([{"days": "mon-fri", "begin": "08:00", "end": "18:00", "min_workers": 4}])[0].min_workers
    4

    Raises:
        ArgumentError: one that can't be read; names it.
    """
    if isinstance(written, str):
        written = [line for line in re.split(r"[;\n]", written) if line.strip()]
    if not isinstance(written, list | tuple):
        raise ArgumentError(f"windows: {written!r} is neither text nor a list; {_FORM}")
    found = [_window(one, f"windows[{place}]") for place, one in enumerate(written)]
    if not found:
        raise ArgumentError(f"windows: none is given; {_FORM}")
    return found


def _window(written: Any, where: str) -> Window:
    try:
        return _line(written) if isinstance(written, str) else _read(_fields_of(written), _text(written))
    except (ArgumentError, UnknownNameError) as error:
        raise ArgumentError(f"{where}: {_text(written)!r}: {error}") from None


@lru_cache(maxsize=256)
def _line(written: str) -> Window:
    """A line of text, which is read at each decision."""
    return _read(_fields_of(written), _text(written))


def _read(fields: Mapping[str, Any], text: str) -> Window:
    for key in fields:
        if key not in _KEYS:
            raise UnknownNameError.of("key", key, _KEYS)
    begin, end = _minute(fields.get("begin", "00:00")), _minute(fields.get("end", "24:00"))
    if begin in (end, _A_DAY):
        raise ArgumentError("it ends when it begins; all of a day is 00:00-24:00")
    least, most = _workers(fields, "min_workers"), _workers(fields, "max_workers")
    if least is None and most is None:
        raise ArgumentError(f"it has neither a minimum nor a maximum; {_FORM}")
    if least is not None and most is not None and least > most:
        raise ArgumentError(f"its minimum of {least} is above its maximum of {most}")
    zone = None if fields.get("timezone") is None else zone_of(fields["timezone"])
    return Window(_days(fields.get("days")), begin, end, least, most, zone, text)


def _text(written: Any) -> str:
    """A window as sentences quote it."""
    if not isinstance(written, Mapping):
        return " ".join(str(written).split())
    names = {"min_workers": "min ", "max_workers": "max "}
    times = f"{written.get('begin', '00:00')}-{written.get('end', '24:00')}"
    bounds = [f"{word}{written[name]}" for name, word in names.items() if written.get(name) is not None]
    parts = [written.get("days"), times, written.get("timezone"), *bounds]
    return " ".join(str(part) for part in parts if part)


def _fields_of(written: Any) -> Mapping[str, Any]:
    """What a window says, by the keys that a mapping has."""
    if isinstance(written, Mapping):
        return written
    if not isinstance(written, str):
        raise ArgumentError(f"it is neither text nor a mapping; {_FORM}")
    fields: dict[str, Any] = {}
    words = iter(written.split())
    for word in words:
        if times := _TIMES.fullmatch(word):
            given = {"begin": times[1], "end": times[2]}
        elif word in ("min", "max"):
            given = {f"{word}_workers": next(words, "")}
        elif "/" in word or word.upper() == "UTC":
            given = {"timezone": word}
        else:
            given = {"days": word}
        for name, value in given.items():
            if name in fields:
                raise ArgumentError(f"{value!r} says {name} a second time; {_FORM}")
            fields[name] = value
    return fields


def _days(written: Any) -> frozenset[int]:
    """The days that a list such as ``mon-wed,sat`` names; every day where it is empty."""
    if written is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in str(written).lower().split(","):
        first, dash, last = part.partition("-")
        begin, end = _day(first), _day(last if dash else first)
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(found)


def _day(name: str) -> int:
    if name not in _DAYS:
        hint = did_you_mean(name, _DAYS)
        raise ArgumentError(f"{name!r} is no day and no list such as 'mon-wed,sat'; {_FORM}{hint}")
    return _DAYS.index(name)


def _minute(written: Any) -> int:
    """Minutes after midnight of a time such as ``08:30``; YAML makes seconds or minutes of one without quotes."""
    hours, _, minutes = str(written).partition(":")
    if hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and int(minutes) < 60:
        minute = int(hours) * 60 + int(minutes)
        if minute <= _A_DAY:
            return minute
    raise ArgumentError(f"{written!r} is no time from '00:00' to '24:00', in quotation marks")


def _workers(fields: Mapping[str, Any], name: str) -> int | None:
    given = fields.get(name)
    if given is None:
        return None
    if isinstance(given, bool) or not str(given).isdecimal():
        raise ArgumentError(f"{name}: {given!r} is not a whole number of at least 0")
    return int(given)
