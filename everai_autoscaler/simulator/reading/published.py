"""Traces of LLM services in the forms in which they are published: Mooncake's and Azure's."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

from attrs import evolve

from everai_autoscaler.simulator.reading.rows import Row, taken
from everai_autoscaler.simulator.reading.source import Source, Wanted
from everai_autoscaler.simulator.reading.table import csv_rows, json_objects
from everai_autoscaler.simulator.workload import MOST_REQUESTS, Workload

__all__ = ["AZURE_COLUMNS", "MOONCAKE_FIELDS", "epoch_seconds", "read_azure_llm", "read_mooncake", "spread", "together"]

MOONCAKE_FIELDS = ("timestamp", "input_length", "output_length")
AZURE_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_COARSE = 1000
"""Milliseconds from which on a common step of all stamps is a rounding of them."""


def read_mooncake(source: Source, wanted: Wanted) -> Workload:
    """Mooncake's JSON Lines (kvcache-ai/Mooncake, FAST25-release/traces): ``timestamp`` in ms, lengths in tokens.

    Where all stamps are multiples of a second or more, they were rounded: the requests are spread over that step.

    Raises:
        ContractError: something is wrong with it; names the line.
    """
    at = [0]
    rows: list[Row] = []
    lines: list[int] = []
    stamps: list[int] = []
    for value in json_objects(source, at):
        missing = [name for name in MOONCAKE_FIELDS if name not in value]
        if missing:
            raise source.wrong(f"no field {' or '.join(missing)}", at[0])
        stamp = value["timestamp"]
        if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not 0 <= stamp < math.inf:
            raise source.wrong(f"timestamp: {stamp!r} is not a number of milliseconds of at least 0", at[0])
        stamps.append(stamp if isinstance(stamp, int) else 1)
        rows.append((stamp / 1000, "", "", value["input_length"], value["output_length"], ""))
        lines.append(at[0])
    step = math.gcd(*stamps)
    how = ""
    if step >= _COARSE:
        chance = Random(f"{wanted.seed}:spread")  # noqa: S311 - repeats from run to run
        rows = [(round(row[0] + chance.random() * step / 1000, 6), *row[1:]) for row in rows]
        how = f"stamps are multiples of {step / 1000:g} s, inside of which arrivals were spread uniformly"
    return together(source, rows, lines, ("input_tokens", "output_tokens"), wanted, how)


def read_azure_llm(source: Source, wanted: Wanted) -> Workload:
    """Azure's CSV of LLM inference, 2023 and 2024: ``TIMESTAMP``, ``ContextTokens``, ``GeneratedTokens``.

    Raises:
        ContractError: something is wrong with it; names the line.
    """
    reader = csv.reader(source.lines)
    try:
        header = [column.strip() for column in next((row for row in reader if any(row)), [])]
        missing = [name for name in AZURE_COLUMNS if name not in header]
        if missing:
            raise source.wrong(f"no column {' or '.join(missing)}", max(1, reader.line_num))
        rows: list[Row] = []
        lines: list[int] = []
        for stamp, inputs, outputs in csv_rows(reader, header, AZURE_COLUMNS):
            try:
                came = epoch_seconds(stamp)
            except ValueError:
                raise source.wrong(f"TIMESTAMP: {stamp!r} is not a date and time", reader.line_num) from None
            rows.append((came, "", "", inputs, outputs, ""))
            lines.append(reader.line_num)
            if len(rows) > MOST_REQUESTS:
                raise source.wrong(f"one request more than the {MOST_REQUESTS:,} that are accepted", reader.line_num)
    except csv.Error as error:
        raise source.wrong(str(error), reader.line_num) from error
    if not rows:
        raise source.wrong("has no requests")
    start = min(row[0] for row in rows)
    rows = [(round(row[0] - start, 6), *row[1:]) for row in rows]
    return evolve(together(source, rows, lines, ("input_tokens", "output_tokens"), wanted), start=start)


def epoch_seconds(stamp: str) -> float:
    """The moment that *stamp* names, in epoch seconds; UTC where it names no zone.

    >>> epoch_seconds("2023-11-16 18:15:46.6805900")
    1700158546.68059

    Raises:
        ValueError: it is no date and time.
    """
    moment = datetime.fromisoformat(stamp.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def together(
    source: Source, rows: list[Row], lines: Iterable[int], present: Iterable[str], wanted: Wanted, how: str = ""
) -> Workload:
    """The workload of *rows*, in order of arrival, with *how* it was made of the file in words."""
    numbered = list(zip(rows, lines, strict=True))
    if any(before[0] > after[0] for before, after in pairwise(rows)):
        numbered.sort(key=lambda one: one[0][0])
        how = "; ".join(filter(None, (how, "requests were sorted by arrival")))
    at = [0]

    def each() -> Iterator[Row]:
        for row, line in numbered:
            at[0] = line
            yield row

    workload = taken(source, each(), lambda: at[0], set(present), wanted)
    return evolve(workload, modelled="; ".join(filter(None, (how, workload.modelled))))


def spread(start: float, length: float, number: int, chance: Random) -> list[float]:
    """*number* moments, uniform in the *length* seconds from *start* on, in order.

    >>> spread(60, 60, 2, Random(1))
    [68.061855, 110.846024]
    """
    return sorted(round(start + chance.random() * length, 6) for _ in range(number))
