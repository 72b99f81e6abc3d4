"""Runs as files: JSON Lines, which anything reads, or Parquet, which is small and quick.

Both hold the same rows, told apart by their ``kind``:

* ``run``, once and first: ``format`` (1), the ``setting``, the ``workload`` without its columns, ``ended_at``, the
  numbers of the requests that were ``refused``, ``interrupted`` or ``left``, and ``totals`` where there are any. In
  Parquet it is the JSON text under the key ``everai_autoscaler.run`` of the schema's metadata, rather than a row.
* ``request``, in the order in which they came: ``came``, ``service``, ``began``, ``answered``, ``worker``; and of the
  workload ``arrival`` and ``takes`` where they differ from the first two, ``session``, ``input_tokens``,
  ``output_tokens`` and ``class`` where it has them. Requests that hadn't come when the run ended have no ``came``.
* ``worker``, in the order in which they were started, and ``tick``, in the order of time: the fields of ``Life`` and
  ``TickRow``.

All times are seconds from the start of the run. What isn't known is null.
"""

from __future__ import annotations

import gzip
import json
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import attrs

from everai_autoscaler.errors import ContractError, MissingExtraError, words_of
from everai_autoscaler.simulator.elasticity import Elasticity
from everai_autoscaler.simulator.run import Life, Requests, Run, Setting, TickRow
from everai_autoscaler.simulator.totals import Totals
from everai_autoscaler.simulator.waits import Waits
from everai_autoscaler.simulator.workload import Workload

__all__ = ["FORMAT", "load", "save"]

FORMAT = 1
"""The version of the form, written into each file."""
_KEY = b"everai_autoscaler.run"
_COLUMNS = {"session": "sessions", "input_tokens": "input_tokens", "output_tokens": "output_tokens", "class": "classes"}
_WORKLOAD = ("name", "start", "source", "licence", "modelled")
_ENDINGS = (".jsonl", ".jsonl.gz", ".parquet")
_ROWS = 100_000


def save(run: Run, path: str | Path) -> None:
    """Write *run* to the file *path*, whose ending says how: ``.jsonl``, ``.jsonl.gz`` or ``.parquet``.

    Arguments that have no JSON form are written as their text.

    >>> from tempfile import TemporaryDirectory
    >>> from everai_autoscaler.simulator.simulate import simulate
    >>> run = simulate("simple", [(0, 10), (5, 10)])
    >>> with TemporaryDirectory() as folder:
    ...     save(run, Path(folder) / "run.jsonl")
    ...     load(Path(folder) / "run.jsonl")
    <Run: simple on 2 requests: 2 requests, 1 worker, 1 decision, 20 s>

    Raises:
        ContractError: another ending, or a file that can't be written.
        MissingExtraError: Parquet, without pyarrow.
    """
    path, ending = Path(path), _ending(path)
    with _in_one_line(path):
        if ending == ".parquet":
            _save_parquet(run, path)
            return
        with _open(path, "wt") as file:
            for row in chain([{"kind": "run", **_head(run)}], _rows(run)):
                file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=str) + "\n")


def load(path: str | Path) -> Run:
    """The run that ``save`` wrote to *path*.

    Raises:
        ContractError: a file that can't be read, or isn't a run; names the line.
        MissingExtraError: Parquet, without pyarrow.
    """
    path, ending = Path(path), _ending(path)
    with _in_one_line(path):
        if ending == ".parquet":
            return _load_parquet(path)
        with _open(path, "rt") as file:
            lines = enumerate(file, 1)
            head = _head_of(path, next(lines, (1, ""))[1])
            return _read(path, head, (_line(path, number, line) for number, line in lines if line.strip()))


def _ending(path: Path) -> str:
    found = next((ending for ending in _ENDINGS if path.name.endswith(ending)), "")
    if not found:
        raise ContractError(f"{path}: a run is a file whose name ends with one of {', '.join(_ENDINGS)}")
    return found


@contextmanager
def _in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}: {getattr(error, 'strerror', None) or words_of(error)}") from error


def _open(path: Path, mode: str) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, mode, encoding="utf-8")  # type: ignore[return-value]
    return path.open(mode.removesuffix("t"), encoding="utf-8")


def _head(run: Run) -> dict[str, Any]:
    fates = run.requests
    return {
        "format": FORMAT,
        "ended_at": run.ended_at,
        "setting": attrs.asdict(run.setting),
        "workload": {name: getattr(run.workload, name) for name in _WORKLOAD},
        "columns": [name for name, column in _COLUMNS.items() if getattr(run.workload, column) is not None],
        "refused": fates.refused,
        "interrupted": fates.interrupted,
        "left": fates.left,
        "totals": None if run.totals is None else attrs.asdict(run.totals),
    }


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    load, fates = run.workload, run.requests
    beside = [(name, getattr(load, column)) for name, column in _COLUMNS.items()]
    for number in range(max(len(load), len(fates))):
        row: dict[str, Any] = {"kind": "request"}
        if number < len(fates):
            row |= {"came": fates.came[number], "service": fates.service[number]}
            row |= {"began": _known(fates.began[number]), "answered": _known(fates.answered[number])}
            row["worker"] = fates.worker[number]
        if number < len(load):
            if load.arrivals[number] != row.get("came"):
                row["arrival"] = load.arrivals[number]
            if load.services[number] != row.get("service"):
                row["takes"] = load.services[number]
            row |= {name: column[number] for name, column in beside if column is not None}
        yield row
    for life in run.workers:
        yield {"kind": "worker", **attrs.asdict(life)}
    for tick in run.ticks:
        yield {"kind": "tick", **attrs.asdict(tick)}


