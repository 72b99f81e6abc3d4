"""Requests taken row by row, each refused that no request can be, with its line."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice, pairwise, repeat
from operator import le
from random import Random
from typing import Any

from everai_autoscaler.simulator.reading.source import Source, Wanted
from everai_autoscaler.simulator.service import FromTokens
from everai_autoscaler.simulator.workload import LONGEST_GAP, MOST_REQUESTS, Workload, wrong_arrival

__all__ = ["COLUMNS", "NO_SERVICE", "Row", "modelled_services", "taken", "together", "whole"]

COLUMNS = ("arrival_s", "service_s", "session", "input_tokens", "output_tokens", "class")
"""What a request may have."""
NO_SERVICE = (
    "doesn't say how long requests take (no column service_s, no tokens): "
    "give a model of it as service, such as 2.5, 'exponential:3', 'lognormal:6:1'"
)
"""What is missing where nothing says how long a request takes."""

Row = tuple[Any, Any, Any, Any, Any, Any]
"""The values of ``COLUMNS``, as they were written."""


def taken(
    source: Source, rows: Iterable[Row], line: Callable[[], int], present: Collection[str], wanted: Wanted
) -> Workload:
    """The workload of *rows* in order of arrival.

    Args:
        source: where they come from.
        rows: the values of ``COLUMNS`` for each request.
        line: the number of the line of the last row.
        present: which of ``COLUMNS`` there are; the others' values are passed over.
        wanted: what the caller asked for. A model of service times that was asked for replaces what the file says.

    Raises:
        ContractError: a value that no request can have; names the line.
    """
    read: dict[str, Any] = {
        name: into()
        for name, (_, into) in _TAKEN.items()
        if name in present and (name != "service_s" or wanted.service is None)
    }
    columns = [(COLUMNS.index(name), _TAKEN[name][0], into.append) for name, into in read.items()]
    arrivals = array("d")
    before = 0.0
    for row in rows:
        try:
            came = float(row[0])
        except (TypeError, ValueError):
            came = math.nan
        if not before <= came <= before + LONGEST_GAP:
            wrong = wrong_arrival(came, before) if came >= 0 else f"{row[0]!r} is not a number of seconds of at least 0"
            raise source.wrong(f"arrival_s: {wrong}", line())
        before = came
        arrivals.append(came)
        for place, value, append in columns:
            try:
                append(value(row[place]))
            except (TypeError, ValueError):
                kind = "number of seconds" if place == 1 else "whole number"
                wrong = f"{row[place]!r} is not a {kind} of at least 0"
                raise source.wrong(f"{COLUMNS[place]}: {wrong}", line()) from None
        if len(arrivals) > MOST_REQUESTS:
            raise source.wrong(f"one request more than the {MOST_REQUESTS:,} that are accepted", line())
    if not arrivals:
        raise source.wrong("has no requests")
    return _workload(source, arrivals, read, wanted)


def together(
    source: Source,
    arrivals: array[float],
    columns: dict[str, Sequence[Any]],
    lines: Sequence[int],
    wanted: Wanted,
    how: str = "",
) -> Workload:
    """The workload of requests at *arrivals* with *columns*, sorted where they aren't in order.

    Args:
        source: where they come from.
        arrivals: seconds from the first request, each at least 0.
        columns: of ``COLUMNS`` those that there are.
        lines: for each request the number of its line.
        wanted: what the caller asked for.
        how: how the columns were made of the file, in words.

    Raises:
        ContractError: a gap is too long, or service times are missing.
    """
    if not arrivals:
        raise source.wrong("has no requests")
    if not all(map(le, arrivals, islice(arrivals, 1, None))):
        order = sorted(range(len(arrivals)), key=arrivals.__getitem__)
        arrivals = array("d", map(arrivals.__getitem__, order))
        columns = {name: list(map(column.__getitem__, order)) for name, column in columns.items()}
        lines = list(map(lines.__getitem__, order))
        how = "; ".join(filter(None, (how, "requests were sorted by arrival")))
    if arrivals[-1] > LONGEST_GAP:
        for line, (before, came) in zip(lines[1:], pairwise(arrivals), strict=True):
            if wrong := wrong_arrival(came, before):
                raise source.wrong(f"arrival_s: {wrong}", line)
    return _workload(source, arrivals, columns, wanted, how)


def _workload(
    source: Source, arrivals: array[float], columns: Mapping[str, Any], wanted: Wanted, how: str = ""
) -> Workload:
    inputs, outputs = columns.get("input_tokens"), columns.get("output_tokens")
    services, modelled = columns.get("service_s"), ""
    if services is None or wanted.service is not None:
        services, modelled = modelled_services(len(arrivals), inputs, outputs, wanted, source)
    return Workload(
        source.label,
        arrivals,
        services,
        sessions=columns.get("session"),
        input_tokens=inputs,
        output_tokens=outputs,
        classes=columns.get("class"),
        source=source.name,
        modelled="; ".join(filter(None, (how, modelled))),
    )


def modelled_services(
    count: int,
    inputs: Sequence[int] | None,
    outputs: Sequence[int] | None,
    wanted: Wanted,
    source: Source,
    *,
    stream: str = "",
) -> tuple[array[float], str]:
    """*count* service times by the model that is *wanted*, or by tokens, and that they are so, in words.

    *stream* names the stream of chance: each of several apps has its own.

    Raises:
        ContractError: there is no model, or it is one of tokens, and there are none.
    """
    has_tokens = inputs is not None or outputs is not None
    model = wanted.service or (FromTokens() if has_tokens else None)
    if model is None:
        raise source.wrong(NO_SERVICE)
    if isinstance(model, FromTokens):
        if not has_tokens:
            raise source.wrong(f"has no columns input_tokens and output_tokens, of which service is a model: {model}")
        tokens = zip(inputs or repeat(0, count), outputs or repeat(0, count), strict=True)
        return array("d", (round(model.seconds(*each), 6) for each in tokens)), f"service times are {model} seconds"
    chance = Random(f"{wanted.seed}:service:{stream}")  # noqa: S311 - repeats from run to run
    draw = model.draw
    return array("d", (round(draw(chance), 6) for _ in range(count))), f"service times are {model}, in seconds"


def whole(given: Any) -> int:
    """*given* as a whole number of at least 0.

    >>> whole("12"), whole(12.0)
    (12, 12)

    Raises:
        ValueError: it isn't one.
        TypeError: likewise.
    """
    count = float(given)
    if not 0 <= count < _MOST_TOKENS or count % 1:
        raise ValueError
    return int(count)


def _seconds(given: Any) -> float:
    seconds = float(given)
    if not 0 <= seconds < math.inf:
        raise ValueError
    return seconds


def _session(given: Any) -> str | None:
    return None if given is None or given == "" else str(given)


def _class(given: Any) -> str:
    return "" if given is None else str(given).strip()


_MOST_TOKENS = 2.0**53
"""Below this a float is exact."""

_TAKEN: Mapping[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
    "service_s": (_seconds, lambda: array("d")),
    "session": (_session, list),
    "input_tokens": (whole, lambda: array("q")),
    "output_tokens": (whole, lambda: array("q")),
    "class": (_class, list),
}
"""For each further column what makes a value of what was written, and of what makes the column."""
