"""The smallest snapshot that still shows what a larger one did: with as little in it that is unusual as can be.

Hypothesis shrinks the choices that a snapshot was drawn with; what a reader finds small is another thing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

from everai_autoscaler.model import Factors, QueueReason, Worker, WorkerStatus
from everai_autoscaler.testing.snapshots import NOW, snapshot, worker

__all__ = ["simpler_snapshots", "smaller_numbers", "smallest"]

T = TypeVar("T")

_BUDGET = 1500
_MOMENTS = {"started_at", "last_service_time"}
_COUNTED = {"number_of_sessions", "current_request", "number_of_failures"}
_STATUSES = (WorkerStatus.Free, WorkerStatus.Busy, WorkerStatus.Inflight)


def smallest(
    large: T, simpler: Callable[[T], Iterable[T]], shows: Callable[[T], bool], *, key: Callable[[T], Hashable]
) -> T:
    """The last of the things, each *simpler* than the one before, that still *shows* what *large* does.

    Two things with one *key* are the same; no thing is looked at twice.

    >>> smallest(100, smaller_numbers, lambda number: number > 41, key=lambda number: number)
    42
    """
    seen = {key(large)}
    found = True
    while found:
        found = False
        for candidate in simpler(large):
            if len(seen) > _BUDGET:
                return large
            if key(candidate) in seen:
                continue
            seen.add(key(candidate))
            if shows(candidate):
                large, found = candidate, True
                break
    return large


def smaller_numbers(number: int) -> Iterator[int]:
    """Numbers below *number* and not below 0, the smallest first.

    >>> list(smaller_numbers(10))
    [0, 5, 8, 9]
    """
    step = number
    while step > 0:
        yield number - step
        step //= 2


def simpler_snapshots(factors: Factors) -> Iterator[Factors]:
    """Snapshots like *factors*, with one worker fewer, a shorter queue, or something more as usual."""
    said: dict[str, Any] = {"waiting": factors.queue, "workers": factors.workers, "observed_at": factors.observed_at}
    usual = snapshot(**said)
    said |= {name: value for name, value in vars(factors).items() if value != getattr(usual, name)}
    if factors.observed_at != NOW:
        yield snapshot(**{**said, "workers": _moved(factors.workers, NOW - factors.observed_at), "observed_at": NOW})
    for name in said.keys() - {"waiting", "workers", "observed_at"}:
        yield snapshot(**{one: value for one, value in said.items() if one != name})
    for queue in _simpler_queues(factors.queue):
        yield snapshot(**{**said, "waiting": queue})
    fleets: Iterable[list[Worker]] = (
        [[]] if factors.workers is None else _simpler_fleets(factors.workers, factors.observed_at)
    )
    for workers in fleets:
        yield snapshot(**{**said, "workers": workers})


def _moved(workers: list[Worker] | None, seconds: float) -> list[Worker] | None:
    """The *workers* with each moment of theirs so many *seconds* later; a moment stays one, and 0 stays "never"."""
    if workers is None:
        return None
    moved = []
    for one in workers:
        moments = {name: max(1, round(getattr(one, name) + seconds)) for name in _MOMENTS if getattr(one, name)}
        if one.ready_at is not None:
            moments["ready_at"] = max(0.0, one.ready_at + seconds)
        moved.append(one.model_copy(update=moments))
    return moved


def _simpler_queues(queue: dict[QueueReason, int] | None) -> Iterator[dict[QueueReason, int] | int]:
    if queue == {}:
        return
    yield 0
    if queue is None:
        return
    yield sum(queue.values())
    for reason, count in queue.items():
        yield {one: number for one, number in queue.items() if one != reason}
        for number in smaller_numbers(count):
            yield {**queue, reason: number}


def _simpler_fleets(workers: list[Worker], observed_at: float) -> Iterator[list[Worker]]:
    for place in range(len(workers)):
        yield [*workers[:place], *workers[place + 1 :]]
    for place, one in enumerate(workers):
        for simpler in _simpler_workers(one, observed_at):
            yield [*workers[:place], simpler, *workers[place + 1 :]]
    yield [one.model_copy(update={"worker_id": f"w{number}"}) for number, one in enumerate(workers, 1)]


def _simpler_workers(one: Worker, observed_at: float) -> Iterator[Worker]:
    usual = worker(one.worker_id, one.status, observed_at=observed_at)
    unusual = {name: value for name, value in vars(one).items() if value != getattr(usual, name)}
    for status in _STATUSES[: _STATUSES.index(one.status) + 1]:
        other = worker(one.worker_id, status, observed_at=observed_at)
        yield other
        if status is not one.status:
            yield other.model_copy(update=unusual)
    for name in unusual.keys() - _MOMENTS:
        yield one.model_copy(update={name: getattr(usual, name)})
    idle_for = max(0, int(observed_at) - one.last_service_time) if one.last_service_time else 0
    for idle in (*smaller_numbers(idle_for), idle_for):
        other = worker(one.worker_id, one.status, idle_for=idle, observed_at=observed_at)
        moments = {"last_service_time": other.last_service_time}
        yield one.model_copy(update={**moments, "started_at": other.started_at})
        yield one.model_copy(update=moments)
    for name in _COUNTED & unusual.keys():
        for number in smaller_numbers(getattr(one, name) or 0):
            yield one.model_copy(update={name: number})
    if one.status is WorkerStatus.Inflight:
        just_now = int(observed_at) - usual.started_at
        for older in smaller_numbers(int(observed_at) - one.started_at - just_now):
            yield one.model_copy(update={"started_at": int(observed_at) - just_now - older})
