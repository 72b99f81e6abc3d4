"""Requests counted per interval, of one app or of several: a table of counts, and Azure Functions' as published."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from random import Random

from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.simulator.reading.published import epoch_seconds, spread
from everai_autoscaler.simulator.reading.rows import modelled_services
from everai_autoscaler.simulator.reading.source import Source, Wanted
from everai_autoscaler.simulator.workload import LONGEST_GAP, MOST_REQUESTS, Workload

__all__ = ["TIME_COLUMNS", "read_azure_functions", "read_counts", "the_app"]

TIME_COLUMNS: Mapping[str, float] = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86_400.0,
    "time": 1.0,
    "time_s": 1.0,
    "timestamp": 1.0,
    "datetime": 1.0,
    "date": 1.0,
}
"""For each name that the first column may have the seconds that its unit lasts; it may hold dates and times, too."""
_A_MINUTE, _MINUTES_OF_A_DAY = 60.0, 1440
_SHOWN = 10


def read_counts(source: Source, wanted: Wanted) -> dict[str, Workload]:
    """A CSV file with an interval in each row: when it begins, then for each app the requests that came in it.

    The first column is called as one of ``TIME_COLUMNS`` has it. An interval is as long as the shortest step from one
    row to the next; requests are spread uniformly inside it.

    Raises:
        ContractError: something is wrong with it; names the line.
        UnknownNameError: it has no such app.
    """
    reader = csv.reader(source.lines)
    starts: list[float] = []
    try:
        header = [column.strip() for column in next((row for row in reader if any(row)), [])]
        unit = TIME_COLUMNS.get(header[0].lower()) if len(header) > 1 else None
        if unit is None:
            names = ", ".join(TIME_COLUMNS)
            raise source.wrong(f"the first of several columns must be called one of {names}", max(1, reader.line_num))
        apps = [the_app(header[1:], wanted, source)] if not wanted.every else header[1:]
        places = [header.index(app, 1) for app in apps]
        columns = [array("q") for _ in apps]
        for row in reader:
            if any(row):
                line = reader.line_num
                start = _moment(row[0], unit, source, line)
                if starts and not 0 < start - starts[-1] <= LONGEST_GAP:
                    most = LONGEST_GAP / 86_400
                    raise source.wrong(
                        f"{header[0]}: {row[0]!r} is not after the row before, by up to {most:.0f} days", line
                    )
                starts.append(start)
                for app, place, column in zip(apps, places, columns, strict=True):
                    column.append(_count(row[place] if place < len(row) else "", app, source, line))
    except csv.Error as error:
        raise source.wrong(str(error), reader.line_num) from error
    if not starts:
        raise source.wrong("has no requests")
    if len(starts) == 1 and unit == 1:
        raise source.wrong("one row doesn't say how long its interval is")
    step = min((after - before for before, after in pairwise(starts)), default=unit)
    epoch = starts[0] if starts[0] > LONGEST_GAP else None
    seconds = [start - starts[0] for start in starts]
    return {
        app: _spread(source, app if len(header) > 2 else "", seconds, step, column, wanted, epoch)
        for app, column in zip(apps, columns, strict=True)
    }


def read_azure_functions(source: Source, wanted: Wanted) -> dict[str, Workload]:
    """Azure Functions' invocations per minute (2019): ``HashFunction``, and columns 1 to 1440 for the minutes of a day.

    An app is called by its ``HashFunction``, or by the beginning of it where no other begins so.

    Raises:
        ContractError: something is wrong with it; names the line.
        UnknownNameError: it has no such function.
    """
    reader = csv.reader(source.lines)
    counts: dict[str, array[int]] = {}
    try:
        header = [column.strip() for column in next((row for row in reader if any(row)), [])]
        minutes = {
            minute: header.index(str(minute)) for minute in range(1, _MINUTES_OF_A_DAY + 1) if str(minute) in header
        }
        if "HashFunction" not in header or not minutes:
            raise source.wrong("no column HashFunction, or none for a minute", max(1, reader.line_num))
        key = header.index("HashFunction")
        for row in reader:
            name = row[key] if key < len(row) else ""
            if not name or (wanted.app is not None and not name.startswith(wanted.app)):
                continue
            column = counts.setdefault(name, array("q", bytes(8 * _MINUTES_OF_A_DAY)))
            if len(counts) > 1 and not wanted.every:
                two = " and ".join(counts)
                raise source.wrong(f"has several functions, such as {two}: say which by app, or read each by read_apps")
            for minute, place in minutes.items():
                given = row[place] if place < len(row) else ""
                if given != "0":
                    column[minute - 1] += _count(given, str(minute), source, reader.line_num)
    except csv.Error as error:
        raise source.wrong(str(error), reader.line_num) from error
    if not counts:
        if wanted.app is not None:
            raise UnknownNameError(f"{source.name}: no HashFunction begins with {wanted.app!r}")
        raise source.wrong("has no requests")
    starts = [_A_MINUTE * minute for minute in range(_MINUTES_OF_A_DAY)]
    return {name: _spread(source, name, starts, _A_MINUTE, column, wanted) for name, column in counts.items()}


def the_app(apps: Sequence[str], wanted: Wanted, source: Source) -> str:
    """The one of *apps* that is *wanted*, or the only one.

    Raises:
        UnknownNameError: there is no such app.
        ContractError: there are several, and none was named.
    """
    if wanted.app is not None:
        if wanted.app not in apps:
            raise UnknownNameError(f"{source.name}: {UnknownNameError.of('app', wanted.app, apps)}")
        return wanted.app
    if len(apps) > 1:
        shown = ", ".join(apps[:_SHOWN]) + (", ..." if len(apps) > _SHOWN else "")
        raise source.wrong(f"has {len(apps)} apps ({shown}): say which by app, or read each by read_apps")
    return apps[0]


def _spread(
    source: Source,
    app: str,
    starts: Iterable[float],
    step: float,
    column: array[int],
    wanted: Wanted,
    epoch: float | None = None,
) -> Workload:
    total = sum(column)
    if not total:
        raise source.wrong(f"{app}: has no requests" if app else "has no requests")
    if total > MOST_REQUESTS:
        raise source.wrong(f"has {total:,} requests; at most {MOST_REQUESTS:,} are accepted")
    chance = Random(f"{wanted.seed}:spread:{app}")  # noqa: S311 - repeats from run to run
    arrivals = array("d")
    for start, number in zip(starts, column, strict=True):
        if number:
            arrivals.extend(spread(start, step, number, chance))
    services, modelled = modelled_services(total, None, None, wanted, source, stream=app)
    how = f"counts per {step:g} s, inside of which arrivals were spread uniformly"
    return Workload(
        f"{source.label} {app}".strip(),
        arrivals,
        services,
        start=epoch,
        source=source.name,
        modelled=f"{how}; {modelled}",
    )


def _moment(given: str, unit: float, source: Source, line: int) -> float:
    try:
        moment = float(given) * unit
    except ValueError:
        try:
            moment = epoch_seconds(given)
        except ValueError:
            moment = -1.0
    if not 0 <= moment < float("inf"):
        raise source.wrong(f"{given!r} is neither a number of at least 0 nor a date and time", line)
    return moment


def _count(given: str, column: str, source: Source, line: int) -> int:
    try:
        count = float(given)
    except ValueError:
        count = -1.0
    if not 0 <= count <= MOST_REQUESTS or count % 1:
        raise source.wrong(f"{column}: {given!r} is not a whole number of requests from 0 to {MOST_REQUESTS:,}", line)
    return int(count)
