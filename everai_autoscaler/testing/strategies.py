"""Hypothesis strategies: any valid snapshot, and the lives of plausible fleets."""

from __future__ import annotations

import math
from typing import Any

from everai_autoscaler.errors import MissingExtraError

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise MissingExtraError("hypothesis is missing: pip install 'everai-autoscaler[testing]'") from error

from everai_autoscaler.model import (
    Action,
    DecideResult,
    Dispatch,
    Factors,
    QueueReason,
    QueueSummary,
    ScaleDownAction,
    ScaleUpAction,
    Worker,
    WorkerStatus,
    why_stays,
)
from everai_autoscaler.simulator.cluster import Cluster as VirtualTarget
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.testing.snapshots import NOW, snapshot, worker

__all__ = ["factors", "lives", "workers"]

_STATUSES = st.sampled_from([WorkerStatus.Free, WorkerStatus.Busy, WorkerStatus.Inflight])
_SECONDS = st.sampled_from([0, 1, 30, 59, 60, 61, 119, 120, 121, 299, 300, 599, 600, 601, 3600, -1]) | st.integers(
    0, 9000
)
_LIVED = st.sampled_from([3600, 0, 1, 60, 600]) | st.integers(0, 9000)
_COUNTS = st.integers(0, 5) | st.integers(0, 2000)
_RARELY = st.integers(0, 7).map(lambda number: number == 7)
_REASONS = (*QueueReason, QueueReason("ReasonOfTomorrow"))
_NOTHING: QueueSummary = {}
_QUEUES = st.just(_NOTHING) | st.fixed_dictionaries({}, optional=dict.fromkeys(_REASONS, _COUNTS))
_SUMMARIES = st.fixed_dictionaries({}, optional={status: st.integers(0, 8) for status in WorkerStatus})
_AGES = st.integers(1, 60).map(lambda periods: 20 * periods)
_HISTORIES = 4

_SIGNALS = st.dictionaries(
    st.sampled_from(["kv_cache", "time_to_first_token", "tokens_waiting"]),
    st.fixed_dictionaries({"value": st.sampled_from([0.0, 0.5, 4100.0]), "age": st.sampled_from([0.0, 15.5, 600.0])}),
)

_OF_WORKERS: dict[str, st.SearchStrategy[Any]] = {
    "number_of_sessions": st.integers(0, 3),
    "current_request": st.integers(0, 3),
    "draining": st.booleans(),
    "last_service_time": st.just(0),
    "ready_at": st.integers(0, 4000).map(lambda ago: NOW - ago),
    "concurrency": st.integers(1, 8),
    "cost": st.sampled_from([0.0, 0.5, 12.25]),
    "spot": st.booleans(),
    "gpu_type": st.sampled_from(["A100", "RTX 4090"]),
    "number_of_failures": st.integers(0, 100),
    "average_response_time": st.sampled_from([0.0, 0.25, 40.5]),
    "signals": st.none() | _SIGNALS,
}
_OF_SNAPSHOTS: dict[str, st.SearchStrategy[Any]] = {
    "utilization": st.none() | st.integers(0, 100),
    "worker": st.none() | _SUMMARIES,
    "queue_histories": st.none() | st.dictionaries(_AGES, _QUEUES, max_size=_HISTORIES),
    "worker_histories": st.none() | st.dictionaries(_AGES, _SUMMARIES, max_size=_HISTORIES),
    "arrivals": st.none() | _COUNTS,
    "completions": st.none() | _COUNTS,
    "oldest_wait": st.none() | st.dictionaries(st.sampled_from(QueueReason), st.sampled_from([0.0, 0.5, 90.0])),
    "start_times": st.none() | st.lists(st.sampled_from([15.0, 0.5, 120.0]), max_size=_HISTORIES),
    "signals": st.none() | _SIGNALS,
    "unknown": st.none() | st.just(["worker"]),
}


@st.composite
def workers(draw: st.DrawFn, *, worker_id: str = "w1", observed_at: float = NOW) -> Worker:
    """Any valid worker of that id, as a snapshot of *observed_at* would list it."""
    return _made(draw(_recipes), worker_id, observed_at)


