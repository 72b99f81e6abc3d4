"""Which minutes a rule such as ``* 9-22 * * 1-5`` means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from attrs import field, frozen

from everai_autoscaler.errors import ArgumentError, did_you_mean
from everai_autoscaler.words import counted

__all__ = ["CronRule"]


@frozen
class CronRule:
    """The minutes of a wall clock that ``MIN HOUR DOM MON DOW`` means.

    A field is ``*``, a number, a name (``JAN``-``DEC``, ``SUN``-``SAT``, in any case), a range ``9-17``, a step
    ``*/15``, ``0-30/10`` or ``5/20`` (from 5 to the end), or a list of those with commas. 0 and 7 are both Sunday.

    *All* fields must agree. Unlike Vixie's cron, day of month and day of week are no exception: ``0 9 1-7 * MON`` is
    nine o'clock on the first Monday of a month, not on every Monday and each of the first seven days.

    A range whose end comes before its start goes round: ``22-6`` is 22, 23 and 0 to 6, ``FRI-MON`` four days,
    ``NOV-FEB`` four months, and days ``25-5`` are 25 to 31 and 1 to 5. Steps count from the start of the range (in days
    of the month, as if each month had 31).

    >>> night = CronRule.parse("* 22-6 * * MON-FRI")
    >>> night.matches(datetime(2024, 7, 29, 23, 15))
    True
    >>> night.matches(datetime(2024, 7, 29, 12, 0))
    False
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """Sunday is 0."""
    text: str = field(eq=False)
    """As it was written; takes no part in equality."""

    @classmethod
    def parse(cls, text: str) -> CronRule:
        """The rule that *text* means.

        Raises:
            ArgumentError: it can't be read, or could never match (30 February).
        """
        if not isinstance(text, str):
            raise ArgumentError(f"cron rule {text!r} is not text; write five fields: MIN HOUR DOM MON DOW")
        written = text.split()
        if len(written) != len(_FIELDS):
            raise ArgumentError(
                f"cron rule {text!r} has {counted(len(written), 'field')};"
                " write five fields: MIN HOUR DOM MON DOW"
                + ("; shorthands with @ are not read" if text.lstrip().startswith("@") else "")
            )
        try:
            minutes, hours, days, months, weekdays = (
                frozenset(_values(field, part)) for field, part in zip(_FIELDS, written, strict=True)
            )
        except ArgumentError as error:
            raise ArgumentError(f"cron rule {text!r}: {error}") from None
        if min(days) > max(_LONGEST[month] for month in months):
            raise ArgumentError(
                f"cron rule {text!r} never matches: no day {written[2]} in month {written[3]}; write a day that comes"
            )
        return cls(minutes, hours, days, months, weekdays, text)

    def matches(self, moment: datetime) -> bool:
        """Whether the wall clock of *moment* shows one of these minutes; its seconds and its zone are not looked at."""
        return (
            moment.minute in self.minutes
            and moment.hour in self.hours
            and moment.day in self.days
            and moment.month in self.months
            and moment.isoweekday() % 7 in self.weekdays
        )


@frozen
class _Field:
    word: str
    low: int
    high: int
    size: int
    """How many values there are before they repeat: a week has 7, though it may be written with 0 to 7."""
    names: Mapping[str, int] = MappingProxyType({})

    def accepted(self) -> str:
        names = f" or {', '.join(self.names)}" if self.names else ""
        return f"{self.low} to {self.high}{names}"


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("minute", 0, 59, 60),
    _Field("hour", 0, 23, 24),
    _Field("day of month", 1, 31, 31),
    _Field("month", 1, 12, 12, MappingProxyType({name: number for number, name in enumerate(_MONTHS, 1)})),
    _Field("day of week", 0, 7, 7, MappingProxyType({name: number for number, name in enumerate(_WEEKDAYS)})),
)
_LONGEST = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))
"""Days of each month; in a leap year, as a rule for 29 February does match sometimes (and on every weekday)."""

_ITEM = re.compile(r"(?P<first>[^-/]+)(-(?P<last>[^-/]+))?(/(?P<step>[^-/]+))?")
_DIGITS = re.compile(r"[0-9]{1,9}")
_QUARTZ = re.compile(r"\?|[0-9]*(L|W|LW)|[A-Z]{3}L|.*#.*")


def _values(field: _Field, written: str) -> Iterator[int]:
    for item in written.split(","):
        parts = _ITEM.fullmatch(item)
        if parts is None or (parts["first"] == "*" and parts["last"] is not None):
            raise ArgumentError(
                f"{field.word} {item!r} can't be read; write *, a number, a range a-b, a step */n or a-b/n,"
                " or a list of those with commas"
            )
        step = 1 if parts["step"] is None else _step(field, parts["step"])
        top = field.low + field.size - 1
        if parts["first"] == "*":
            first, last = field.low, top
        else:
            first = _number(field, parts["first"])
            if parts["last"] is not None:
                last = _number(field, parts["last"])
            elif parts["step"] is not None:
                # 7 is Sunday, which a week starts with: 7/2 is SUN/2.
                first, last = _turned(field, first), top
            else:
                last = first
        if last < first:
            last += field.size
        for value in range(first, last + 1, step):
            yield _turned(field, value)


def _turned(field: _Field, value: int) -> int:
    return field.low + (value - field.low) % field.size


def _number(field: _Field, written: str) -> int:
    name = written.upper()
    if name in field.names:
        return field.names[name]
    if _DIGITS.fullmatch(written):
        number = int(written)
        if field.low <= number <= field.high:
            return number
        raise ArgumentError(f"{field.word} {written!r} is out of range; accepted: {field.accepted()}")
    if _QUARTZ.fullmatch(name):
        raise ArgumentError(f"{field.word} {written!r}: ?, L, W and # are not read; accepted: *, {field.accepted()}")
    raise ArgumentError(
        f"{field.word} {written!r} is not known; accepted: {field.accepted()}{did_you_mean(name, field.names)}"
    )


def _step(field: _Field, written: str) -> int:
    if _DIGITS.fullmatch(written) and 1 <= int(written) <= field.high:
        return int(written)
    raise ArgumentError(f"{field.word} step {written!r} is not accepted; accepted: 1 to {field.high}")
