"""What is known at one moment: the workers, the queue, and how both have been."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from operator import add
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from everai_autoscaler.model.signal import Signal, latest
from everai_autoscaler.model.wire import GrowingModel
from everai_autoscaler.words import REASON_WORDS

__all__ = ["Factors", "QueueReason", "QueueSummary", "Worker", "WorkerStatus", "WorkerSummary"]


class WorkerStatus(str, Enum):
    """What a worker is doing."""

    Inflight = "Inflight"
    """Started, and not working yet."""
    Free = "Free"
    """Ready, and serving no request."""
    Busy = "Busy"
    """Serving."""

    __hash__ = str.__hash__


class QueueReason(str, Enum):
    """Why a request waits.

    A reason that this version doesn't know is kept under its own name and counts as waiting. A snapshot may also call
    the last two ``WorkerBusy`` and ``SessionWorkerBusy``, as the platform's lists do.

    >>> QueueReason("GpuReserved").name
    'GpuReserved'
    >>> list(QueueReason)[0].name
    'NotDispatch'
    """

    NotDispatch = "NotDispatch"
    """It has not been dispatched yet, or there is no worker."""
    QueueDueBusy = "QueueDueBusy"
    """Every worker is busy."""
    QueueDueSession = "QueueDueSession"
    """The worker that holds its session is busy."""

    __hash__ = str.__hash__

    @classmethod
    def _missing_(cls, value: object) -> QueueReason | None:
        if not isinstance(value, str) or not value:
            return None
        reason = str.__new__(cls, value)
        reason._name_ = reason._value_ = value
        return reason


_OTHER_NAMES = {word: QueueReason(reason) for reason, word in REASON_WORDS.items()}
"""What the platform's lists call them."""


def _known_names(summary: dict[QueueReason, Any], together: Callable[[Any, Any], Any] = add) -> dict[QueueReason, Any]:
    """*summary* with what stands under a reason's other name under its own, *together* with what stands there."""
    if "WorkerBusy" not in summary and "SessionWorkerBusy" not in summary:
        return summary
    named: dict[QueueReason, Any] = {}
    for reason, value in summary.items():
        known = _OTHER_NAMES.get(reason, reason)
        named[known] = together(named[known], value) if known in named else value
    return named


QueueSummary: TypeAlias = dict[QueueReason, int]
"""How many requests wait, for each reason."""

WorkerSummary: TypeAlias = dict[WorkerStatus, int]
"""How many workers there are in each status."""

Count: TypeAlias = Annotated[int, Field(ge=0)]
Age: TypeAlias = Annotated[int, Field(ge=0)]
_Queue: TypeAlias = dict[QueueReason, Count]
_Workers: TypeAlias = dict[WorkerStatus, Count]


class Worker(GrowingModel):
    """One worker of the app.

    All times are epoch seconds and all durations seconds. ``None`` means "not known".
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset(
        {"concurrency", "ready_at", "draining", "cost", "spot", "signals"}
    )

    worker_id: str
    """The worker's name; unique within a snapshot."""
    gpu_type: str | None = None
    """The accelerator it has."""
    region: str
    """Where it runs."""
    started_at: int
    """When it was started."""
    last_service_time: int
    """When it last finished a request; 0 when it never did."""
    number_of_successes: Count
    """Requests answered well since it started."""
    number_of_failures: Count
    """Requests answered badly since it started."""
    number_of_sessions: Count
    """Sessions pinned to it; above 0 it may not be removed."""
    average_response_time: float
    """Seconds that an answer took, on average."""
    current_request: Count = 0
    """Requests that it serves now; older senders leave it out."""
    status: WorkerStatus
    """What it is doing."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Requests that it can serve at once."""
    ready_at: float | None = None
    """When it became ready to serve for the first time."""
    draining: bool | None = None
    """It is on its way out and takes no new requests: it counts towards the maximum only."""
    cost: Annotated[float, Field(ge=0)] | None = None
    """What an hour of it costs, in whatever currency the sender uses throughout."""
    spot: bool | None = None
    """It runs on capacity that the provider may take back."""
    signals: dict[str, Signal] | None = None
    """Whatever else the platform measures of this worker, by name."""

    def signal(self, name: str, *, max_age: float) -> float | None:
        """The value of the worker's signal *name*; ``None`` where it is missing or older than *max_age* seconds."""
        return latest(self.signals, name, max_age=max_age)

    def __hash__(self) -> int:
        return hash(self.worker_id)  # its signals can't be hashed


_STAMP = -1.0
_INFLIGHT, _FREE, _BUSY = WorkerStatus  # here, since looking up an enumeration's member is slow