@st.composite
def factors(draw: st.DrawFn, *, max_workers: int = 6, since: float = NOW, allow_duplicates: bool = False) -> Factors:
    """Any valid snapshot: what isn't known, histories, workers that never become ready, sessions, newer fields.

    It need not be plausible: an averaged summary says something else than the list, and a sender's clock may go a
    second before another's. It shrinks towards nothing at all, at *since*.

    Args:
        max_workers: the most workers that are listed.
        since: the earliest moment of which it may be.
        allow_duplicates: whether two workers may have one id, which a sender shouldn't give.
    """
    observed_at = since + draw(st.integers(0, 4000)) / 4 if draw(_RARELY) else since
    listed: list[Worker] | None = None
    if not draw(_RARELY):
        recipes = draw(st.lists(_recipes, max_size=max_workers))
        if draw(st.integers(0, 3)) == 3:
            alike = draw(_STATUSES)
            recipes = [(alike, *recipe[1:]) for recipe in recipes]
        ids = [f"w{number + 1}" for number in range(len(recipes))]
        if allow_duplicates:
            ids = [draw(st.sampled_from(ids)) for _ in ids]
        listed = [_made(recipe, one, observed_at) for recipe, one in zip(recipes, ids, strict=True)]
    waiting: Any = None if draw(_RARELY) else draw(_QUEUES)
    fields = draw(st.fixed_dictionaries({}, optional=_OF_SNAPSHOTS)) if draw(st.booleans()) else {}
    return snapshot(waiting=waiting, workers=listed, observed_at=observed_at, **fields)


@st.composite
def lives(draw: st.DrawFn, *, min_size: int = 1, max_size: int = 8, start: float = NOW) -> list[Factors]:
    """Snapshots of a plausible fleet, one after another: it starts, serves, idles and dies.

    The workers take their time to start, clients come and go, workers are started and removed at random, and now and
    then the sender doesn't know the queue or the workers. Time goes on, the first time from *start*; each snapshot
    holds the histories of those before.
    """
    load = [
        Clients(count, service_time=seconds, start=begin, stop=begin + last)
        for count, seconds, begin, last in draw(st.lists(_clients, max_size=2))
    ]
    target = VirtualTarget(
        workers=draw(st.integers(0, 3)),
        cold_start=draw(st.sampled_from([15.0, 0.0, 50.0, math.inf])),
        load=load,
        dispatch=draw(st.sampled_from(Dispatch)),
        start=start,
    )
    seen: list[Factors] = []
    for seconds, more, fewer, unknown in draw(st.lists(_steps, min_size=min_size, max_size=max_size)):
        if seen:
            target.clock.sleep_until(target.clock.now() + seconds)
        observed = target.observe()
        seen.append(observed.model_copy(update=dict.fromkeys(unknown)))
        idle = [worker.worker_id for worker in target.workers if not why_stays(worker)]
        leaving: list[Action] = [ScaleDownAction(worker_id=worker_id) for worker_id in idle[:fewer]]
        starting: list[Action] = [ScaleUpAction(count=more)] if more else []
        target.apply(DecideResult(max_workers=99, actions=starting or leaving))
    return seen


_recipes = st.tuples(
    _STATUSES,
    _SECONDS,
    _LIVED,
    st.one_of(st.just({}), st.fixed_dictionaries({}, optional=_OF_WORKERS)),
)
"""Of a worker its status, for how long it has been that, how long it was there before, and its other fields."""

_clients = st.tuples(
    st.integers(1, 6), st.sampled_from([10.0, 5.0, 33.0, 70.0]), st.integers(0, 100), st.integers(20, 400)
)
"""How many, the seconds of work that each asks for, when they come, and for how long they stay."""

_steps = st.tuples(
    st.sampled_from([20, 5, 61, 130, 700]),
    st.sampled_from([0, 0, 0, 1, 2, 3]),
    st.integers(1, 4),
    st.sampled_from([(), (), (), (), ("queue",), ("workers", "worker")]),
)
"""Seconds that pass, workers that are started then, or else are removed at most, and what the sender doesn't know."""


def _made(recipe: tuple[WorkerStatus, int, int, dict[str, Any]], worker_id: str, observed_at: float) -> Worker:
    status, seconds, earlier, fields = recipe
    if status is WorkerStatus.Inflight:
        return worker(worker_id, status, started_ago=seconds or None, observed_at=observed_at, **fields)
    return worker(
        worker_id, status, started_ago=abs(seconds) + earlier, idle_for=seconds, observed_at=observed_at, **fields
    )
