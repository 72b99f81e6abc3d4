"""Plays ten apps that share one capacity, beside the published results of Faro.

``python -m benchmarks.arena.faro FILE [--hours 6] [--capacity 16 32 36]``: FILE has the requests of each minute, a
column for each app. It doesn't ship, since the origin of one of its columns states no licence.

The setting is that of Jeon et al., "A House United Within Itself: SLO-Awareness for On-Premises Containerized ML
Inference Clusters via Faro", EuroSys 2025 (beomyeol/faro): one request at a time for each worker, 0.18 s each, a target
of 720 ms from arrival to answer, 50 requests may wait for an app, a refused one is late, one worker an app at the
start, a decision every 10 s. Decreases are met first; then increases in the order of the apps, as far as there is room.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

from attrs import define, frozen

from benchmarks.arena.peers.aiad import LATENCY, AiadAutoScaler
from benchmarks.arena.peers.fixed import FixedAutoScaler
from benchmarks.arena.peers.mark import MarkAutoScaler
from everai_autoscaler.decision import Decider
from everai_autoscaler.model import AutoScaler, DecideResult, ScaleDownAction, ScaleUpAction, Signal
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.workload import Workload

__all__ = ["Outcome", "Setting", "main", "play", "table", "workloads"]

SERVICE, TARGET = 0.18, 0.72
_INTERVAL, _LOOK_BACK = 10.0, 30.0
_LONGEST = 50 * SERVICE + TARGET
"""Seconds that an answer takes at most: 50 wait for one worker."""

POLICIES: dict[str, Callable[[int, int], AutoScaler]] = {
    "fair share, static": lambda capacity, apps: FixedAutoScaler(capacity // apps),
    "AIAD": lambda capacity, _: AiadAutoScaler(max_workers=capacity),
    "MArk": lambda capacity, _: MarkAutoScaler(max_workers=capacity),
}

PUBLISHED = {
    ("fair share, static", 16): (6.8, 1.2),
    ("fair share, static", 32): (65.0, 3.2),
    ("fair share, static", 36): (65.0, 3.2),
    ("AIAD", 16): (20.4, 14.4),
    ("AIAD", 32): (83.1, 82.8),
    ("AIAD", 36): (88.7, 87.9),
    ("MArk", 16): (26.8, 4.1),
    ("MArk", 32): (79.4, 32.2),
    ("MArk", 36): (91.9, 83.4),
}
"""Percent of requests within the target, and that of the worst app."""


@frozen
class Setting:
    """What is played."""

    file: str
    hours: float = 6.0
    start_up: float = 65.0
    """Seconds until a started worker is ready."""
    service: str = "constant"
    """``constant``: 0.18 s; ``lognormal``: as the published simulator draws it, 0.154 s on average."""
    seed: int = 42


@frozen
class Outcome:
    """What a policy came to at a capacity."""

    policy: str
    capacity: int
    within: tuple[float, ...]
    """For each app, the share of its requests that were answered within the target."""
    requests: tuple[int, ...]
    refused: int
    took: float

    @property
    def of_all(self) -> float:
        """The share of all requests."""
        shares = zip(self.within, self.requests, strict=True)
        return math.fsum(share * count for share, count in shares) / max(1, sum(self.requests))


@define(eq=False)
class _App:
    """One app: its cluster, and who decides for it."""

    cluster: Cluster
    decider: Decider

    def latency(self, now: float) -> float:
        """Seconds from arrival to answer, on average over the answers of the last 30 s; 0 when there were none."""
        line = self.cluster._line  # noqa: SLF001 - the fates of all requests, each time anew, would take minutes
        first = bisect_left(line.came, now - _LOOK_BACK - _LONGEST, 0, line.index)
        taken = [
            line.answered[number] - line.came[number]
            for number in range(first, line.index)
            if now - _LOOK_BACK < line.answered[number] <= now
        ]
        return sum(taken) / len(taken) if taken else 0.0

    def decide(self, now: float) -> DecideResult:
        """What its policy says at second *now*."""
        seen = self.cluster.observe()
        signal = Signal(value=self.latency(now), age=0)
        return self.decider.decide(seen.model_copy(update={"signals": {LATENCY: signal}}))


def workloads(setting: Setting) -> list[Workload]:
    """Each app's requests, spread evenly at random within their minute, as those of a Poisson process are."""
    with gzip.open(setting.file, "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["minute"]) < setting.hours * 60]
    found = []
    for app in [name for name in rows[0] if name != "minute"]:
        chance = random.Random(f"{setting.seed}:{app}")  # noqa: S311 - the same on every machine
        arrivals = [
            60 * int(row["minute"]) + second
            for row in rows
            for second in sorted(60 * chance.random() for _ in range(int(row[app])))
        ]
        services = [SERVICE if setting.service == "constant" else _drawn(chance) for _ in arrivals]
        found.append(Workload(app, arrivals, services, modelled="spread within the minute"))
    return found


def _drawn(chance: random.Random) -> float:
    """Seconds of a request as beomyeol/faro draws them: ``job_latency_specs.yaml``."""
    return 0.0793 + 0.0686 * math.exp(0.4225 * chance.gauss(0, 1))


def play(setting: Setting, policy: str, capacity: int) -> Outcome:
    """Play *policy* for every app, with *capacity* workers in all."""
    begin = time.perf_counter()
    loads = workloads(setting)
    share = max(1, capacity // len(loads)) if policy.startswith("fair") else 1
    apps = [
        _App(
            Cluster(load=[load], workers=share, cold_start=setting.start_up, queue_limit=50, start=0.0, seed=number),
            Decider(POLICIES[policy](capacity, len(loads))),
        )
        for number, load in enumerate(loads)
    ]
    end = max(load.span for load in loads) + 60
    decided = not policy.startswith("fair")
    now = 0.0
    while now < end:
        now = min(now + _INTERVAL, end)
        for app in apps:
            app.cluster.clock.sleep_until(now)
        if decided:
            _apply(apps, [app.decide(now) for app in apps], capacity)
    fates = [app.cluster.fates() for app in apps]
    return Outcome(
        policy,
        capacity,
        tuple(
            sum(answered - came <= TARGET for came, answered in zip(fate.came, fate.answered, strict=True))
            / max(1, len(fate))
            for fate in fates
        ),
        tuple(map(len, fates)),
        sum(len(fate.refused) for fate in fates),
        time.perf_counter() - begin,
    )


def _apply(apps: Sequence[_App], results: Sequence[DecideResult], capacity: int) -> None:
    """Let workers go first; then start what there is room for, in the order of the apps."""
    for app, result in zip(apps, results, strict=True):
        if result.down:
            gone = [ScaleDownAction(worker_id=one) for one in result.down]
            app.cluster.apply(DecideResult(max_workers=capacity, actions=list(gone)))
    room = capacity - sum(len(app.cluster.workers) for app in apps)
    for app, result in zip(apps, results, strict=True):
        count = min(result.up, room)
        if count > 0:
            room -= count
            app.cluster.apply(DecideResult(max_workers=capacity, actions=[ScaleUpAction(count=count)]))


def table(outcomes: Sequence[Outcome]) -> str:
    """The *outcomes* beside what is published."""
    lines = [
        "| workers in all | policy | within 720 ms | worst app | published | worst app | off by |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in sorted(outcomes, key=lambda one: (one.capacity, list(POLICIES).index(one.policy))):
        ours, worst = 100 * one.of_all, 100 * min(one.within)
        published = PUBLISHED.get((one.policy, one.capacity))
        beside = f"{published[0]} | {published[1]} | {ours - published[0]:+.1f}" if published else " | | "
        lines.append(f"| {one.capacity} | {one.policy} | {ours:.1f} | {worst:.1f} | {beside} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Play all policies at each capacity, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.arena.faro", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="counts of requests, a row a minute, a column an app")
    parser.add_argument("--hours", type=float, default=6.0, help="how much of it to play")
    parser.add_argument("--capacity", type=int, nargs="+", default=[16, 32, 36], help="workers in all")
    parser.add_argument("--policy", nargs="+", choices=list(POLICIES), default=list(POLICIES), help="which policies")
    parser.add_argument("--start-up", type=float, default=65.0, help="seconds until a started worker is ready")
    parser.add_argument(
        "--service", choices=["constant", "lognormal"], default="constant", help="the time of a request"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many runs at once")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / ".results", help="where the arena's page finds it"
    )
    options = parser.parse_args(argv)
    setting = Setting(str(options.file), options.hours, options.start_up, options.service)
    with ProcessPoolExecutor(options.processes) as pool:
        runs = [
            pool.submit(partial(play, setting, policy, size))
            for policy, size in product(options.policy, options.capacity)
        ]
        outcomes = [run.result() for run in runs]
    kept = {"hours": options.hours, "start_up": options.start_up, "requests": sum(outcomes[0].requests)}
    kept["table"] = table(outcomes)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "faro.json").write_text(json.dumps(kept) + "\n")
    print(kept["table"])
    print(
        f"\n{sum(outcomes[0].requests):,} requests each; {sum(one.took for one in outcomes):.0f} s of simulation in all"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
