"""The arena as pictures: cost against lateness, a panel for each trace at the central cold start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

from benchmarks.arena.bout import LIMITS, Kept, Result
from benchmarks.arena.page import company
from benchmarks.arena.roster import COMPANY, PEERS, static_peer
from everai_autoscaler.simulator.compare import Cell
from everai_autoscaler.simulator.optimum import Optimum
from everai_autoscaler.simulator.plots import plot_comparison

__all__ = ["pictures"]

COLD_START = 30.0


def pictures(traces: Mapping[str, str], kept: Kept, folder: Path) -> dict[tuple[float, bool], Path]:
    """Draw a picture for each SLO, by default and tuned, as far as there are results; and say where each lies."""
    drawn = {}
    for limit, seconds in enumerate(LIMITS):
        for tuned in (False, True):
            if cells := _cells(traces, kept, limit, tuned=tuned):
                path = folder / f"arena-{seconds:g}s-{'tuned' if tuned else 'default'}.svg"
                plot_comparison(cells, path)
                drawn[seconds, tuned] = path
    return drawn


def _cells(traces: Mapping[str, str], kept: Kept, limit: int, *, tuned: bool) -> list[Cell]:
    found = []
    for trace in traces:
        best = kept.optima.get((trace, COLD_START, LIMITS[limit]))
        known = {peer.name: kept.of(trace, COLD_START, peer.name) for peer in PEERS}
        if not all(len(runs) > tuned for runs in known.values()):
            continue
        shown = [min(runs, key=lambda one: one.order(limit)) if tuned else runs[0] for runs in known.values()]
        beside = [company(kept, trace, COLD_START, limit, peer.name) for peer in COMPANY]
        shown += [entry.result for entry in beside if entry is not None]
        optimum = None if best is None else Optimum(bound=best.bound, schedule=kept.cheapest(best))
        for result in shown:
            name = result.bout.peer
            arguments = dict(result.bout.arguments) if name != static_peer.name else {}
            metrics = _metrics(result, limit)
            found.append(Cell(name, name, arguments, trace, COLD_START, metrics, optimum))
    return found


def _metrics(result: Result, limit: int) -> SimpleNamespace:
    """What a picture needs of what was kept."""
    return SimpleNamespace(
        slo=LIMITS[limit],
        slo_attainment=result.in_time[limit],
        wait_p99=result.wait_p99,
        wait_max=None,
        worker_seconds=result.worker_seconds,
        cost=None,
        requests=0,
        mean_workers=result.mean_workers,
        peak_workers=result.peak_workers,
        failed_ticks=result.failed,
    )
