"""Measures the simulator beside SimPy, ciw and salabim, and how its cost grows; prints tables.

``python benchmarks/simulator.py [--quick] [--python PYTHON] [--day FILE] [--page FILE]`` makes its environment itself,
and measures the sides in turn, in fresh processes. README.md beside this file says what is measured and how.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from run import CHECKOUT, HERE, at_least, environment, in_memory, in_time, machine, met, pip, say, spread

SIDES = {
    "simpy": "SimPy",
    "salabim": "salabim",
    "ciw": "ciw",
    "cluster-python": "our cluster, pure Python",
    "python": "the whole of `simulate`, pure Python",
    "cluster-compiled": "our cluster, compiled",
    "compiled": "the whole of `simulate`, compiled",
}
REQUESTS = {"simpy": 40_000, "salabim": 2_000, "ciw": 2_000, "cluster-python": 200_000, "python": 200_000}
MANY = 2_000_000
AIMS = {"cluster-python": 4.0, "cluster-compiled": 60.0}
WORKERS = 50
DAY_AIM, EXACT_AIM, BOUND_AIM, FLAT_AIM = 2.0, 0.020, 10.0, 1.5


def main() -> int:
    """Measure, and write what was asked for."""
    parser = argparse.ArgumentParser(description="Measure the simulator beside others of its kind.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and sizes: a first impression")
    parser.add_argument("--python", metavar="PYTHON", help="a Python that has this checkout and the peers installed")
    parser.add_argument("--day", metavar="FILE", help="a day's trace, to be played through the whole Decider")
    parser.add_argument("--page", metavar="FILE", type=Path, help="write the page of the documentation, too")
    options = parser.parse_args()
    python = options.python or str(our_environment())
    rounds = 1 if options.quick else 5
    tables = {
        "peers": table(("side", "requests per second", "times SimPy", "aim", "reached"), peers(python, rounds)),
        "waits": table(("side", "mean wait of 2,000 requests"), waits(python)),
        "requests": table(("requests", "pure Python", "compiled"), by_requests(python, quick=options.quick)),
        "workers": table(("workers", "pure Python", "compiled"), by_workers(python, quick=options.quick)),
        "others": table(("what", "measured", "aim", "reached"), others(python, options.day, quick=options.quick)),
    }
    print("\n\n".join(tables.values()))
    if options.page:
        command = f"python benchmarks/simulator.py {'--quick ' if options.quick else ''}"
        command += f"{'--day FILE ' if options.day else ''}--page {options.page}"
        today = dt.datetime.now(tz=dt.UTC).date()
        options.page.write_text(
            PAGE.format(
                date=today,
                load=f"{os.getloadavg()[1]:.1f}",
                machine=machine(),
                command=command,
                rounds=f"{rounds} rounds" if rounds > 1 else "one round",
                **tables,
            )
        )
    return 0


def our_environment() -> Path:
    """This checkout with the extra ``simulator``, and the peers."""
    python = environment("simulator")
    say("installs this checkout and the peers")
    pip(python, f"{CHECKOUT}[simulator]", "-r", str(CHECKOUT / "requirements" / "benchmarks.txt"), "--upgrade")
    pip(python, str(CHECKOUT), "--force-reinstall", "--no-deps")
    return python


def measure(python: str, *what: object) -> dict[str, Any]:
    """What simulated.py says in a fresh process of *python*."""
    say(" ".join(map(str, what)))
    done = subprocess.run(
        [python, str(HERE / "simulated.py"), *map(str, what)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def per_request(python: str, side: str, requests: int, workers: int = WORKERS) -> float:
    """Seconds of CPU time for each request."""
    return float(measure(python, side, requests, workers)["seconds"]) / requests


def peers(python: str, rounds: int) -> Iterator[tuple[str, ...]]:
    """Requests per second, all sides in turn, round after round."""
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side, times in found.items():
            times.append(per_request(python, side, REQUESTS.get(side, MANY)))
    for side, name in SIDES.items():
        ratios = [theirs / mine for theirs, mine in zip(found["simpy"], found[side], strict=True)]
        aim = AIMS.get(side)
        reached = "" if aim is None else met(median(ratios) >= aim)
        yield name, f"{1 / median(found[side]):,.0f}", spread(ratios), "" if aim is None else at_least(aim), reached


def waits(python: str) -> Iterator[tuple[str, ...]]:
    """All sides simulate the same."""
    for side, name in SIDES.items():
        yield name, f"{1000 * measure(python, side, 2_000, 5)['wait']:.6f} ms"


def by_requests(python: str, *, quick: bool) -> Iterator[tuple[str, ...]]:
    """What a request costs where there are more of them."""
    sizes = [10_000, 100_000, 1_000_000, *([] if quick else [10_000_000])]
    yield from growth(python, [(size, WORKERS, f"{size:,}") for size in sizes], quick=quick)


def by_workers(python: str, *, quick: bool) -> Iterator[tuple[str, ...]]:
    """What a request costs where there are more workers."""
    requests = 100_000 if quick else 1_000_000
    yield from growth(python, [(requests, size, f"{size:,}") for size in (10, 100, 1_000, 10_000)], quick=quick)


def growth(python: str, cases: list[tuple[int, int, str]], *, quick: bool) -> Iterator[tuple[str, ...]]:
    """A line for each case, and how much more the dearest costs than the cheapest."""
    found: dict[str, list[float]] = {"cluster-python": [], "cluster-compiled": []}
    for requests, workers, name in cases:
        cells = []
        for side, costs in found.items():
            if side == "cluster-python" and requests > (100_000 if quick else 1_000_000):
                cells.append("not measured")
                continue
            costs.append(min(per_request(python, side, requests, workers) for _ in range(1 if quick else 3)))
            cells.append(in_time(costs[-1]))
        yield name, *cells
    yield "the dearest over the cheapest", *(f"{max(costs) / min(costs):.2f}" for costs in found.values())


def others(python: str, day: str | None, *, quick: bool) -> Iterator[tuple[str, ...]]:
    """A day, memory, and the optimum."""
    if day is not None:
        found = measure(python, "day", day)
        what = (
            f"a day of {found['requests']:,} requests, {found['ticks']:,} decisions, through the Decider, with metrics"
        )
        aim = f"at most {in_time(DAY_AIM)}"
        yield what, in_time(found["seconds"]), aim, met(found["seconds"] <= DAY_AIM)
    for requests in (100_000, 400_000) if quick else (200_000, 2_000_000):
        for keep in ("all", "totals"):
            for engine in ("python", "compiled"):
                took = measure(python, "memory", engine, keep, requests, WORKERS)["megabytes"]
                yield (
                    f"memory over the workload's, {requests:,} requests, keep={keep}, {engine}",
                    in_memory(took),
                    "",
                    "",
                )
    for wait, aim_seconds, name in ((0.0, EXACT_AIM, "exact, zero wait"), (5.0, BOUND_AIM, "bound, wait up to 5 s")):
        took = min(measure(python, "optimum", wait, 20_000)["seconds"] for _ in range(1 if wait else 3))
        what = f"the optimum of 20,000 requests, {name}"
        yield what, in_time(took), f"at most {in_time(aim_seconds)}", met(took <= aim_seconds)


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """The rows as a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


