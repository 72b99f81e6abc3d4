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
from everai_autoscaler.simulator.reading.published import (
    AZURE_COLUMNS,
    MOONCAKE_FIELDS,
    read_azure_llm,
    read_mooncake,
)
from everai_autoscaler.simulator.reading.source import Source, Wanted, opened
from everai_autoscaler.simulator.reading.table import read_csv, read_json_lines, read_parquet
from everai_autoscaler.simulator.service import Service
from everai_autoscaler.simulator.service import service as service_of
from everai_autoscaler.simulator.workload import Workload

__all__ = ["KINDS", "names", "read"]

KINDS: Mapping[str, Callable[[Source, Wanted], Workload]] = {
    "azure-llm": read_azure_llm,
    "csv": read_csv,
    "jsonl": read_json_lines,
    "mooncake": read_mooncake,
    "parquet": read_parquet,
}
"""For each form of file its reader."""


def read(
    name_or_path: str | PathLike[str],
    *,
    kind: str | None = None,
    service: Service | float | str | None = None,
    seed: int = 0,
) -> Workload:
    """The workload that is called so, that is in this file, or that this text tells how to generate.

    Args:
        name_or_path: a name of ``names()``; a file, which may be gzipped; or text as for ``generate.generated``.
        kind: the form of the file, one of ``KINDS``; by default it is told by its contents.
        service: a model of the seconds that a request keeps a worker busy, for a file that doesn't say it, or in place
            of what it says: seconds, a distribution or a rule of token counts, as ``simulator.service`` has them, or
            text such as ``lognormal:6:1``. A file that has tokens and no times gets ``FromTokens()``.
        seed: what is left to chance, such as drawn service times, is the same for the same seed.

    >>> read("azure_llm_code_2023")
    Workload('azure_llm_code_2023': 8,819 requests in 3435.95 s, 1.24 s each)
    >>> read("poisson:rate=2,service=exponential:3,duration=600")
    Workload('poisson:rate=2,service=exponential:3,duration=600': 1,204 requests in 599.621 s, 2.81 s each)

    Raises:
        UnknownNameError: neither a name of ``names()`` nor a file, or a kind that there isn't.
        ArgumentError: text to generate by, or a model of service times, with a value that isn't accepted.
        ContractError: the file can't be read, or a line of it; names the line.
        MissingExtraError: it is Parquet, and pyarrow isn't installed.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError.of("kind of workload", kind, KINDS)
    wanted = Wanted(None if service is None else service_of(service), seed)
    name = str(name_or_path)
    if name in SHIPPED:
        shipped = SHIPPED[name]
        with opened(name, lambda: cast("BinaryIO", shipped.path.open("rb"))) as source:
            read_one = read_csv(source, wanted)
        modelled = shipped.modelled if service is None else read_one.modelled
        return evolve(read_one, name=name, source=shipped.source, licence=shipped.licence, modelled=modelled)
    path = Path(name_or_path)
    if is_generated(name) and not path.exists():
        return generated(name, service=wanted.service, seed=seed)
    if not path.exists():
        raise UnknownNameError(f"{UnknownNameError.of('trace', name, names())}, and there is no such file")
    with opened(name, lambda: path.open("rb")) as source:
        return KINDS[kind or _kind_of(source)](source, wanted)


def names() -> list[str]:
    """The traces that ship with the package.

    >>> names()[:2]
    ['azf_onoff_fn5_14d', 'azure_llm_code_2023']
    """
    return sorted(SHIPPED)


def _kind_of(source: Source) -> str:
    """The form of the file, by what its first lines look like; its own CSV where nothing else is plain."""
    if source.is_parquet:
        return "parquet"
    first = source.head[0] if source.head else ""
    if first.lstrip().startswith("{"):
        return "mooncake" if all(f'"{field}"' in first for field in MOONCAKE_FIELDS) else "jsonl"
    return "azure-llm" if all(column in first for column in AZURE_COLUMNS) else "csv"
