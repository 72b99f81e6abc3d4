"""How recorded decisions would have differed, in words and tables for people, and as JSON for programs."""

from __future__ import annotations

from typing import Any

from everai_autoscaler.cli.policy.replay import difference_document, side_by_side
from everai_autoscaler.cli.text.simulated import metrics_document, money, percent, plain, seconds
from everai_autoscaler.cli.text.words import gist
from everai_autoscaler.simulator.backtest import Backtest, Difference
from everai_autoscaler.simulator.metrics import Metrics
from everai_autoscaler.simulator.rebuilt import Rebuilt
from everai_autoscaler.words import counted, printable, table

__all__ = ["backtest_document", "backtest_in_words", "rebuilt_document", "rebuilt_in_words"]

_SHOWN = 5
_LOOP = """\
Open loop (exact): each decision is made again on its recorded snapshot, whatever the one before would have made
of the fleet. What it changes is counted until the next decision; gaps in the records aren't counted."""
_KINDS = {"up": "start", "down": "remove", "nothing": "do nothing", "hold": "hold"}


def backtest_in_words(found: Backtest) -> str:
    """The agreement, the difference in workers and money, and where it is largest."""
    apps = ", ".join(map(printable, found.apps))
    same = found.decisions - len(found.differences)
    agreement = (
        f"{counted(found.decisions, 'decision', form=',')} about {apps} in {found.seconds:,.0f} s: "
        f"{same:,} would have been the same, {percent(found.agreement)}."
    )
    blocks = [_LOOP, agreement, _money_table(found)]
    if found.differences:
        blocks.append("What was decided, and what would have been:\n\n" + _kinds_table(found))
        shown = found.largest(_SHOWN)
        heading = "Where it differs most:" if len(shown) < len(found.differences) else "Where it differs:"
        blocks.append("\n\n".join([heading, *map(_difference, shown)]))
    return "\n\n".join(blocks)


def _money_table(found: Backtest) -> str:
    rows = [
        ("recorded", found.recorded_worker_seconds),
        (printable(found.scaler), found.worker_seconds),
        ("difference", found.worker_seconds - found.recorded_worker_seconds),
    ]
    over = found.seconds or 1.0
    headers = ["DECISIONS", "WORKER-SECONDS", "WORKERS"]
    lines = [[name, f"{spent:,.0f}", f"{spent / over:,.2f}"] for name, spent in rows]
    if found.price is not None:
        headers.append("COST")
        for line, (_, spent) in zip(lines, rows, strict=True):
            line.append(money(spent, found.price))
    return table(headers, lines, align_right=range(1, len(headers)))


def _kinds_table(found: Backtest) -> str:
    rows = [
        [name, *(f"{found.counts.get((kind, other), 0) or '-'}" for other in _KINDS)]
        for kind, name in _KINDS.items()
        if any(was == kind for was, _ in found.counts)
    ]
    headers = ["RECORDED", *(f"WOULD {name.upper()}" for name in _KINDS.values())]
    return table(headers, rows, align_right=range(1, len(headers)))


def _difference(one: Difference) -> str:
    lines = [side_by_side(one.number, one.again, "instead", said=gist)]
    if one.workers:
        more = "more" if one.workers > 0 else "fewer"
        lines.append(f"            {counted(abs(one.workers), 'worker')} {more} for {one.seconds:,.0f} s")
    return "\n".join(lines)


def rebuilt_in_words(found: Rebuilt, price: float | None) -> str:
    """What was recorded, beside both scalers on the demand that was rebuilt from it."""
    cells = {"recorded": found.recorded, "otherwise": found.other}
    start = counted(found.workers, "worker")
    assumed = [f"a decision every {found.interval:g} s, {start} at the start", *map(printable, found.assumed)]
    heading = "Closed loop (modelled): the demand is rebuilt from the records, and both scalers are simulated on it."
    names = [f"{name + ':':<11}{printable(cell.label)}" for name, cell in cells.items()]
    columns = ["REQUESTS", "WORKER-SECONDS", "COST", f"WITHIN {found.real.slo:g} s", "p99 WAIT", "STARTS", "REMOVALS"]
    rows = [["as recorded", *_columns(found.real, price)]]
    rows += [[f"{name}, simulated", *_columns(cell.metrics, price)] for name, cell in cells.items()]
    if price is None:
        columns, rows = [*columns[:2], *columns[3:]], [[*row[:3], *row[4:]] for row in rows]
    blocks = [
        "\n".join([heading, *(f"* {one}" for one in assumed)]),
        "\n".join([f"{'demand:':<11}{printable(repr(found.workload))}", *names]),
        table(["", *columns], rows, align_right=range(1, len(columns) + 1)),
        "How far the second row is from the first says how good the model is.",
    ]
    return "\n\n".join(blocks + [f"{name} failed: {printable(one.error)}" for name, one in cells.items() if one.error])


def _columns(metrics: Metrics | None, price: float | None) -> list[str]:
    if metrics is None:
        return ["-"] * 7
    return [
        f"{metrics.requests:,}",
        f"{metrics.worker_seconds:,.0f}",
        money(metrics.worker_seconds, price),
        percent(metrics.slo_attainment),
        seconds(metrics.wait_p99),
        f"{metrics.starts:,}",
        f"{metrics.removals:,}",
    ]


def rebuilt_document(found: Rebuilt) -> dict[str, Any]:
    """All of it; plain JSON."""
    document: dict[str, Any] = plain(
        {
            "loop": "closed",
            "assumed": found.assumed,
            "cold_start": found.cold_start,
            "interval": found.interval,
            "workers": found.workers,
            "requests": len(found.workload),
            "real": metrics_document(found.real),
            **{
                name: {
                    "scaler": cell.scaler,
                    "arguments": cell.arguments,
                    "metrics": None if cell.metrics is None else metrics_document(cell.metrics),
                    "error": cell.error,
                }
                for name, cell in (("recorded", found.recorded), ("otherwise", found.other))
            },
        }
    )
    return document


def backtest_document(found: Backtest) -> dict[str, Any]:
    """All of it; plain JSON."""
    document: dict[str, Any] = plain(
        {
            "loop": "open",
            "scaler": found.scaler,
            "apps": found.apps,
            "decisions": found.decisions,
            "agreement": found.agreement,
            "seconds": found.seconds,
            "recorded": {"worker_seconds": found.recorded_worker_seconds, "cost": found.recorded_cost},
            "otherwise": {"worker_seconds": found.worker_seconds, "cost": found.cost},
            "price": found.price,
            "counts": [
                {"recorded": was, "otherwise": now, "decisions": count} for (was, now), count in found.counts.items()
            ],
            "differences": [
                {
                    **difference_document(one.number, one.again),
                    "workers": one.workers,
                    "seconds": one.seconds,
                }
                for one in found.differences
            ],
        }
    )
    return document
