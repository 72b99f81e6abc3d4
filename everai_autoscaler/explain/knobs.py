"""What of a recorded decision can be changed: its arguments, and what its snapshot says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from everai_autoscaler.decision.replay import Replay
from everai_autoscaler.explain.flip import Part
from everai_autoscaler.explain.knob import Knob, Turn, far
from everai_autoscaler.model import (
    Argument,
    Factors,
    QueueReason,
    QueueSummary,
    Record,
    Worker,
    WorkerStatus,
    schema_of,
)
from everai_autoscaler.model.form import Leaf, Way
from everai_autoscaler.model.record import at_moment
from everai_autoscaler.plugin import Registry

__all__ = ["knobs_of", "with_argument"]

_A_WEEK = 604_800
"""How much later a snapshot is looked at, in seconds."""


def knobs_of(record: Record, registry: Registry, again: Callable[[Record], Replay]) -> Iterator[Knob]:
    """Each number that went into the decision of *record*, which *again* makes once more with another record."""
    hidden = {name for name, one in record.arguments.items() if one.redacted}
    for leaf in record.form().leaves():
        *_, name = leaf.way
        argument = schema_of(registry.autoscaler(leaf.scaler)).arguments.get(str(name))
        if argument is not None and leaf.way[0] not in hidden and _is_number(leaf.value):
            yield _of_an_argument(argument, leaf, partial(_argument_set, again, record, leaf.way))
    factors = record.moment()
    if factors is None:
        return

    def seen(**fields: Any) -> Replay:
        return again(record.model_copy(update={"snapshot": factors.model_copy(update=fields)}))

    yield from _of_the_queue(factors, seen)
    yield from _of_the_workers(factors, seen)
    yield from _of_the_signals(factors, seen)
    yield from _of_the_time(record, factors, again)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_an_argument(argument: Argument, leaf: Leaf, turn: Turn) -> Knob:
    value = leaf.value
    whole, farthest = isinstance(value, int), far(value)
    below = [bound for bound in (argument.ge, argument.gt) if bound is not None]
    lowest, highest = max(below, default=-farthest), farthest if argument.le is None else argument.le
    if whole:
        lowest, highest = int(lowest), int(highest)
    return Knob(Part.ARGUMENT, leaf.place, value, lowest, highest, whole, turn, way=leaf.way, asks=argument.asks)


def _argument_set(again: Callable[[Record], Replay], record: Record, way: Way, to: float) -> Replay:
    return again(with_argument(record, way, to))


def with_argument(record: Record, way: Way, to: float) -> Record:
    """*record* with another value of the argument at the end of the *way*."""
    name = str(way[0])
    changed = record.arguments[name].model_copy(update={"value": record.form().replace(way, to).arguments[name]})
    return record.model_copy(update={"arguments": {**record.arguments, name: changed}})


def _of_the_queue(factors: Factors, seen: Callable[..., Replay]) -> Iterator[Knob]:
    queue = factors.queue
    if queue is None:
        yield _known("queue", lambda _: seen(queue={}))
        return
    for reason in dict.fromkeys((*QueueReason, *queue)):
        yield Knob(
            Part.WAITING,
            reason.value,
            queue.get(reason, 0),
            lowest=0,
            highest=far(queue.get(reason, 0)),
            whole=True,
            turn=partial(_queue_set, seen, queue, reason),
        )


def _queue_set(seen: Callable[..., Replay], queue: QueueSummary, reason: QueueReason, to: float) -> Replay:
    return seen(queue={**queue, reason: to})


def _of_the_workers(factors: Factors, seen: Callable[..., Replay]) -> Iterator[Knob]:
    if factors.workers is None:
        yield _known("workers", lambda _: seen(workers=[], worker=None, unknown=None))
        return
    for status in WorkerStatus:
        there = factors.count(status) or 0
        yield Knob(
            Part.WORKERS,
            status.value,
            there,
            lowest=max(0, there - 1),
            highest=there + 1,
            whole=True,
            turn=partial(_workers_set, seen, factors, status, there),
        )


def _workers_set(seen: Callable[..., Replay], factors: Factors, status: WorkerStatus, there: int, to: float) -> Replay:
    return seen(**_with_one(factors, status, int(to) - there))


def _with_one(factors: Factors, status: WorkerStatus, more: int) -> dict[str, Any]:
    """The fields of *factors* with one worker of *status* more, who has just come, or without the newest of them."""
    workers = list(factors.workers or ())
    if more > 0:
        workers.append(_newcomer(factors, status))
    elif more < 0:
        workers.remove(max((w for w in workers if w.status is status and not w.draining), key=lambda w: w.started_at))
    if factors.worker is None:
        return {"workers": workers}
    counted = max(0, factors.worker.get(status, 0) + more)
    return {"workers": workers, "worker": {**factors.worker, status: counted}}


def _newcomer(factors: Factors, status: WorkerStatus) -> Worker:
    there = factors.workers or ()
    taken = {worker.worker_id for worker in there}
    now = int(factors.observed_at)
    # What a sentence calls it: an id like the others' would be taken for a worker that was there.
    name = f"one more {'starting' if status is WorkerStatus.Inflight else status.value.lower()} worker"
    # It can serve as much at once as the newest that says so: where slots are counted, one more worker has some.
    concurrency = max(there, key=lambda w: (w.concurrency is not None, w.started_at)).concurrency if there else None
    return Worker(
        worker_id=next(one for number in range(len(taken) + 1) if (one := name + " again" * number) not in taken),
        region="",
        started_at=now,
        last_service_time=0 if status is WorkerStatus.Inflight else now,
        number_of_successes=0,
        number_of_failures=0,
        number_of_sessions=0,
        average_response_time=0.0,
        current_request=1 if status is WorkerStatus.Busy else 0,
        status=status,
        concurrency=concurrency,
    )


def _of_the_signals(factors: Factors, seen: Callable[..., Replay]) -> Iterator[Knob]:
    for name, signal in (factors.signals or {}).items():
        yield Knob(
            Part.SIGNAL,
            name,
            signal.value,
            lowest=0.0 if signal.value >= 0 else -far(signal.value),
            highest=far(signal.value),
            whole=False,
            turn=partial(_signal_set, seen, factors, name),
        )


def _signal_set(seen: Callable[..., Replay], factors: Factors, name: str, to: float) -> Replay:
    signals = dict(factors.signals or {})
    return seen(signals={**signals, name: signals[name].model_copy(update={"value": to})})


def _of_the_time(record: Record, factors: Factors, again: Callable[..., Replay]) -> Iterator[Knob]:
    spans = [
        factors.age(worker) if worker.status is WorkerStatus.Inflight else factors.idle_time(worker) or 0.0
        for worker in factors.workers or ()
    ]

    def later(by: float) -> Replay:
        moment = factors.observed_at + by
        return again(record.model_copy(update={"snapshot": at_moment(factors, moment), "observed_at": moment}))

    if spans:
        longest = max(spans)
        yield Knob(Part.TIME, "observed_at", 0, -int(longest), _A_WEEK, whole=True, turn=later, base=longest)


def _known(field: str, turn: Turn) -> Knob:
    return Knob(Part.KNOWN, field, 0, 0, 1, whole=True, turn=turn)
