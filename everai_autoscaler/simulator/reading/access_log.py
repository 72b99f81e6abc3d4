"""The access log of a web server: Apache's and nginx's common and combined formats."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from itertools import repeat
from random import Random
from typing import Any

from attrs import evolve

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.reading.rows import together
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
    stamps, lines = array("d"), array("q")
    times: list[str] = []
    paths: list[str] = []
    for line, stamp, took, path in _requests(source):
        if times and times[0] and not took:
            raise source.wrong(f"has no request time behind the combined fields, unlike line {lines[0]}", line)
        stamps.append(stamp)
        lines.append(line)
        times.append(took)
        paths.append(path)
    columns: dict[str, Sequence[Any]] = {"class": paths}
    how = "stamps are whole seconds, inside of which requests were spread uniformly"
    at_end = False
    if times and times[0]:
        at_end = any("." in took for took in times)
        unit = UNITS[wanted.unit or ("s" if at_end else "us")]
        columns["service_s"] = array("d", (round(float(took) * unit, 6) for took in times))
    if "service_s" in columns and wanted.service is None:
        how += (
            f"; a line's stamp is taken as the {'end' if at_end else 'start'} of its request; service times are the "
            "logged request times, with whatever wait there was"
        )
    random = chance.random
    earlier = columns["service_s"] if at_end else repeat(0.0, len(stamps))
    came = [stamp + random() - before for stamp, before in zip(stamps, earlier, strict=True)]
    start = min(came, default=0.0)
    arrivals = array("d", (round(one - start, 6) for one in came))
    return evolve(together(source, arrivals, columns, lines, wanted, how), start=start)


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


def _epoch(stamp: str) -> float:
    """The stamp ``10/Oct/2025:13:55:36 -0700`` in epoch seconds."""
    return _minute(f"{stamp[:_SECONDS]}00{stamp[_SECONDS + 2 :]}") + int(stamp[_SECONDS : _SECONDS + 2])


@lru_cache(maxsize=1024)
def _minute(stamp: str) -> float:
    parsed = parsedate_tz(stamp.replace("/", " ").replace(":", " ", 1))
    return float(mktime_tz(parsed))  # type: ignore[arg-type]  # None is the caller's TypeError


_SECONDS = len("10/Oct/2025:13:55:")
_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_PASSED = _QUOTED.replace("(", "(?:", 1)
_LINE = re.compile(rf"\S+ \S+ [^\[]*\[([^\]]+)\] {_QUOTED} (?:\d{{3}}|-) (?:\d+|-)(?: {_PASSED} {_PASSED})?(.*)")
_NAMED_TIME = re.compile(r'\b(?:rt|request_time)="?(\d+(?:\.\d+)?)')
_PLAIN_TIME = re.compile(r'(?<![^\s"(\[])(\d+(?:\.\d+)?)(?![^\s")\]])')
