"""Snapshots and workers for tests, so that a line of a test reads as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from everai_autoscaler.model import Factors, QueueReason, QueueSummary, Worker, WorkerStatus

__all__ = ["snapshot", "worker"]

NOW = 1_720_000_000.0
"""When a snapshot is of, unless a test says otherwise."""

_AN_HOUR = 3600.0
_JUST_NOW = 10.0


def worker(
    worker_id: str = "w1",
    status: WorkerStatus | str = WorkerStatus.Free,
    *,
    started_ago: float | None = None,
    idle_for: float = 0.0,
    observed_at: float = NOW,
    **fields: Any,
) -> Worker:
    """A worker as a snapshot of *observed_at* would list it.

    Where *started_ago* isn't given, one that is starting was started 10 seconds ago, any other an hour before it
    became idle. *fields* are any others that a ``Worker`` has; ``last_service_time=0`` makes it one that never served.

    >>> idle = worker("a", idle_for=90)
    >>> snapshot(workers=[idle]).idle_time(idle)
    90.0
    >>> worker("b", "Busy", number_of_sessions=2).current_request
    1

    Raises:
        TypeError: a field that a ``Worker`` doesn't have.
    """
    status = WorkerStatus(status)
    starting = status is WorkerStatus.Inflight
    if started_ago is None:
        started_ago = _JUST_NOW if starting else _AN_HOUR + idle_for
    usual: dict[str, Any] = {
        "worker_id": worker_id,
        "region": "test",
        "started_at": int(observed_at - started_ago),
        "last_service_time": 0 if starting else int(observed_at - idle_for),
        "number_of_successes": 0 if starting else 1,
        "number_of_failures": 0,
        "number_of_sessions": 0,
        "average_response_time": 0.0 if starting else 1.0,
        "current_request": 1 if status is WorkerStatus.Busy else 0,
        "status": status,
    }
    return Worker(**{**usual, **_known(Worker, fields)})


def snapshot(
    waiting: int | Mapping[QueueReason | str, int] | None = 0,
    busy: int = 0,
    free: int = 0,
    inflight: int = 0,
    *,
    idle_for: float = 0.0,
    workers: Iterable[Worker] | None = (),
    observed_at: float = NOW,
    **fields: Any,
) -> Factors:
    """A snapshot with so many waiting, and so many workers of each status; ``None`` says "not known".

    Those *waiting* wait for a busy worker, or to be dispatched where there is no worker; a mapping gives the reasons.
    Workers are called ``busy-1``, ``free-1``, ``inflight-1`` and so on, each younger than the one before; the free
    ones have been idle for *idle_for* seconds. *workers* are listed after them; ``workers=None`` leaves only the
    summary, and not even that where no count is given. *fields* are any others that ``Factors`` has, histories say.

    >>> deep = snapshot(waiting=8, busy=1)
    >>> deep.waiting(QueueReason.QueueDueBusy), [worker.worker_id for worker in deep.workers]
    (8, ['busy-1'])
    >>> snapshot(waiting=None, free=2).waiting() is None
    True
    >>> snapshot(waiting={"WorkerBusy": 2, "NotDispatch": 1}, workers=None).count() is None
    True
    >>> snapshot(busy=1, queue_histories={20: {"WorkerBusy": 4}}).queue_histories
    {20: {<QueueReason.QueueDueBusy: 'QueueDueBusy'>: 4}}

    Raises:
        TypeError: a field that ``Factors`` doesn't have.
    """
    ready = [(f"busy-{n + 1}", WorkerStatus.Busy) for n in range(busy)]
    ready += [(f"free-{n + 1}", WorkerStatus.Free) for n in range(free)]
    made = [
        worker(
            worker_id,
            status,
            started_ago=_AN_HOUR + idle_for + younger,
            idle_for=idle_for if status is WorkerStatus.Free else 0.0,
            observed_at=observed_at,
        )
        for younger, (worker_id, status) in zip(range(len(ready) - 1, -1, -1), ready, strict=True)
    ]
    made += [worker(f"inflight-{n + 1}", WorkerStatus.Inflight, observed_at=observed_at) for n in range(inflight)]
    listed = None if workers is None else [*made, *workers]
    counted = made if listed is None else listed
    usual: dict[str, Any] = {
        "queue": _queue(waiting, QueueReason.QueueDueBusy if counted else QueueReason.NotDispatch),
        "workers": listed,
        "worker": None if listed is None and not made else _summary(counted),
        "observed_at": observed_at,
    }
    return Factors(**{**usual, **_known(Factors, fields)})


def _queue(
    waiting: int | Mapping[QueueReason | str, int] | None, reason: QueueReason
) -> QueueSummary | Mapping[QueueReason | str, int] | None:
    if isinstance(waiting, int):
        return {reason: waiting} if waiting else {}
    return waiting


def _summary(workers: Iterable[Worker]) -> dict[WorkerStatus, int]:
    found = Counter(worker.status for worker in workers)
    return {status: found[status] for status in WorkerStatus}


def _known(model: type[BaseModel], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The *fields*, all of which *model* has: it would ignore a misspelt one, and the test would say something else."""
    for name in fields:
        if name not in model.model_fields:
            raise TypeError(f"{name!r} is not a field of {model.__name__}: {', '.join(model.model_fields)}")
    return fields
