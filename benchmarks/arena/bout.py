"""One run of one peer on one trace, and the results that are kept on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from benchmarks.arena.roster import COMPANY, PEERS, made, static_peer
from everai_autoscaler.simulator.reading import read
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.workload import Workload

__all__ = ["INTERVAL", "LIMITS", "SHARE", "Best", "Bout", "Kept", "Result", "best_of", "load", "play", "starts_with"]

INTERVAL = 20.0
LIMITS = (5.0, 30.0)
"""The SLOs: seconds within which requests are to begin."""
SHARE = 0.99
"""The share of them that has to."""
APPS = "faro.json"
"""Where ``benchmarks.arena.faro`` leaves its outcomes."""
_FIRST = 600.0


@frozen
class Bout:
    """What is played: a trace at a cold start, by a peer with these arguments beside its defaults."""

    trace: str
    cold_start: float
    peer: str
    arguments: tuple[tuple[str, Any], ...] = ()


@frozen
class Result:
    """What a run came to."""

    bout: Bout
    worker_seconds: float
    in_time: tuple[float, ...]
    """For each of the limits, the share of requests that began within it."""
    wait_p99: float
    mean_workers: float
    peak_workers: int
    killed: int
    failed: int
    took: float
    """Seconds that it took to simulate."""

    def meets(self, limit: int) -> bool:
        """Whether the SLO with the limit of that number is met."""
        return self.in_time[limit] >= SHARE

    def order(self, limit: int) -> tuple[int, float]:
        """What is better comes first: those that meet the SLO by cost, then the others by how many began in time."""
        return (0, self.worker_seconds) if self.meets(limit) else (1, -self.in_time[limit])


@frozen
class Best:
    """The optimum for one limit."""

    trace: str
    cold_start: float
    limit: float
    bound: float
    schedule: float
    bound_how: str
    schedule_how: str
    static: int
    static_cost: float
    took: float


@lru_cache(maxsize=3)
def load(path: str) -> Workload:
    """The trace at *path*, or that of the name."""
    return read(path)


def starts_with(workload: Workload) -> int:
    """Workers that are ready at second 0, for everybody: the mean load of the first ten minutes, and a quarter more.

    A run that began with one worker would judge its first minutes only, at a trace of an hour.
    """
    first = workload.between(0, _FIRST)
    return max(1, round(1.25 * sum(first.services) / _FIRST))


def play(path: str, bout: Bout) -> Result:
    """Simulate *bout* on the trace at *path*."""
    workload = load(path)
    peer = next(one for one in (*PEERS, *COMPANY) if one.name == bout.peer)
    arguments = {**peer.given(workload, bout.cold_start), **dict(bout.arguments)}
    begin = time.perf_counter()
    static = peer is static_peer
    run = simulate(
        made(peer, arguments),
        workload,
        cold_start=bout.cold_start,
        interval=INTERVAL,
        workers=arguments["workers"] if static else starts_with(workload),
    )
    metrics = run.metrics(LIMITS[0])
    return Result(
        bout,
        metrics.worker_seconds,
        tuple(float(run.slo(limit)) for limit in LIMITS),
        metrics.wait_p99 or 0.0,
        metrics.mean_workers,
        metrics.peak_workers,
        metrics.killed,
        metrics.failed_ticks,
        time.perf_counter() - begin,
    )


def best_of(path: str, trace: str, cold_start: float, limit: float) -> Best:
    """The optimum of the trace at *path* for one SLO."""
    from everai_autoscaler.simulator.optimum import optimum

    workload, begin = load(path), time.perf_counter()
    best = optimum(workload, wait=limit, share=SHARE, cold_start=cold_start, workers=starts_with(workload))
    took = time.perf_counter() - begin
    how = (best.bound_how, best.schedule_how)
    return Best(trace, cold_start, limit, best.bound, best.schedule, *how, best.static, best.static_cost, took)


class Kept:
    """Results on disk, one JSON line each, so that an interrupted arena goes on where it was."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        self._runs, self._optima = folder / "runs.jsonl", folder / "optima.jsonl"
        apps = folder / APPS
        self.apps: dict[str, Any] = json.loads(apps.read_text()) if apps.exists() else {}
        """What ``benchmarks.arena.faro`` left there; empty where it wasn't run."""
        self.results: dict[Bout, Result] = {}
        self.optima: dict[tuple[str, float, float], Best] = {}
        for said in _lines(self._runs):
            bout = said.pop("bout")
            bout["arguments"] = tuple(tuple(pair) for pair in bout["arguments"])
            self._remember(Result(**{**said, "bout": Bout(**bout), "in_time": tuple(said["in_time"])}))
        for said in _lines(self._optima):
            best = Best(**said)
            self.optima[best.trace, best.cold_start, best.limit] = best

    def _remember(self, result: Result) -> None:
        self.results[result.bout] = result

    def add(self, results: Iterable[Result]) -> None:
        """Keep *results*."""
        with self._runs.open("a") as file:
            for result in results:
                if result.bout not in self.results:
                    self._remember(result)
                    file.write(json.dumps(asdict(result)) + "\n")

    def add_best(self, best: Best) -> None:
        """Keep an optimum."""
        self.optima[best.trace, best.cold_start, best.limit] = best
        with self._optima.open("a") as file:
            file.write(json.dumps(asdict(best)) + "\n")

    def of(self, trace: str, cold_start: float, peer: str) -> list[Result]:
        """What is known of a peer in one cell, the default first."""
        found = [
            result
            for bout, result in self.results.items()
            if (bout.trace, bout.cold_start, bout.peer) == (trace, cold_start, peer)
        ]
        return sorted(found, key=lambda result: bool(result.bout.arguments))

    def cheapest(self, best: Best) -> float:
        """Worker-seconds of the cheapest schedule known: the optimum's, the static fleet's, or that of a run."""
        limit = LIMITS.index(best.limit)
        met = [
            result.worker_seconds
            for bout, result in self.results.items()
            if (bout.trace, bout.cold_start) == (best.trace, best.cold_start) and result.meets(limit)
        ]
        return min([best.schedule, best.static_cost, *met])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def in_order(arguments: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The *arguments* in the form in which a bout has them."""
    return tuple(sorted(arguments.items()))