def _or_stamp(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return _STAMP if value is None else handler(value)


class Factors(GrowingModel):
    """All that is known at ``observed_at``, and the only thing that a policy sees.

    ``None`` means "not known", never zero: a policy that needs what isn't known holds.

    >>> snapshot = Factors.from_json('{"queue": {"WorkerBusy": 3}, "observed_at": 1720000000}')
    >>> snapshot.waiting(), snapshot.count(WorkerStatus.Busy)
    (3, 0)
    >>> snapshot.json()
    '{"queue_histories":{},"queue":{"QueueDueBusy":3},"utilization":null,"workers":[],"worker":null,"worker_histories":null,"observed_at":1720000000.0}'
    >>> Factors(workers=None).count() is None
    True
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset(
        {"observed_at", "arrivals", "completions", "oldest_wait", "start_times", "signals", "unknown"}
    )

    queue_histories: dict[Age, _Queue] | None = Field(default_factory=dict)
    """Earlier queues, by their age in seconds."""
    queue: _Queue | None = None
    """How many requests wait now, for each reason."""
    utilization: int | None = None
    """How busy the app is, in percent, as the platform measures it."""
    workers: list[Worker] | None = Field(default_factory=list)
    """Every worker there is."""
    worker: _Workers | None = None
    """How many workers there are in each status; a decorator may have averaged it."""
    worker_histories: dict[Age, _Workers] | None = None
    """Earlier summaries of the workers, by their age in seconds."""
    observed_at: Annotated[float, Field(ge=0), WrapValidator(_or_stamp)] = _STAMP
    """When all this was so: the only "now" that a decision knows. Stamped on arrival when the sender gave none."""
    arrivals: Count | None = None
    """Requests that came since the last snapshot."""
    completions: Count | None = None
    """Requests that were answered since the last snapshot."""
    oldest_wait: dict[QueueReason, Annotated[float, Field(ge=0)]] | None = None
    """For each reason, the seconds that the request which waits longest has waited."""
    start_times: list[Annotated[float, Field(ge=0)]] | None = None
    """Seconds from start to ready of the workers that became ready last, the newest first."""
    signals: dict[str, Signal] | None = None
    """Whatever else the platform measures of the app, by name."""
    unknown: list[str] | None = None
    """Names of fields to treat as not known even though they could be derived from the rest: ``worker``, for example,
    while there are too few histories to average."""

    def model_post_init(self, _context: Any, /) -> None:  # noqa: D102 - pydantic's
        said = self.__dict__
        if said["observed_at"] == _STAMP:
            # The one clock below the loop. A stamp isn't something that the sender said.
            said["observed_at"] = time.time()
            self.__pydantic_fields_set__.discard("observed_at")
        if said["queue"]:
            said["queue"] = _known_names(said["queue"])
        if said["oldest_wait"]:
            said["oldest_wait"] = _known_names(said["oldest_wait"], max)
        if said["queue_histories"]:
            said["queue_histories"] = {age: _known_names(past) for age, past in said["queue_histories"].items()}

    def __eq__(self, other: object) -> bool:
        """Equal in all that the senders said; a stamped moment takes no part."""
        if not isinstance(other, Factors) or type(self) is not type(other):
            return NotImplemented
        return self._said() == other._said()

    __hash__ = None  # type: ignore[assignment]  # it holds lists

    def _said(self) -> dict[str, Any]:
        said = dict(self.__dict__)
        if "observed_at" not in self.__pydantic_fields_set__:
            del said["observed_at"]
        return said

    def waiting(self, *reasons: QueueReason) -> int | None:
        """How many requests wait, for *reasons* or, when none is given, for any; ``None`` when it isn't known."""
        queue = self.queue
        if queue is None:
            return None
        return sum([queue.get(reason, 0) for reason in reasons] if reasons else queue.values())

    def free(self) -> int | None:
        """How many workers are free: as the summary says where it is given, else as listed; ``None`` when not known.

        A decorator may have averaged the summary, so that this need not be a number of workers that are free now.
        """
        if "worker" in (self.unknown or ()):
            return None
        if self.worker is not None:
            return self.worker.get(_FREE, 0)
        return self.count(_FREE)

    def count(self, *statuses: WorkerStatus) -> int | None:
        """How many listed workers have one of *statuses* or, when none is given, any; ``None`` when it isn't known.

        Draining workers aren't counted, since they are about to go. ``len(factors.workers)`` counts them.
        """
        if self.workers is None:
            return None
        found = [worker.status for worker in self.workers if not worker.draining]
        return sum(map(found.count, set(statuses))) if statuses else len(found)

    def signal(self, name: str, *, max_age: float) -> float | None:
        """The value of the app's signal *name*; ``None`` where it is missing or older than *max_age* seconds.

        >>> factors = Factors.from_json('{"signals": {"tokens_waiting": {"value": 4100, "age": 12}}}')
        >>> factors.signal("tokens_waiting", max_age=30), factors.signal("tokens_waiting", max_age=10)
        (4100.0, None)
        """
        return latest(self.signals, name, max_age=max_age)

    def age(self, worker: Worker) -> float:
        """Seconds since *worker* was started; never negative."""
        return max(0.0, self.observed_at - worker.started_at)

    def idle_time(self, worker: Worker) -> float | None:
        """Seconds since *worker* last served, or could have: 0 while it works, ``None`` while it starts.

        One that never served has been idle since it became ready, or since it was started where that isn't known.
        """
        if worker.status is _INFLIGHT:
            return None
        if worker.status is _BUSY:
            return 0.0
        since: float = worker.last_service_time
        if since <= 0:
            since = worker.started_at if worker.ready_at is None else worker.ready_at
        return max(0.0, self.observed_at - since)

    def suspects(self, start_timeout: float) -> list[Worker]:
        """The workers that have been starting for longer than *start_timeout* seconds, and may never be ready."""
        oldest_start = self.observed_at - start_timeout
        return [w for w in self.workers or () if w.status is _INFLIGHT and w.started_at < oldest_start]
