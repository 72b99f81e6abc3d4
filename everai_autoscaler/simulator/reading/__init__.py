"""Requests read from wherever they were written down: one way in for every form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import BinaryIO, cast

from attrs import evolve

from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.simulator.catalogue import SHIPPED
from everai_autoscaler.simulator.generate import generated, is_generated
from everai_autoscaler.simulator.reading.access_log import is_access_log, read_access_log
from everai_autoscaler.simulator.reading.counts import TIME_COLUMNS, read_azure_functions, read_counts
from everai_autoscaler.simulator.reading.published import (
    AZURE_COLUMNS,
    MOONCAKE_FIELDS,
    read_azure_llm,
    read_mooncake,
)
from everai_autoscaler.simulator.reading.records import read_records
from everai_autoscaler.simulator.reading.source import Source, Wanted, opened
from everai_autoscaler.simulator.reading.table import read_csv, read_json_lines, read_parquet
from everai_autoscaler.simulator.service import Service
from everai_autoscaler.simulator.service import service as service_of
from everai_autoscaler.simulator.workload import Workload

__all__ = ["KINDS", "names", "read", "read_apps"]

_OF_ONE: Mapping[str, Callable[[Source, Wanted], Workload]] = {
    "access-log": read_access_log,
    "azure-llm": read_azure_llm,
    "csv": read_csv,
    "jsonl": read_json_lines,
    "mooncake": read_mooncake,
    "parquet": read_parquet,
}
_OF_SEVERAL: Mapping[str, Callable[[Source, Wanted], dict[str, Workload]]] = {
    "azure-functions": read_azure_functions,
    "counts": read_counts,
    "records": read_records,
}
KINDS = tuple(sorted([*_OF_ONE, *_OF_SEVERAL]))
"""The forms of files that can be read."""


def read(
    name_or_path: str | PathLike[str],
    *,
    kind: str | None = None,
    service: Service | float | str | None = None,
    seed: int = 0,
    app: str | None = None,
    unit: str | None = None,
) -> Workload:
    """The workload that is called so, that is in this file, or that this text tells how to generate.

    Args:
        name_or_path: a name of ``names()``; a file, which may be gzipped; or text as for ``generate.generated``.
        kind: the form of the file, one of ``KINDS``; by default it is told by its contents.
        service: a model of the seconds that a request keeps a worker busy, for a file that doesn't say it, or in place
            of what it says: seconds, a distribution or a rule of token counts, as ``simulator.service`` has them, or
            text such as ``lognormal:6:1``. A file that has tokens and no times gets ``FromTokens()``.
        seed: what is left to chance, such as drawn service times, is the same for the same seed.
        app: which app of a file that has several: counts per interval, recorded decisions.
        unit: of the request times in an access log: ``s``, ``ms`` or ``us``; by default seconds where they have a
            point, else microseconds.

    >>> read("azure_llm_code_2023")
    Workload('azure_llm_code_2023': 8,819 requests in 3435.95 s, 1.24 s each)
    >>> read("poisson:rate=2,service=exponential:3,duration=600")
    Workload('poisson:rate=2,service=exponential:3,duration=600': 1,204 requests in 599.621 s, 2.81 s each)

    Raises:
        UnknownNameError: neither a name of ``names()`` nor a file, or a kind or an app that there isn't.
        ArgumentError: text to generate by, or a model of service times, with a value that isn't accepted.
        ContractError: the file can't be read, or a line of it; names the line.
        MissingExtraError: it is Parquet, and pyarrow isn't installed.
    """
    _check_kind(kind)
    wanted = Wanted(None if service is None else service_of(service), seed, app, unit=unit)
    name = str(name_or_path)
    if name in SHIPPED:
        shipped = SHIPPED[name]
        with opened(name, lambda: cast("BinaryIO", shipped.path.open("rb"))) as source:
            read_one = read_csv(source, wanted)
        services = shipped.services if service is None else read_one.modelled
        modelled = "; ".join(filter(None, (shipped.arrivals, services)))
        return evolve(read_one, name=name, source=shipped.source, licence=shipped.licence, modelled=modelled)
    path = Path(name_or_path)
    if is_generated(name) and not path.exists():
        return generated(name, service=wanted.service, seed=seed)
    if not path.exists():
        raise UnknownNameError(f"{UnknownNameError.of('trace', name, names())}, and there is no such file")
    with opened(name, lambda: path.open("rb")) as source:
        found = kind or _kind_of(source)
        if found in _OF_ONE:
            return _OF_ONE[found](source, wanted)
        return next(iter(_OF_SEVERAL[found](source, wanted).values()))


def read_apps(
    path: str | PathLike[str], *, kind: str | None = None, service: Service | float | str | None = None, seed: int = 0
) -> dict[str, Workload]:
    """The workload of each app in a file that has several: counts per interval, or recorded decisions.

    Args:
        path: the file, which may be gzipped.
        kind: ``counts``, ``azure-functions`` or ``records``; by default it is told by the file's contents.
        service: as for ``read``.
        seed: as for ``read``; each app has its own streams of chance, and is as ``read`` gives it alone.

    Raises:
        UnknownNameError: there is no such file, or no such kind.
        ContractError: the file can't be read, or a line of it; names the line.
    """
    _check_kind(kind)
    wanted = Wanted(None if service is None else service_of(service), seed, every=True)
    name = str(path)
    if not Path(path).exists():
        raise UnknownNameError(f"{name}: there is no such file")
    with opened(name, lambda: Path(path).open("rb")) as source:
        found = kind or _kind_of(source)
        if found not in _OF_SEVERAL:
            raise source.wrong(f"is of the kind {found}, which has one app; several are in {', '.join(_OF_SEVERAL)}")
        return _OF_SEVERAL[found](source, wanted)


def names() -> list[str]:
    """The traces that ship with the package.

    >>> names()[:2]
    ['azf_onoff_fn5_14d', 'azure_llm_code_2023']
    """
    return sorted(SHIPPED)


def _check_kind(kind: str | None) -> None:
    if kind is not None and kind not in KINDS:
        raise UnknownNameError.of("kind of workload", kind, KINDS)


def _kind_of(source: Source) -> str:
    """The form of the file, by what its first line looks like; its own CSV where nothing else is plain."""
    if source.is_parquet:
        return "parquet"
    first = source.head[0] if source.head else ""
    if first.lstrip().startswith("{"):
        return next((kind for kind, names in _FIELDS.items() if all(f'"{name}"' in first for name in names)), "jsonl")
    if is_access_log(first):
        return "access-log"
    header = [column.strip() for column in first.split(",")]
    if "arrival_s" in header or len(header) < 2:
        return "csv"
    if header[0].lower() in TIME_COLUMNS and not set(AZURE_COLUMNS) <= set(header):
        return "counts"
    return next((kind for kind, names in _COLUMNS.items() if set(names) <= set(header)), "csv")


_FIELDS = {"mooncake": MOONCAKE_FIELDS, "records": ("snapshot", "observed_at", "scaler")}
_COLUMNS = {"azure-llm": AZURE_COLUMNS, "azure-functions": ("HashFunction", "1")}
