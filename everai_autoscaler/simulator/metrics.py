"""What a run comes to in numbers, by their standard names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from attrs import frozen

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.elasticity import Elasticity, elasticity
from everai_autoscaler.simulator.totals import FLAP_SECONDS, MANY, Tally, Totals
from everai_autoscaler.simulator.waits import ROUNDING

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Life, Run

__all__ = ["FLAP_SECONDS", "Metrics", "cost", "in_time", "measure", "percentile", "worker_seconds"]

_HOUR = 3600.0


@frozen(kw_only=True)
class Metrics:
    """What a run comes to, from the end of its warm-up. Requests count when they came after it.

    Waits are seconds until a worker began with a request. A request that still waits when the run ends counts with
    what it has waited until then, so that a policy that lets requests starve doesn't look quick; a refused one has no
    wait. ``None`` means that there is nothing of which to take it.
    """

    requests: int
    """How many came."""
    answered: int
    refused: int
    """How many found the queue full."""
    waiting_at_end: int
    """How many no worker had begun with when the run ended."""
    mean_wait: float | None
    wait_p50: float | None
    """Half of the requests waited so long or less; by nearest rank, so that it is a wait that one of them had."""
    wait_p95: float | None
    wait_p99: float | None
    wait_max: float | None
    slo: float
    """Seconds within which a request is to begin."""
    slo_attainment: float | None
    """Share of the requests that began within ``slo`` seconds; a request refused, or never begun, is late."""
    cold_start_delayed: float | None
    """Share of the requests that waited for a worker which wasn't ready yet when they came."""
    worker_seconds: float
    """Seconds of all workers together, each from its launch (its cold start included) to its removal or the end."""
    cost: float | None
    """Their price; ``None`` where no price is known."""
    utilisation: float | None
    """Seconds of serving, over ``worker_seconds`` times the requests that a worker serves at once; 0 to 1."""
    mean_workers: float
    """Workers that were billed, on average over the time."""
    peak_workers: int
    """The most workers that were billed at once."""
    starts: int
    """Workers that were started."""
    removals: int
    """Workers that a decision removed."""
    flaps: int
    """Decisions to remove workers that were taken back: another worker was started within ``FLAP_SECONDS``."""
    killed: int
    """Requests that a worker was serving when a decision removed it: 0, or the guard failed."""
    interrupted: int
    """Times that a request lost the worker that was serving it, and waited again."""
    held_ticks: int
    """Decisions in which the policy held."""
    failed_ticks: int
    """Decisions in which something failed."""
    elasticity: Elasticity


def measure(run: Run, *, slo: float = 5.0) -> Metrics:
    """What *run* comes to.

    Args:
        run: a run, simulated or real.
        slo: seconds within which a request is to begin.

    >>> from everai_autoscaler.simulator.workload import Workload
    >>> from everai_autoscaler.simulator.simulate import simulate
    >>> busy = Workload("busy", [0, 0, 50], [10, 10, 10])
    >>> metrics = measure(simulate("simple", busy, cold_start=30, price=3.6))
    >>> metrics.wait_max, metrics.slo_attainment, metrics.worker_seconds, metrics.cost
    (10.0, 0.6666666666666666, 60.0, 0.06)

    Raises:
        ArgumentError: *slo* isn't a number of seconds.
    """
    if not 0 <= slo < math.inf:
        raise ArgumentError(f"slo: {slo} is not a number of seconds")
    setting, lives = run.setting, run.workers
    start, end = setting.warm_up, run.ended_at
    billed = worker_seconds(lives, start, end)
    fates = _of_requests(run, slo) if run.totals is None else _of_totals(run.totals, slo)
    served = fates.pop("served")
    return Metrics(
        slo=slo,
        worker_seconds=billed,
        cost=cost(run),
        utilisation=served / (billed * setting.concurrency) if billed and served is not None else None,
        mean_workers=billed / (end - start) if end > start else 0.0,
        peak_workers=_peak(lives, start, end),
        starts=sum(life.started_at >= max(start, 0.0) for life in lives),
        removals=sum(life.why == "removed" and life.ended_at is not None and life.ended_at >= start for life in lives),
        killed=sum(life.killed for life in lives),
        **fates,
    )


def _of_requests(run: Run, slo: float) -> dict[str, Any]:
    columns = run.requests
    if len(columns) >= MANY and find_spec("numpy") is not None:
        from everai_autoscaler.simulator import vector  # late: it needs numpy

        return {**vector.requests_of(run, slo), **_decisions(_ticked(run))}
    first = _first(columns.came, run.setting.warm_up)
    waits, never = _waits(run, first)
    in_time_share, came = in_time(run, slo)
    return {
        "requests": came,
        "answered": sum(not math.isnan(moment) for moment in columns.answered[first:]),
        "refused": sum(number >= first for number in columns.refused),
        "waiting_at_end": never,
        "mean_wait": math.fsum(waits) / len(waits) if waits else None,
        "wait_p50": percentile(waits, 50),
        "wait_p95": percentile(waits, 95),
        "wait_p99": percentile(waits, 99),
        "wait_max": waits[-1] if waits else None,
        "slo_attainment": in_time_share if came else None,
        "cold_start_delayed": _cold(run, first) / came if came else None,
        "served": _served(run),
        "interrupted": sum(number >= first for number in columns.interrupted),
        "elasticity": elasticity(run),
        **_decisions(_ticked(run)),
    }