PAGE = """# Benchmarks of the simulator

Measured on {date} ({machine}) by

```bash
{command}
```

which wrote this page. Times are CPU time, in fresh processes, the sides in turn; a ratio is the median over the
{rounds}, with the smallest and the largest. Machine code is compiled, or loaded, before the time begins.
The load average of the machine was {load} at the end: above its number of cores, other work slowed all sides down, and
times are longer than they would be.

## Beside others

An M/M/k queue with set-up: 50 workers at the start, 400 requests per second of 0.1 s each on average. Every 20 s the
same rule starts a worker for each request that waits, which is ready 40 s later, and stops one where more are free than
a quarter of those that are busy. SimPy has a `Store` of free workers, salabim a `Resource` whose capacity is set, ciw a
node whose shifts are decided. *Our cluster* is the cluster of this package, told by the same rule, as the peers are;
*the whole of `simulate`* makes a snapshot for each decision, asks a policy through the Decider and its guard, and keeps
the run.

{peers}

All sides get the same arrivals and service times, so that they have to give the same mean wait, not only nearly so:

{waits}

## How the cost of a request grows

With the number of requests, 50 workers:

{requests}

With the number of workers at the start, at the same load of 0.8:

{workers}

## A day, memory, the optimum

{others}

What is measured, and how: `benchmarks/README.md`.
"""

if __name__ == "__main__":
    raise SystemExit(main())
