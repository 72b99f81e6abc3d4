"""Recorded decisions: the requests that must have come between their snapshots."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from itertools import pairwise
from random import Random

from attrs import evolve, frozen

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Factors, Record, WorkerStatus
from everai_autoscaler.simulator.reading.counts import the_app
from everai_autoscaler.simulator.reading.published import spread
from everai_autoscaler.simulator.reading.rows import modelled_services
from everai_autoscaler.simulator.reading.source import Source, Wanted
from everai_autoscaler.simulator.service import Deterministic
from everai_autoscaler.simulator.workload import MOST_REQUESTS, Workload
from everai_autoscaler.words import counted

__all__ = ["read_records"]


def read_records(source: Source, wanted: Wanted) -> dict[str, Workload]:
    """For each app of a file of records the requests that came between its snapshots, spread uniformly between them.

    Their number is ``Factors.arrivals`` where the platform gives it. Else it is rebuilt: the growth of the queue and of
    what is being served, and what was answered meanwhile, as ``Factors.completions`` or the workers' counters say. What
    waits in the first snapshot comes at second 0. Every request takes what the workers' average response times say,
    weighted by their requests, unless a model is given.

    Raises:
        ContractError: a line isn't a record, or not in order; an app has snapshots of one moment only; names the line.
        UnknownNameError: there are no records of such an app.
    """
    seen: dict[str, list[Factors]] = {}
    for number, line in enumerate(source.lines, 1):
        if not line.strip():
            continue
        try:
            record = Record.from_json(line)
        except ContractError as error:
            raise source.wrong(str(error), number) from error
        moments = seen.setdefault(record.app, [])
        moment = record.moment()
        if moment is None:
            continue
        if moments and moment.observed_at < moments[-1].observed_at:
            raise source.wrong(
                f"observed_at: {moment.observed_at} comes after {moments[-1].observed_at}, not in order", number
            )
        moments.append(moment)
    if not seen:
        raise source.wrong("has no records")
    apps = list(seen) if wanted.every else [the_app(list(seen), wanted, source)]
    return {app: _workload(app, seen[app], source, wanted) for app in apps}


@frozen
class _Between:
    """What came between two snapshots."""

    start: float
    length: float
    number: int | None
    """``None`` when it isn't known."""
    is_rebuilt: bool


def _workload(app: str, moments: list[Factors], source: Source, wanted: Wanted) -> Workload:
    intervals = list(_intervals(moments))
    if not intervals:
        raise source.wrong(f"app {app}: has snapshots of one moment only; requests come between two")
    start = moments[0].observed_at
    chance = Random(f"{wanted.seed}:spread:{app}")  # noqa: S311 - repeats from run to run
    arrivals = array("d", [0.0] * (moments[0].waiting() or 0))
    for one in intervals:
        if one.number:
            if len(arrivals) + one.number > MOST_REQUESTS:
                raise source.wrong(f"app {app}: has more requests than the {MOST_REQUESTS:,} that are accepted")
            arrivals.extend(spread(one.start - start, one.length, one.number, chance))
    if not arrivals:
        raise source.wrong(f"app {app}: has no requests")
    average = ""
    if wanted.service is None:
        mean = _mean_response(moments)
        if mean is None:
            raise source.wrong(
                f"app {app}: no worker had answered a request: give a model of what one takes as service, such as 2.5"
            )
        wanted = evolve(wanted, service=Deterministic(round(mean, 6)))
        average = ", the workers' average response time"
    services, modelled = modelled_services(len(arrivals), None, None, wanted, source, stream=app)
    return Workload(
        f"{source.label} {app}",
        arrivals,
        services,
        start=start,
        source=source.name,
        modelled="; ".join([*_how(intervals), modelled + average]),
    )


def _how(intervals: list[_Between]) -> Iterator[str]:
    """How arrivals were made of *intervals*, in words."""
    yield "arrivals were spread uniformly between snapshots"
    if rebuilt := sum(one.is_rebuilt for one in intervals):
        yield (
            f"in {rebuilt:,} of {counted(len(intervals), 'interval', form=',')} they were rebuilt from the queue's "
            "growth and the answers: a recorded queue is cut off by the capacity of its day"
        )
    if unknown := sum(one.number is None for one in intervals):
        yield f"in {unknown:,} of {counted(len(intervals), 'interval', form=',')} nothing is known, and none came"


def _intervals(moments: list[Factors]) -> Iterator[_Between]:
    for before, after in pairwise(moments):
        length = after.observed_at - before.observed_at
        if length <= 0:
            continue
        said, rebuilt = after.arrivals, None if after.arrivals is not None else _rebuilt(before, after)
        number = rebuilt if said is None else said
        yield _Between(before.observed_at, length, number, is_rebuilt=rebuilt is not None)


def _rebuilt(before: Factors, after: Factors) -> int | None:
    """Requests that came, by what was answered and by the growth of what waits or is being served."""
    waited, waits = before.waiting(), after.waiting()
    if waited is None or waits is None or before.workers is None or after.workers is None:
        return None
    answered = after.completions
    if answered is None:
        earlier = _answers(before)
        answered = sum(max(0, count - earlier.get(name, 0)) for name, count in _answers(after).items())
    return max(0, waits - waited + _serving(after) - _serving(before) + answered)


def _answers(factors: Factors) -> Mapping[str, int]:
    return {one.worker_id: one.number_of_successes + one.number_of_failures for one in factors.workers or ()}


def _serving(factors: Factors) -> int:
    return sum(max(one.current_request, one.status is WorkerStatus.Busy) for one in factors.workers or ())


def _mean_response(moments: list[Factors]) -> float | None:
    """The workers' average response time, each as it was seen last, weighted by its requests."""
    last = {worker.worker_id: worker for factors in moments for worker in factors.workers or ()}
    weighted = [
        (count * worker.average_response_time, count)
        for worker in last.values()
        if (count := worker.number_of_successes + worker.number_of_failures)
    ]
    total = sum(count for _, count in weighted)
    mean = math.fsum(seconds for seconds, _ in weighted) / total if total else 0.0
    return mean if mean > 0 else None
