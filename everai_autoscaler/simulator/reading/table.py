"""Tables with a request in each row, under this package's names of columns: CSV, JSON Lines and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from operator import itemgetter
from typing import Any

from pydantic_core import from_json

from everai_autoscaler.errors import ContractError, MissingExtraError
from everai_autoscaler.simulator.reading.rows import COLUMNS, Row, taken
from everai_autoscaler.simulator.reading.source import Source, Wanted
from everai_autoscaler.simulator.workload import Workload

__all__ = ["csv_rows", "json_objects", "read_csv", "read_json_lines", "read_parquet"]


def read_csv(source: Source, wanted: Wanted) -> Workload:
    """A CSV file whose header names ``arrival_s`` and any other of ``COLUMNS``; further columns do no harm.

    Raises:
        ContractError: something is wrong with it; names the line.
    """
    reader = csv.reader(source.lines)
    try:
        header = [column.strip() for column in next((row for row in reader if any(row)), [])]
        missing = [name for name in _needed(wanted, header) if name not in header]
        if missing:
            words = f"no column {' or '.join(missing)}; the header must name {'both' if len(missing) > 1 else 'it'}"
            raise source.wrong(words, max(1, reader.line_num))
        rows = csv_rows(reader, header, COLUMNS)
        return taken(source, rows, lambda: reader.line_num, header, wanted)
    except csv.Error as error:
        raise source.wrong(str(error), reader.line_num) from error


def csv_rows(reader: Iterable[list[str]], header: Sequence[str], columns: Iterable[str]) -> Iterator[Any]:
    """Of each row what stands under *columns*, by the *header*; empty where there is nothing, or no such column."""
    places = [header.index(name) if name in header else len(header) for name in columns]
    pick = itemgetter(*places)
    width = len(header)
    for row in reader:
        if any(row):
            if len(row) != width:
                row = [*row[:width], *[""] * (width - len(row))]  # noqa: PLW2901 - as long as the header
            row.append("")
            yield pick(row)


def read_json_lines(source: Source, wanted: Wanted) -> Workload:
    """JSON Lines with ``arrival_s`` and any other of ``COLUMNS`` in each object; the first one says which there are.

    Raises:
        ContractError: something is wrong with it; names the line.
    """
    at = [0]
    objects = json_objects(source, at)
    first = next(objects, {})
    missing = [name for name in _needed(wanted, first) if name not in first]
    if missing:
        raise source.wrong(f"no field {' or '.join(missing)}", max(1, at[0]))

    def rows() -> Iterator[Row]:
        yield _row(first)
        yield from map(_row, objects)

    return taken(source, rows(), lambda: at[0], first, wanted)


def json_objects(source: Source, at: list[int]) -> Iterator[dict[str, Any]]:
    """Each object of JSON Lines; *at* holds the number of its line.

    Raises:
        ContractError: a line isn't an object; names it.
    """
    for number, line in enumerate(source.lines, 1):
        if not line.strip():
            continue
        at[0] = number
        try:
            value = from_json(line)
        except ValueError as error:
            raise source.wrong(f"is not JSON: {error}", number) from error
        if not isinstance(value, dict):
            raise source.wrong(f"{value!r:.40} is not a JSON object", number)
        yield value


def read_parquet(source: Source, wanted: Wanted) -> Workload:
    """A Parquet file with a column ``arrival_s`` and any other of ``COLUMNS``; a row is called line, from 1.

    Raises:
        MissingExtraError: pyarrow isn't installed.
        ContractError: something is wrong with it; names the row.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow is missing: pip install 'everai-autoscaler[simulator]'") from error
    try:
        file = parquet.ParquetFile(io.BytesIO(source.binary.read()))
        names = file.schema_arrow.names
        missing = [name for name in _needed(wanted, names) if name not in names]
        if missing:
            raise source.wrong(f"no column {' or '.join(missing)}")
        columns = [name for name in COLUMNS if name in names]
        table = file.read(columns=columns).to_pydict()
    except ArrowException as error:
        raise ContractError(f"{source.name}: is not Parquet that can be read: {error}") from error
    length = len(table["arrival_s"])
    rows = zip(*(table.get(name, [None] * length) for name in COLUMNS), strict=True)
    at = count()
    numbered = (row for row, _ in zip(rows, at, strict=False))
    return taken(source, numbered, lambda: next(at), columns, wanted)


def _row(value: dict[str, Any]) -> Row:
    get = value.get
    return (
        get("arrival_s"),
        get("service_s"),
        get("session"),
        get("input_tokens"),
        get("output_tokens"),
        get("class"),
    )


def _needed(wanted: Wanted, present: Iterable[str]) -> list[str]:
    """The columns that must be there: a service time only where nothing else says it."""
    modelled = wanted.service is not None or {"input_tokens", "output_tokens"} & set(present)
    return ["arrival_s"] if modelled else ["arrival_s", "service_s"]
