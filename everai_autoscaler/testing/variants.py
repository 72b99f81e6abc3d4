"""Cases that differ from a given one in what a rule is about: a full fleet, a worker at work, something not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from everai_autoscaler.model import AutoScaler, QueueReason, Signal, WorkerStatus
from everai_autoscaler.testing.asking import ask
from everai_autoscaler.testing.rule import Case, fresh
from everai_autoscaler.testing.snapshots import snapshot

__all__ = ["MANY", "full", "in_the_dark", "occupied_instead"]

MANY = 10_000
"""A long queue, a large fleet, a high value."""


def full(case: Case, most: object) -> Iterator[Case]:
    """The case with *most* workers, where a maximum begins to matter: some more busy ones, or nobody but busy ones."""
    if case.factors.workers is None or not isinstance(most, int) or not 0 < most <= MANY:
        return
    for listed in (case.factors.workers, []):
        busy = snapshot(busy=max(0, most - len(listed)), observed_at=case.factors.observed_at).workers or []
        workers = [*listed, *busy]
        yield case.with_(workers=workers, worker=snapshot(workers=workers).worker)


def occupied_instead(policy: AutoScaler, case: Case) -> Iterator[Case]:
    """The case in which one who would be removed is at work, in each way in which one can be."""
    answer, workers = case.answer(policy), case.factors.workers
    if answer is None or not answer.result.down or workers is None:
        return
    removed = answer.result.down[0]
    for way in _WORK:
        yield case.with_(workers=[one.model_copy(update=way) if one.worker_id == removed else one for one in workers])


def in_the_dark(policy: AutoScaler, case: Case) -> Iterator[tuple[str, Case, Mapping[str, Case]]]:
    """What isn't known, the case in which it isn't, and cases in which it is known, each with what it then is."""
    waiting = case.with_(queue=dict.fromkeys(QueueReason, MANY))
    yield "the queue", case.with_(queue=None), {f"with {MANY} waiting": waiting}
    occupied = {WorkerStatus.Free: 0, WorkerStatus.Busy: len(case.factors.workers or ())}
    none_free = case.with_(unknown=None, worker=occupied)
    yield "how many are free", case.with_(unknown=["worker"]), {"with none of them free": none_free}
    yield "the workers", case.with_(workers=None, worker=None), {}
    if read := _signals_read(policy, case):
        names = ", ".join(read)
        known = {f"with {names} at {value}": _measured(case, _all_at(read, value)) for value in (0, MANY)}
        yield names, _measured(case, None), known
        yield f"{names}, which is stale", _measured(case, _all_at(read, 0, age=_STALE)), known
        yield f"{names}, which is stale", _measured(case, _all_at(read, MANY, age=_STALE)), known


_WORK: Sequence[Mapping[str, Any]] = (
    {"number_of_sessions": 1},
    {"current_request": 1},
    {"draining": True},
    {"status": WorkerStatus.Busy},
)
_STALE = 1e9
"""An age in seconds above any that a policy accepts."""


class _Read(dict[str, Signal]):
    """No signals, and the names of those that were looked for."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        self.names[str(name)] = None
        return False

    def get(self, name: str, default: Any = None) -> Any:
        return default if name not in self else None


def _signals_read(policy: AutoScaler, case: Case) -> list[str]:
    """The names of the signals, of the app and of its workers, that *policy* looks for."""
    read = _Read()
    asked = _measured(case.copied(), read)
    with suppress(Exception):  # that it fails is another rule's
        ask(fresh(policy), asked.factors, asked.memory)
    return list(read.names)


def _measured(case: Case, signals: Mapping[str, Signal] | None) -> Case:
    """The case with these *signals* of the app and of each worker."""
    workers = case.factors.workers
    if workers is not None:
        workers = [worker.model_copy(update={"signals": signals}) for worker in workers]
    return case.with_(signals=signals, workers=workers)


def _all_at(names: Iterable[str], value: float, *, age: float = 0) -> Mapping[str, Signal]:
    return {name: Signal(value=value, age=age) for name in names}