def _of_totals(totals: Totals, slo: float) -> dict[str, Any]:
    waits, begun, came = totals.waits, totals.begun, totals.requests
    percentiles = {f"wait_p{one}": None if waits is None else waits.percentile(one) for one in (50, 95, 99)}
    return {
        "requests": came,
        "answered": totals.answered,
        "refused": totals.refused,
        "waiting_at_end": totals.waiting_at_end,
        "mean_wait": None if waits is None else waits.mean,
        **percentiles,
        "wait_max": waits.longest if waits is not None and waits.number else None,
        "slo_attainment": None if begun is None or not came else begun.in_time(slo) / came,
        "cold_start_delayed": None
        if totals.cold_start_delayed is None or not came
        else totals.cold_start_delayed / came,
        "served": totals.served,
        "interrupted": totals.interrupted,
        "elasticity": totals.elasticity,
        "flaps": totals.flaps,
        "held_ticks": totals.held,
        "failed_ticks": totals.failed,
    }


def _ticked(run: Run) -> Tally:
    tally = Tally(warm_up=run.setting.warm_up)
    for tick in run.ticks:
        tally.tick(tick)
    return tally


def _decisions(tally: Tally) -> dict[str, int]:
    told = tally.decisions()
    return {"flaps": told["flaps"], "held_ticks": told["held"], "failed_ticks": told["failed"]}


def percentile(in_order: Sequence[float], percent: float) -> float | None:
    """The smallest of the values, which are *in_order*, that *percent* of them don't exceed; ``None`` of none.

    >>> percentile([1, 2, 3, 10], 50), percentile([1, 2, 3, 10], 99), percentile([], 50)
    (2, 10, None)
    """
    if not in_order:
        return None
    return in_order[max(0, math.ceil(round(len(in_order) * percent / 100, 9)) - 1)]


def worker_seconds(lives: Iterable[Life], start: float, end: float) -> float:
    """Seconds of all *lives* together between *start* and *end*, never from before second 0."""
    return math.fsum(_billed(life, start, end) for life in lives)


def in_time(run: Run, seconds: float) -> tuple[float, int]:
    """The share of the requests after the warm-up that began within *seconds*, 1 of none; and how many these are.

    Raises:
        ArgumentError: the run doesn't know how long its requests waited.
    """
    if run.totals is not None:
        if run.totals.begun is None:
            raise ArgumentError(f"the waits of {run.workload.name} aren't known: its records don't tell them")
        came = run.totals.requests
        return (run.totals.begun.in_time(seconds) / came if came else 1.0), came
    columns = run.requests
    first = _first(columns.came, run.setting.warm_up)
    judged = zip(columns.came[first:], columns.began[first:], strict=True)
    early = sum(began - moment <= seconds + ROUNDING for moment, began in judged)
    number = len(columns) - first
    return early / number if number else 1.0, number


def cost(run: Run) -> float | None:
    """The price of all workers of *run* after its warm-up; ``None`` where it isn't known."""
    start, end = run.setting.warm_up, run.ended_at
    prices = [run.setting.price if life.cost is None else life.cost for life in run.workers]
    if run.setting.price is None and (not prices or None in prices):
        return None
    return math.fsum(
        _billed(life, start, end) / _HOUR * (price or 0.0) for life, price in zip(run.workers, prices, strict=True)
    )


def _billed(life: Life, start: float, end: float) -> float:
    until = end if life.ended_at is None else min(life.ended_at, end)
    return max(0.0, until - max(life.started_at, start, 0.0))


def _first(came: Sequence[float], start: float) -> int:
    """The number of the first request that is judged."""
    return next((number for number, moment in enumerate(came) if moment >= start), len(came)) if start > 0 else 0


def _waits(run: Run, first: int) -> tuple[list[float], int]:
    """The waits in order of their length, and how many requests still wait at the end."""
    columns = run.requests
    gone = {*columns.refused, *(number for number, _ in columns.left)}
    waits, never = [], 0
    for number in range(first, len(columns)):
        began = columns.began[number]
        if not math.isnan(began):
            waits.append(began - columns.came[number])
        elif number not in gone:
            never += 1
            waits.append(max(0.0, run.ended_at - columns.came[number]))
    waits.sort()
    return waits, never


def _cold(run: Run, first: int) -> int:
    columns = run.requests
    ready = [math.nan if life.ready_at is None else life.ready_at for life in run.workers]
    return sum(
        worker >= 0 and came < began and ready[worker] > came
        for came, began, worker in zip(columns.came[first:], columns.began[first:], columns.worker[first:], strict=True)
    )


def _served(run: Run) -> float:
    """Seconds of serving after the warm-up, of all requests; of an interrupted one those of its last time."""
    columns, start, end = run.requests, run.setting.warm_up, run.ended_at
    left = dict(columns.left)
    total = 0.0
    rows = enumerate(zip(columns.began, columns.answered, columns.service, strict=True))
    for number, (began, answered, service) in rows:
        if began == began:  # noqa: PLR0124 - not NaN
            until = answered
            if answered != answered:  # noqa: PLR0124 - NaN
                until = left.get(number, began + service)
            if began >= start and until <= end:
                total += until - began
            else:
                total += max(0.0, min(until, end) - max(began, start))
    return total


def _peak(lives: Iterable[Life], start: float, end: float) -> int:
    changes = []
    for life in lives:
        until = end if life.ended_at is None else min(life.ended_at, end)
        since = max(life.started_at, start, 0.0)
        if until > since:
            changes += [(since, 1), (until, -1)]
    here = most = 0
    for _, change in sorted(changes):
        here += change
        most = max(most, here)
    return most
