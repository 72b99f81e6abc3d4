"""Traces of LLM services in the forms in which they are published: Mooncake's and Azure's."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterable
from datetime import datetime
from math import gcd
from random import Random
from typing import Any

from attrs import evolve

from everai_autoscaler.simulator.reading.rows import together, whole
from everai_autoscaler.simulator.reading.source import Source, Wanted
from everai_autoscaler.simulator.reading.table import csv_rows, json_objects
from everai_autoscaler.simulator.workload import MOST_REQUESTS, Workload

__all__ = ["AZURE_COLUMNS", "MOONCAKE_FIELDS", "epoch_seconds", "read_azure_llm", "read_mooncake", "spread"]

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
    stamps, lines, inputs, outputs = array("d"), array("q"), array("q"), array("q")
    step = 0
    for value in json_objects(source, at):
        try:
            stamp = value["timestamp"]
            inputs.append(whole(value["input_length"]))
            outputs.append(whole(value["output_length"]))
        except (KeyError, TypeError, ValueError):
            raise source.wrong(_wrong_request(value), at[0]) from None
        if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not 0 <= stamp < math.inf:
            raise source.wrong(f"timestamp: {stamp!r} is not a number of milliseconds of at least 0", at[0])
        step = gcd(step, stamp if isinstance(stamp, int) else 1)
        stamps.append(stamp / 1000)
        lines.append(at[0])
        if len(lines) > MOST_REQUESTS:
            raise source.wrong(f"one request more than the {MOST_REQUESTS:,} that are accepted", at[0])
    how = ""
    if step >= _COARSE:
        chance = Random(f"{wanted.seed}:spread")  # noqa: S311 - repeats from run to run
        stamps = array("d", (round(stamp + chance.random() * step / 1000, 6) for stamp in stamps))
        how = f"stamps are multiples of {step / 1000:g} s, inside of which arrivals were spread uniformly"
    return together(source, stamps, {"input_tokens": inputs, "output_tokens": outputs}, lines, wanted, how)


def _wrong_request(value: dict[str, Any]) -> str:
    missing = [name for name in MOONCAKE_FIELDS if name not in value]
    if missing:
        return f"no field {' or '.join(missing)}"
    return _wrong_tokens(zip(MOONCAKE_FIELDS[1:], (value[name] for name in MOONCAKE_FIELDS[1:]), strict=True))


def _wrong_tokens(given: Iterable[tuple[str, Any]]) -> str:
    """Which of the numbers of tokens isn't one, in words."""
    name, value = next((name, value) for name, value in given if not _is_whole(value))
    return f"{name}: {value!r} is not a whole number of at least 0"


def _is_whole(value: Any) -> bool:
    try:
        whole(value)
    except (TypeError, ValueError):
        return False
    return True


def read_azure_llm(source: Source, wanted: Wanted) -> Workload:
    """Azure's CSV of LLM inference, 2023 and 2024: ``TIMESTAMP``, ``ContextTokens``, ``GeneratedTokens``.

    Raises:
        ContractError: something is wrong with it; names the line.
    """
    reader = csv.reader(source.lines)
    stamps, lines, inputs, outputs = array("d"), array("q"), array("q"), array("q")
    try:
        header = [column.strip() for column in next((row for row in reader if any(row)), [])]
        missing = [name for name in AZURE_COLUMNS if name not in header]
        if missing:
            raise source.wrong(f"no column {' or '.join(missing)}", max(1, reader.line_num))
        for stamp, context, generated in csv_rows(reader, header, AZURE_COLUMNS):
            try:
                stamps.append(epoch_seconds(stamp))
            except ValueError:
                raise source.wrong(f"TIMESTAMP: {stamp!r} is not a date and time", reader.line_num) from None
            try:
                inputs.append(whole(context))
                outputs.append(whole(generated))
            except ValueError:
                wrong = _wrong_tokens(zip(AZURE_COLUMNS[1:], (context, generated), strict=True))
                raise source.wrong(wrong, reader.line_num) from None
            lines.append(reader.line_num)
            if len(lines) > MOST_REQUESTS:
                raise source.wrong(f"one request more than the {MOST_REQUESTS:,} that are accepted", reader.line_num)
    except csv.Error as error:
        raise source.wrong(str(error), reader.line_num) from error
    start = min(stamps, default=0.0)
    arrivals = array("d", (round(stamp - start, 6) for stamp in stamps))
    columns: dict[str, Any] = {"input_tokens": inputs, "output_tokens": outputs}
    return evolve(together(source, arrivals, columns, lines, wanted), start=start)


def epoch_seconds(stamp: str) -> float:
    """The moment that *stamp* names, in epoch seconds; UTC where it names no zone.

    >>> epoch_seconds("2023-11-16 18:15:46.6805900")
    1700158546.68059

    Raises:
        ValueError: it is no date and time.
    """
    moment = datetime.fromisoformat(stamp.strip())
    return moment.timestamp() if moment.tzinfo else (moment - _EPOCH).total_seconds()


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - stamps that name no zone are UTC


def spread(start: float, length: float, number: int, chance: Random) -> list[float]:
    """*number* moments, uniform in the *length* seconds from *start* on, in order.

    >>> spread(60, 60, 2, Random(1))
    [68.061855, 110.846024]
    """
    return sorted(round(start + chance.random() * length, 6) for _ in range(number))
