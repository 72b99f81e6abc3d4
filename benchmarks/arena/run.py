"""Plays every peer on every trace at each cold start, by default and tuned, and writes docs/arena.md.

``python -m benchmarks.arena [--traces DIR] [--runs 60] [--minutes N] [--page docs/arena.md]`` in the checkout. What was
played is kept in ``--results``, so that an interrupted arena goes on where it was.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.arena.bout import LIMITS, Best, Bout, Kept, Result, best_of, load, play
from benchmarks.arena.page import page
from benchmarks.arena.picture import pictures
from benchmarks.arena.roster import PEERS, oracle_peer, static_peer
from benchmarks.arena.search import search
from everai_autoscaler.simulator.reading import names

__all__ = ["main"]

COLD_STARTS = (30.0, 10.0, 120.0)
"""The central case first."""
_DAYS = 3.0 * 86_400
_HERE = Path(__file__).parent


@frozen
class Task:
    """Something to compute in a process of its own."""

    call: Any
    what: str


def main(argv: Sequence[str] | None = None) -> int:
    """Play what is missing, for as long as is allowed, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arena", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--traces", type=Path, help="a folder of traces; else those that ship")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the folder, only these traces")
    parser.add_argument("--runs", type=int, default=60, help="the most runs for a peer in a cell, the default included")
    parser.add_argument("--tune-longest", type=float, default=2.0, help="tune on traces of at most so many days")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing new after so many minutes")
    parser.add_argument("--processes", type=int, default=2, help="how many runs at once")
    parser.add_argument("--results", type=Path, default=_HERE / ".results", help="where results are kept")
    parser.add_argument("--page", type=Path, default=_HERE.parents[1] / "docs" / "arena.md", help="the page to write")
    options = parser.parse_args(argv)
    traces = found(options.traces, options.only)
    kept = Kept(options.results)
    until = time.monotonic() + 60 * options.minutes
    steps = (
        optima(traces, kept),
        defaults(traces, kept),
        statics(traces, kept),
        tuned(traces, kept, options.runs, options.tune_longest * 86_400),
    )
    with ProcessPoolExecutor(options.processes) as pool:
        for step in steps:
            finished(pool, step, partial(_keep, kept), until, options.processes)
    options.page.write_text(page(traces, kept, COLD_STARTS, pictures(traces, kept, options.page.parent)))
    print(f"wrote {options.page}")
    return 0


def found(folder: Path | None, only: Sequence[str] | None) -> dict[str, str]:
    """The traces by name, each with what it is read by: the shorter first, since an arena may be cut off."""
    if folder is None:
        paths = {name: name for name in names()}
    else:
        files = sorted(folder.glob("*.csv.gz"))
        paths = {file.name.removesuffix(".csv.gz"): str(file) for file in files if "_counts" not in file.name}
    chosen = {name: path for name, path in paths.items() if not only or name in only}
    return dict(sorted(chosen.items(), key=lambda pair: (_rank(pair[1]), pair[0])))


def _rank(path: str) -> tuple[int, int]:
    workload = load(path)
    return round(workload.span / 3600), len(workload)


def optima(traces: dict[str, str], kept: Kept) -> Iterator[Task]:
    """What is missing of the optima."""
    for name, path in traces.items():
        for cold_start in COLD_STARTS:
            for limit in LIMITS:
                if (name, cold_start, limit) not in kept.optima:
                    yield Task(
                        partial(best_of, path, name, cold_start, limit), f"optimum {name} {cold_start:g} {limit:g}"
                    )


def defaults(traces: dict[str, str], kept: Kept) -> Iterator[Task]:
    """What is missing of the runs with default arguments: the long traces at the central cold start first."""
    for long, colds in ((False, COLD_STARTS), (True, COLD_STARTS[:1]), (True, COLD_STARTS[1:])):
        for name, path in traces.items():
            if (load(path).span > _DAYS) is not long:
                continue
            for cold_start in colds:
                for peer in (*PEERS, oracle_peer):
                    bout = Bout(name, cold_start, peer.name)
                    if bout not in kept.results:
                        yield Task(partial(_alone, path, bout), f"default {name} {cold_start:g} {peer.name}")


def statics(traces: dict[str, str], kept: Kept) -> Iterator[Task]:
    """What is missing of the best static fleets."""
    for name, path in traces.items():
        for cold_start in COLD_STARTS:
            for limit in LIMITS:
                best = kept.optima.get((name, cold_start, limit))
                bout = None if best is None else static_bout(best)
                if bout is not None and bout not in kept.results:
                    yield Task(partial(_alone, path, bout), f"static {name} {cold_start:g} {limit:g}")


def static_bout(best: Best) -> Bout:
    """The run of the static fleet that goes with an optimum."""
    return Bout(best.trace, best.cold_start, static_peer.name, (("workers", best.static),))


def tuned(traces: dict[str, str], kept: Kept, runs: int, longest: float) -> Iterator[Task]:
    """What is missing of the tuned runs: all cells with few runs before any with many."""
    for most in sorted({min(runs, step) for step in (8, 16, 30, 60)}):
        for name, path in traces.items():
            if load(path).span > longest:
                continue
            for cold_start in COLD_STARTS:
                for peer in PEERS:
                    known = kept.of(name, cold_start, peer.name)
                    if known and len(known) < most:
                        bout = Bout(name, cold_start, peer.name)
                        yield Task(partial(search, path, bout, known, most), f"tuned {name} {cold_start:g} {peer.name}")


def finished(
    pool: ProcessPoolExecutor, tasks: Iterator[Task], keep: Callable[[Any, Task], None], until: float, at_once: int
) -> None:
    """Compute *tasks* and *keep* what they give, as many *at_once* as there are processes; begin none after *until*."""
    running: dict[Future[Any], Task] = {}
    more = True
    while running or more:
        while more and len(running) < at_once:
            task = next(tasks, None) if time.monotonic() < until else None
            more = task is not None
            if task is not None:
                running[pool.submit(task.call)] = task
        done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
        for future in done:
            task = running.pop(future)
            try:
                keep(future.result(), task)
            except Exception as error:  # noqa: BLE001 - one failure must not end hours of others
                print(f"{task.what}: FAILED {type(error).__name__}: {error}", flush=True)


def _keep(kept: Kept, given: Any, task: Task) -> None:
    if isinstance(given, Best):
        kept.add_best(given)
        print(f"{task.what}: bound {given.bound:.0f}, schedule {given.schedule:.0f} ({given.took:.1f} s)", flush=True)
    else:
        results: list[Result] = given
        kept.add(results)
        print(f"{task.what}: {len(results)} runs in {sum(one.took for one in results):.1f} s", flush=True)


def _alone(path: str, bout: Bout) -> list[Result]:
    return [play(path, bout)]
