"""The access log of a web server: Apache's and nginx's common and combined formats."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from random import Random

from attrs import evolve

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.reading.published import together
from everai_autoscaler.simulator.reading.rows import Row
from everai_autoscaler.simulator.reading.source import Source, Wanted
from everai_autoscaler.simulator.workload import MOST_REQUESTS, Workload

__all__ = ["UNITS", "is_access_log", "read_access_log"]

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
"""For each unit of request times its seconds."""


def is_access_log(line: str) -> bool:
    """Whether *line* is one of an access log.

    >>> is_access_log('::1 - - [10/Oct/2025:13:55:36 -0700] "GET / HTTP/1.1" 200 5')
    True
    """
    return _LINE.match(line) is not None


def read_access_log(source: Source, wanted: Wanted) -> Workload:
    """An access log in common or combined format, whose lines may end in the time that the request took.

    A time with a point is nginx's ``$request_time``: seconds, and the line's stamp is the end of the request. A whole
    number is Apache's ``%D``: microseconds, and the stamp is the start; ``unit`` says otherwise. It is the first number
    behind the combined fields, or what stands behind ``rt=`` or ``request_time=``. Stamps are whole seconds, inside of
    which requests are spread uniformly. Servers write a line when a request is over, so that they are sorted by arrival
    here. The class of a request is its path. A logged time holds what the request waited before it was served, too.

    Raises:
        ContractError: a line isn't one of such a log, or has no time where the first one has; names the line.
        ArgumentError: a unit that there isn't.
    """
    if wanted.unit is not None and wanted.unit not in UNITS:
        raise ArgumentError(f"unit: {wanted.unit!r} is not one of {', '.join(UNITS)}")
    chance = Random(f"{wanted.seed}:spread")  # noqa: S311 - repeats from run to run
    found = list(_requests(source))
    if not found:
        raise source.wrong("has no requests")
    timed = bool(found[0][2])
    at_end = any("." in took for _, _, took, _ in found)
    unit = UNITS[wanted.unit or ("s" if at_end else "us")]
    rows: list[Row] = []
    lines: list[int] = []
    for line, stamp, took, path in found:
        if timed and not took:
            raise source.wrong(f"has no request time behind the combined fields, unlike line {found[0][0]}", line)
        service = float(took) * unit if timed else 0.0
        rows.append((stamp + chance.random() - (service if at_end else 0.0), service, "", "", "", path))
        lines.append(line)
    start = min(row[0] for row in rows)
    rows = [(round(row[0] - start, 6), round(row[1], 6), *row[2:]) for row in rows]
    how = "stamps are whole seconds, inside of which requests were spread uniformly"
    if timed and wanted.service is None:
        how += (
            f"; a line's stamp is taken as the {'end' if at_end else 'start'} of its request; service times are the "
            "logged request times, with whatever wait there was"
        )
    present = ("service_s", "class") if timed else ("class",)
    return evolve(together(source, rows, lines, present, wanted, how), start=start)


def _requests(source: Source) -> Iterator[tuple[int, float, str, str]]:
    """Of each line its number, its stamp in epoch seconds, the request time as written, and the path."""
    match, named, plain = _LINE.match, _NAMED_TIME.search, _PLAIN_TIME.search
    for number, line in enumerate(source.lines, 1):
        found = match(line)
        if found is None:
            if not line.strip():
                continue
            raise source.wrong(f"{line.strip():.60} is not a line of an access log in combined format", number)
        stamp, request, rest = found.groups()
        try:
            seconds = _epoch(stamp)
        except (TypeError, ValueError, OverflowError):
            raise source.wrong(f"{stamp!r} is not a date and time", number) from None
        took = named(rest) or plain(rest)
        parts = request.split(" ", 2)
        path = parts[1] if len(parts) > 1 else request
        yield number, seconds, took[1] if took else "", sys.intern(path.partition("?")[0])
        if number > MOST_REQUESTS:
            raise source.wrong(f"one line more than the {MOST_REQUESTS:,} that are accepted", number)


@lru_cache(maxsize=4096)
def _epoch(stamp: str) -> float:
    """The stamp ``10/Oct/2025:13:55:36 -0700`` in epoch seconds."""
    parsed = parsedate_tz(stamp.replace("/", " ").replace(":", " ", 1))
    return float(mktime_tz(parsed))  # type: ignore[arg-type]  # None is the caller's TypeError


_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf'\S+ \S+ .*?\[([^\]]+)\] {_QUOTED} (?:\d{{3}}|-) (?:\d+|-)(?: "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*")?(.*)'
)
_NAMED_TIME = re.compile(r'(?:\brt|\brequest_time)="?(\d+(?:\.\d+)?)')
_PLAIN_TIME = re.compile(r'(?<![^\s"(\[])(\d+(?:\.\d+)?)(?![^\s")\]])')
