"""What a simulation came to, in words and tables for people, and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from attrs import frozen

from everai_autoscaler.cli.options.scaler_options import shown
from everai_autoscaler.simulator.compare import Cell, Comparison
from everai_autoscaler.simulator.metrics import Metrics
from everai_autoscaler.simulator.optimum import Optimum
from everai_autoscaler.words import printable, table

__all__ = [
    "company",
    "comparison_table",
    "gap_in_words",
    "metrics_document",
    "money",
    "percent",
    "plain",
    "rank_table",
    "seconds",
]

_HOUR = 3600.0


def money(worker_seconds: float, price: float | None) -> str:
    """What *worker_seconds* cost at a *price* an hour; a stroke without one.

    >>> money(7200, 2.5), money(7200, None)
    ('5.00', '-')
    """
    return "-" if price is None else f"{worker_seconds / _HOUR * price:,.2f}"


def percent(share: float | None) -> str:
    """A *share* in percent; what isn't the whole is never rounded up to it.

    >>> percent(0.98765), percent(0.99999), percent(None)
    ('98.77%', '99.99%', '-')
    """
    if share is None:
        return "-"
    rounded = round(100 * share, 2)
    return f"{99.99 if rounded == 100 and share < 1 else rounded:.2f}%"


def seconds(value: float | None) -> str:
    """A number of seconds for a table."""
    return "-" if value is None else f"{value:,.1f} s"


def company(
    rows: Iterable[tuple[str, float, float | None, str]], best: float | None, price: float | None, slo: float
) -> str:
    """The table of who would have cost how much: for each its name, worker-seconds, SLO attainment and a word."""
    lines = [
        (
            name,
            f"{spent:,.0f}",
            money(spent, price),
            f"{spent / best:.2f} x" if best else "-",
            percent(attained),
            word,
        )
        for name, spent, attained, word in rows
    ]
    return table(
        ["", "WORKER-SECONDS", "COST", "OVER THE BEST", f"WITHIN {slo:g} s", "WHAT IT IS"],
        lines,
        align_right=[1, 2, 3, 4],
    )


def gap_in_words(best: Optimum) -> str:
    """Between what limits the least cost lies, and how each was found."""
    if best.exact:
        return f"The least possible cost is exact: {best.bound_how}"
    return (
        f"The least possible cost lies between the bound and the best schedule, {best.gap:.1%} above it.\n"
        f"The bound: {best.bound_how}\nThe schedule: {best.schedule_how}"
    )


def comparison_table(compared: Comparison, price: float | None) -> str:
    """For each workload and cold start the scalers, the best first."""
    return "\n\n".join(_group(place, cells, compared, price) for place, cells in compared.groups().items())


def _group(place: tuple[str, float], cells: Sequence[Cell], compared: Comparison, price: float | None) -> str:
    keys = [compared.key(cell) for cell in cells]
    rows = [_row(1 + keys.index(compared.key(cell)), cell, compared) for cell in cells]
    best = cells[0].optimum
    if best is not None:
        rows += [
            _of_best(name, spent, best, share)
            for name, spent, share in (
                ("(best static fleet)", best.static_cost, compared.share),
                ("(best schedule known)", best.schedule, compared.share),
                ("(proven bound)", best.bound, None),
            )
        ]
    rows += [_of_oracle(cell) for cell in compared.oracles if (cell.trace, cell.cold_start) == place]
    columns = {
        "RANK": [str(row.rank or "") for row in rows],
        "SCALER": [row.name for row in rows],
        "WORKER-SECONDS": ["-" if row.spent is None else f"{row.spent:,.0f}" for row in rows],
        "COST": ["-" if row.spent is None else money(row.spent, price) for row in rows],
        "OVER THE BEST": ["-" if row.over is None else f"{row.over:.2f} x" for row in rows],
        f"WITHIN {compared.slo:g} s": [percent(row.share) for row in rows],
        "p99 WAIT": [seconds(row.p99) for row in rows],
        "FLAPS": ["-" if row.flaps is None else f"{row.flaps:,}" for row in rows],
        "SLO": [row.word for row in rows],
    }
    if price is None:
        del columns["COST"]
    if best is None:
        del columns["OVER THE BEST"]
    right = [number for number, name in enumerate(columns) if name not in ("SCALER", "SLO")]
    trace, cold_start = place
    shown = table(list(columns), zip(*columns.values(), strict=True), align_right=right)
    failed = [f"{printable(cell.label)} failed: {printable(cell.error)}" for cell in cells if cell.error]
    heading = f"{printable(trace)}, a cold start of {cold_start:g} s:"
    return "\n\n".join([heading, shown, *failed])


@frozen
class _Row:
    rank: int | None
    name: str
    spent: float | None
    over: float | None
    share: float | None
    p99: float | None = None
    flaps: int | None = None
    word: str = ""


def _row(rank: int, cell: Cell, compared: Comparison) -> _Row:
    found, name = cell.metrics, printable(cell.label)
    if found is None:
        return _Row(None, name, None, None, None, word="failed")
    word = "met" if compared.meets(cell) else "missed"
    return _Row(rank, name, found.worker_seconds, cell.regret, found.slo_attainment, found.wait_p99, found.flaps, word)


def _of_oracle(cell: Cell) -> _Row:
    found = cell.metrics
    if found is None:
        return _Row(None, "(rate oracle)", None, None, None, word="failed")
    return _Row(
        None,
        "(rate oracle)",
        found.worker_seconds,
        cell.regret,
        found.slo_attainment,
        found.wait_p99,
        found.flaps,
    )


def _of_best(name: str, spent: float, best: Optimum, share: float | None) -> _Row:
    return _Row(None, name, spent, spent / best.schedule if best.schedule else None, share)


def rank_table(compared: Comparison) -> str:
    """The scalers over all workloads and cold starts, the best first."""
    rows = [
        (
            f"{rank.mean_place:.2f}",
            printable(rank.label),
            f"{rank.met} of {rank.of}",
            "-" if rank.regret is None else f"{rank.regret:.2f} x",
        )
        for rank in compared.ranks()
    ]
    headers = ["MEAN RANK", "SCALER", "MEETS THE SLO ON", "OVER THE BEST, THERE"]
    return table(headers, rows, align_right=[0, 2, 3])


def metrics_document(metrics: Metrics) -> dict[str, Any]:
    """The *metrics* by their names; plain JSON."""
    document: dict[str, Any] = plain(attrs.asdict(metrics))
    return document


def optimum_document(best: Optimum | None) -> dict[str, Any] | None:
    """How good anything could be; plain JSON."""
    if best is None:
        return None
    document: dict[str, Any] = plain(attrs.asdict(best))
    return {**document, "gap": plain(best.gap)}


def comparison_document(compared: Comparison, model: Mapping[str, Any]) -> dict[str, Any]:
    """Each cell, and the ranks; plain JSON."""
    return {
        "model": dict(model),
        "cells": [
            {
                "label": cell.label,
                "scaler": cell.scaler,
                "arguments": plain(cell.arguments),
                "trace": cell.trace,
                "cold_start": cell.cold_start,
                "meets": compared.meets(cell),
                "regret": cell.regret,
                "metrics": None if cell.metrics is None else metrics_document(cell.metrics),
                "optimum": optimum_document(cell.optimum),
                "error": cell.error,
            }
            for cell in compared.cells
        ],
        "ranks": [plain(attrs.asdict(rank)) for rank in compared.ranks()],
    }


def plain(value: Any) -> Any:
    """*value* as plain JSON: what isn't a number or a text is a text, and what is no finite number is null."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str | None) else shown(value)
