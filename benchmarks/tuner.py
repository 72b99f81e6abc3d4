"""Measures what the tuner takes of a core: ``python benchmarks/tuner.py``; prints a table.

The book that ships, decisions every 5 s, a stretch of 300 s at a time, Poisson arrivals; CPU time of this process once
the machine code is compiled, with the state written after each stretch. It needs the extra ``simulator``.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from statistics import median
from typing import Any

from run import machine

from everai_autoscaler.simulator import generate
from everai_autoscaler.simulator.processes import Poisson
from everai_autoscaler.tuning import Book, Spent, Traffic, Tuner
from everai_autoscaler.words import table

EVERY, STRETCHES, FIRST = 300.0, 24, 6
CASES = ((0.5, 8.0, 0.01), (5.5, 8.0, None), (50.0, 2.0, 0.10))
"""Requests per second, seconds that each takes on average, and the share of a core that it may take."""


def main() -> None:
    """Measure, and print what was measured."""
    rows = []
    for rate, seconds, aim in CASES:
        took, size = measured(rate, seconds)
        share = median(took) / EVERY
        wanted = "" if aim is None else f"{aim:.0%} or less"
        reached = "" if aim is None else ("met" if share <= aim else "missed")
        cost = f"{1000 * median(took):.0f} ms ({1000 * min(took):.0f} to {1000 * max(took):.0f})"
        rows.append((f"{rate:g}", cost, f"{share:.3%}", wanted, reached, f"{size / 1000:,.0f} kB"))
    print(machine())
    print(f"{len(Book.shipped())} rules\n")
    print(table(("REQUESTS A SECOND", "CPU A STRETCH", "OF A CORE", "AIM", "REACHED", "STATE"), rows))


def measured(rate: float, seconds: float) -> tuple[list[float], int]:
    """The CPU time of each stretch but the first ones, with its state written, and how long that is."""
    load = generate(Poisson(rate), service=f"exponential:{seconds:g}", duration=EVERY * STRETCHES, seed=1)
    tuner = Tuner(fixed={"max_workers": 500}, workers=int(rate * seconds) + 1)
    about: dict[str, Any] = {"cold_start": 30.0, "period": 5.0}
    took, size = [], 0
    for number in range(STRETCHES):
        start = EVERY * number
        first, last = bisect_left(load.arrivals, start), bisect_left(load.arrivals, start + EVERY)
        columns = load.arrivals[first:last], load.services[first:last]
        began = time.process_time()
        tuner.learn(Traffic(*columns, start=start, until=start + EVERY, **about), spent=Spent(last - first, 0))
        size = len(json.dumps(tuner.state()))
        took.append(time.process_time() - began)
    return took[FIRST:], size


if __name__ == "__main__":
    main()
