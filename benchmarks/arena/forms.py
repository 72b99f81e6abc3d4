"""Plays ``demand`` with two ways to count demand, under the same fixed rules.

``python -m benchmarks.arena.forms [--traces DIR]`` in the checkout prints a table: worker-seconds, and how many
requests began within 5 s. A decision every 5 s; no tuner.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import exp, expm1
from pathlib import Path
from typing import ClassVar

from attrs import define

from benchmarks.arena.bout import LIMITS, load, starts_with
from benchmarks.arena.rehearsed import TRIALS
from benchmarks.arena.roster import MOST_WORKERS
from benchmarks.arena.run import COLD_STARTS, found
from everai_autoscaler.builtin import DemandAutoScaler
from everai_autoscaler.builtin.demand.memory import Memory
from everai_autoscaler.builtin.demand.seen import Seen
from everai_autoscaler.simulator.simulate import simulate

__all__ = ["Decaying", "main"]

# None with a mean: what the means are made of is noted before the demand is replaced.
RULES = ("1*now[1200s] + 1.5*root + 1", "1*ahead60 + 1.5*root | 0.9*now[600s]")
_PERIOD = 5.0


@define
class DecayingMemory(Memory):
    """The demand as decayed arrivals: ``D*exp(-T/s) + arrivals*(1 - exp(-T/s))*s/T`` after *T* seconds."""

    def _go_on(self, seen: Seen, period: float, takes: float) -> None:
        before = self.demand
        super()._go_on(seen, period, takes)
        if seen.arrivals is not None and period > 0:
            past = period / takes
            self.demand = before * exp(-past) - seen.arrivals * expm1(-past) / past


@define(eq=False, slots=False)
class Decaying(DemandAutoScaler):
    """``demand``, but for what counts as demand."""

    remembers: ClassVar[type[Memory]] = DecayingMemory


def play(path: str, cold_start: float, rule: str, form: str) -> tuple[float, float]:
    """Worker-seconds, and the share of requests that began in time."""
    workload = load(path)
    scaler = {"served": DemandAutoScaler, "decayed": Decaying}[form](max_workers=MOST_WORKERS, rule=rule)
    run = simulate(scaler, workload, cold_start=cold_start, interval=_PERIOD, workers=starts_with(workload))
    return run.metrics(LIMITS[0]).worker_seconds, float(run.slo(LIMITS[0]))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.arena.forms", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--traces", type=Path, help="a folder of traces; else those that ship")
    options = parser.parse_args(argv)
    print(
        "| rule | trace | cold start | served and waiting, faded | decayed arrivals |\n| --- | --- | ---: | --- | --- |"
    )
    with ProcessPoolExecutor(2) as pool:
        for rule in RULES:
            for name, path in found(options.traces, TRIALS).items():
                for cold in sorted(COLD_STARTS):
                    both = list(pool.map(partial(play, path, cold, rule), ("served", "decayed")))
                    shown = (f"{seconds:,.0f}, {100 * share:.2f} %" for seconds, share in both)
                    print(f"| `{rule}` | `{name}` | {cold:g} s | {' | '.join(shown)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