def _known(moment: float) -> float | None:
    return None if math.isnan(moment) else moment


def _head_of(path: Path, line: str) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or "format" not in head or "setting" not in head:
        raise ContractError(f"{path}: line 1 isn't the head of a saved run; save() writes one")
    if head["format"] != FORMAT:
        raise ContractError(f"{path}: format {head['format']!r} isn't {FORMAT}, which this version reads")
    return head


def _line(path: Path, number: int, line: str) -> tuple[int, dict[str, Any]]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ContractError(f"{path}: line {number}: no JSON: {words_of(error)}") from error
    if not isinstance(row, dict):
        raise ContractError(f"{path}: line {number}: {line.strip()[:40]!r} isn't an object")
    return number, row


def _read(path: Path, head: Mapping[str, Any], rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Run:
    fates: dict[str, Any] = {name: array("d") for name in ("came", "service", "began", "answered")}
    worker, arrivals, takes = array("q"), array("d"), array("d")
    beside: dict[str, list[Any]] = {name: [] for name in head.get("columns", ())}
    lives: list[Life] = []
    ticks: list[TickRow] = []
    number = 1
    try:
        for number, row in rows:  # noqa: B007 - an error names it
            kind = row.get("kind")
            if kind == "request":
                if row.get("came") is not None:
                    for name, column in fates.items():
                        value = row.get(name)
                        column.append(math.nan if value is None else value)
                    worker.append(-1 if row.get("worker") is None else row["worker"])
                arrivals.append(row["came"] if row.get("arrival") is None else row["arrival"])
                takes.append(row["service"] if row.get("takes") is None else row["takes"])
                for name, values in beside.items():
                    values.append(row.get(name))
            elif kind == "worker":
                lives.append(_made(Life, row))
            elif kind == "tick":
                ticks.append(_made(TickRow, row))
            else:
                raise ContractError(f"kind: {kind!r} is not one of request, worker, tick")
        number = 1
        requests = Requests(**fates, worker=worker, **_numbers(head))
        columns = {_COLUMNS[name]: tuple(values) for name, values in beside.items()}
        workload = Workload(**{**head["workload"], **columns}, arrivals=arrivals, services=takes)
        setting = _made(Setting, head["setting"])
        ended_at, totals = float(head["ended_at"]), _totals(head.get("totals"))
        return Run(workload, setting, requests, tuple(lives), tuple(ticks), ended_at, totals)
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else words_of(error)
        raise ContractError(f"{path}: line {number}: {what}") from error


def _numbers(head: Mapping[str, Any]) -> dict[str, Any]:
    left = tuple((int(number), float(moment)) for number, moment in head["left"])
    return {"refused": tuple(head["refused"]), "interrupted": tuple(head["interrupted"]), "left": left}


def _totals(told: Mapping[str, Any] | None) -> Totals | None:
    if told is None:
        return None
    waits = {
        name: None
        if (one := told.get(name)) is None
        else Waits(**{**one, "classes": Counter({int(place): number for place, number in one["classes"].items()})})
        for name in ("waits", "begun")
    }
    return Totals(**{**told, **waits, "elasticity": Elasticity(**told["elasticity"])})


def _made(kind: type[Any], row: Mapping[str, Any]) -> Any:
    """What *row* is of that *kind*; a newer field that this version doesn't know is left out."""
    known = {one.name for one in attrs.fields(kind)}
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in row.items() if name in known})


def _save_parquet(run: Run, path: Path) -> None:
    arrow, parquet = _pyarrow()
    head = json.dumps(_head(run), ensure_ascii=False, default=str)
    fields = [(name, kind()) for name, kind in _schema(arrow).items()]
    schema = arrow.schema(fields, metadata={_KEY: head.encode()})
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for row in _rows(run):
            rows.append(row)
            if len(rows) == _ROWS:
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                rows = []
        writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _load_parquet(path: Path) -> Run:
    arrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            head = _head_of(path, metadata.get(_KEY, b"").decode())
            rows = (row for batch in file.iter_batches() for row in batch.to_pylist())
            return _read(path, head, ((number, _given(row)) for number, row in enumerate(rows, 1)))
    except arrow.ArrowException as error:
        raise ContractError(f"{path}: {words_of(error)}") from error


def _given(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of *row* that its kind has: a table has a column for every field of every kind."""
    fields = {"worker": Life, "tick": TickRow}.get(row["kind"])
    if fields is None:
        return row
    return {name: row[name] for name in ("kind", *(one.name for one in attrs.fields(fields)))}


def _schema(arrow: Any) -> dict[str, Any]:
    whole = ("worker", "input_tokens", "output_tokens", "killed")
    counts = ("free", "busy", "inflight", "draining", "waiting", "up", "down")
    words = ("session", "class", "worker_id", "why", "failure")
    real = ("came", "service", "began", "answered", "arrival", "takes", "started_at", "ready_at", "ended_at", "cost")
    return {
        "kind": arrow.string,
        **dict.fromkeys((*real, "at"), arrow.float64),
        **dict.fromkeys((*whole, *counts), arrow.int64),
        **dict.fromkeys(words, arrow.string),
        "held": arrow.bool_,
        "reasons": lambda: arrow.list_(arrow.string()),
    }


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(
            "Parquet needs pyarrow: pip install 'everai-autoscaler[simulator]'; .jsonl needs nothing"
        ) from error
    return pa, parquet
