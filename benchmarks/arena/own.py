"""Plays ``demand`` with the tuner beside it on every trace at each cold start, and writes docs/arena-tuned.md.

``python -m benchmarks.arena.own [--traces DIR] [--apps FILE] [--minutes N]`` in the checkout, after ``python -m
benchmarks.arena``, whose results say what the peers cost and what was possible. One configuration plays everywhere; it
acts, and knows nothing of a trace before it begins. What was played is kept in ``--results``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.arena.bout import Kept
from benchmarks.arena.own_page import page
from benchmarks.arena.rehearsed import TRIALS, VARIANTS, Key, Own, Runs, app, apps, play
from benchmarks.arena.run import COLD_STARTS, Task, finished, found

__all__ = ["main"]

_HERE = Path(__file__).parent


def tasks(traces: dict[str, str], file: Path | None, runs: Runs) -> Iterator[Task]:
    """What is missing: the main table first, then the other period, what is left out, and the apps."""
    for key in (*_main(traces), *_changed(traces)):
        if key not in runs.found:
            yield _task(key, partial(play, traces[key[0]], *key))
    for name in apps(file) if file is not None else ():
        for cold in COLD_STARTS:
            key = (f"app: {name}", cold, 5.0, "as shipped")
            if key not in runs.found:
                yield _task(key, partial(app, str(file), name, cold, 5.0))


def _main(traces: dict[str, str]) -> list[Key]:
    return [(name, cold, period, "as shipped") for period in (5.0, 20.0) for name in traces for cold in COLD_STARTS]


def _changed(traces: dict[str, str]) -> list[Key]:
    changed = [name for name in VARIANTS if name != "as shipped"]
    return [(name, cold, 5.0, one) for one in changed for name in traces if name in TRIALS for cold in COLD_STARTS]


def _task(key: Key, call: Any) -> Task:
    trace, cold, period, variant = key
    return Task(call, f"{variant}: {trace} at {cold:g} s, a decision every {period:g} s")


def main(argv: Sequence[str] | None = None) -> int:
    """Play what is missing, for as long as is allowed, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arena.own", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--traces", type=Path, help="a folder of traces; else those that ship")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the folder, only these traces")
    parser.add_argument("--apps", type=Path, metavar="FILE", help="requests per minute, a column for each app")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing new after so many minutes")
    parser.add_argument("--processes", type=int, default=2, help="how many runs at once")
    parser.add_argument("--results", type=Path, default=_HERE / ".results", help="where results are kept")
    parser.add_argument("--page", type=Path, default=_HERE.parents[1] / "docs" / "arena-tuned.md", help="what to write")
    options = parser.parse_args(argv)
    traces, kept = found(options.traces, options.only), Kept(options.results)
    runs, until = Runs(options.results / "own.jsonl"), time.monotonic() + 60 * options.minutes
    with ProcessPoolExecutor(options.processes) as pool:
        finished(pool, tasks(traces, options.apps, runs), partial(_keep, runs), until, options.processes)
    options.page.write_text(page(traces, kept, list(runs.found.values())))
    print(f"wrote {options.page}")
    return 0


def _keep(runs: Runs, own: Own, task: Task) -> None:
    runs.add(own)
    print(f"{task.what}: {100 * own.share:.2f} % in time, {own.took:.1f} s", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
