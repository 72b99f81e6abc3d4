"""When real requests came: two public traces of LLM inference services, and a loader for traces of your own."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from attrs import evolve, frozen

from everai_autoscaler.errors import ContractError, UnknownNameError

__all__ = ["Trace", "load", "names"]

_AZURE = "Azure Public Dataset, AzureLLMInferenceTrace_{}.csv (Patel et al., Splitwise, ISCA 2024)"
_SHIPPED = {
    "azure_llm_code_2023": (_AZURE.format("code"), "CC-BY-4.0"),
    "azure_llm_conv_2023": (_AZURE.format("conv"), "CC-BY-4.0"),
}
_COLUMNS = ("arrival_s", "service_s")


@frozen
class Trace:
    """The arrivals of a workload, and where they come from.

    >>> code = load("azure_llm_code_2023")
    >>> len(code.arrivals), code.arrivals[1], code.licence
    (8819, (0.052, 0.714), 'CC-BY-4.0')
    >>> len(code.between(600, 900).arrivals)
    1116
    """

    name: str
    arrivals: tuple[tuple[float, float], ...]
    """For each request when it came, in seconds from the start of the trace, and the seconds that one worker is busy
    with it; in the order in which they came."""
    source: str
    licence: str
    """The SPDX name of the licence; empty when nobody said."""

    def between(self, start: float = 0.0, end: float = math.inf) -> Trace:
        """What came from *start* until before *end* (seconds from the start of the trace), counted from *start*."""
        kept = tuple((came - start, service) for came, service in self.arrivals if start <= came < end)
        return evolve(self, arrivals=kept)


def names() -> list[str]:
    """The traces that ship with the package.

    >>> names()
    ['azure_llm_code_2023', 'azure_llm_conv_2023']
    """
    return sorted(_SHIPPED)


def load(name_or_path: str | Path) -> Trace:
    """The trace that ships under a name, or the one in a ``.csv`` or ``.csv.gz`` file.

    A file has a header line with at least ``arrival_s`` and ``service_s``: seconds from the start of the trace, never
    falling, and seconds that one worker is busy with the request, above 0.

    Raises:
        UnknownNameError: neither a name of ``names()`` nor a file.
        ContractError: the file can't be read, or a line of it; names the line.
    """
    name = str(name_or_path)
    if name in _SHIPPED:
        source, licence = _SHIPPED[name]
        return Trace(name, _read(files(__name__).joinpath(f"{name}.csv.gz").read_bytes(), name), source, licence)
    path = Path(name_or_path)
    if not path.exists():
        raise UnknownNameError(f"{UnknownNameError.of('trace', name, names())}, and there is no such file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ContractError(f"{name}: can't be read: {error.strerror}") from error
    return Trace(path.name, _read(data, name), name, "")


def _read(data: bytes, name: str) -> tuple[tuple[float, float], ...]:
    try:
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ContractError(f"{name}: is neither CSV text nor gzip of it: {error}") from error
    arrivals = tuple(_arrivals(io.StringIO(text, newline=""), name))
    if not arrivals:
        raise ContractError(f"{name}: has no requests")
    return arrivals


def _arrivals(lines: Iterable[str], name: str) -> Iterator[tuple[float, float]]:
    rows = csv.reader(lines)
    header = [column.strip() for column in next(rows, [])]
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise ContractError(f"{name}: line 1: no column {' or '.join(missing)}; the header must name both")
    came_at, serves_for = (header.index(column) for column in _COLUMNS)
    before = 0.0
    try:
        for row in rows:
            if not any(row):
                continue
            came = _seconds(row, came_at, f"{name}: line {rows.line_num}: arrival_s")
            service = _seconds(row, serves_for, f"{name}: line {rows.line_num}: service_s")
            if came < before:
                raise ContractError(
                    f"{name}: line {rows.line_num}: arrival_s: {came} comes after {before}, not in order"
                )
            if service <= 0:
                raise ContractError(f"{name}: line {rows.line_num}: service_s: {service} is not above 0")
            before = came
            yield came, service
    except csv.Error as error:
        raise ContractError(f"{name}: line {rows.line_num}: {error}") from error


def _seconds(row: list[str], place: int, what: str) -> float:
    given = row[place] if place < len(row) else ""
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise ContractError(f"{what}: {given!r} is not a number of seconds of at least 0")
    return seconds
