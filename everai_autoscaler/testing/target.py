"""A small target in virtual time: workers that take a while to start, one queue, and a load."""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from functools import partial
from itertools import chain, count, repeat
from typing import TypeAlias

from attrs import define, frozen

from everai_autoscaler.errors import ContractError, UnknownNameError
from everai_autoscaler.model import (
    DecideResult,
    Dispatch,
    Factors,
    QueueReason,
    QueueSummary,
    Worker,
    WorkerStatus,
    WorkerSummary,
)
from everai_autoscaler.testing.clock import VirtualClock

__all__ = ["Clients", "Dispatch", "Load", "Request", "Served", "VirtualTarget"]


@frozen
class Clients:
    """*count* clients, each of which sends its next request when the last one is answered.

    From *start* until *stop*, in seconds from the target's start; then they hang up at once, as ``ab -t`` does: what
    still waits is gone, and a worker that still serves one of them is free.
    """

    count: int
    service_time: float
    """Seconds of a worker's time that a request takes; above 0."""
    start: float = 0.0
    stop: float = math.inf

    def __attrs_post_init__(self) -> None:
        if not self.service_time > 0:
            raise ValueError(f"service_time: {self.service_time} is not a number of seconds above 0")


Load: TypeAlias = Clients | Iterable[tuple[float, float]]
"""Clients; or arrivals in the order of their time: seconds from the target's start, and the service time, of each."""


@define(eq=False)
class Request:
    """One request, and what became of it. All times are epoch seconds."""

    came_at: float
    service_time: float
    taken_at: float | None = None
    """When a worker began with it; ``None`` while it waits."""
    taken_by: str | None = None
    """The worker's id."""
    answered_at: float | None = None
    hung_up_at: float | None = None
    """When its client went away without an answer."""

    @property
    def wait(self) -> float | None:
        """Seconds until a worker began with it; ``None`` while that isn't known."""
        return None if self.taken_at is None else self.taken_at - self.came_at


@frozen
class Served:
    """What the requests met with."""

    came: int
    answered: int
    mean_wait: float | None
    """Seconds, over those that were answered; ``None`` when there are none."""
    max_wait: float | None


class VirtualTarget:
    """Workers, a queue and a load in virtual time; does exactly what a result says, or refuses it.

    >>> from itertools import islice
    >>> from everai_autoscaler import SimpleAutoScaler, run
    >>> target = VirtualTarget(cold_start=15, load=[Clients(4, service_time=10, start=5, stop=125)])
    >>> scaler = SimpleAutoScaler(max_workers=5, max_queue_size=2)
    >>> [len(tick.factors.workers) for tick in islice(run(target, scaler, clock=target.clock), 4)]
    [1, 1, 2, 2]
    >>> target.served().max_wait
    30.0

    The queue is first come, first served. At one moment answers come first, then workers that become ready, then the
    clients' next requests, and only then whoever observes.

    Args:
        workers: how many are there, and become ready, at the *start*; they were started a minute apart before that.
        cold_start: seconds until a started worker is ready, ``math.inf`` for one that never is; or one such number
            for each worker in the order in which they are started, the last of which holds for all further ones.
        load: where requests come from, all of them together.
        concurrency: how many requests a worker serves at once.
        dispatch: which of the workers that have room gets the next request.
        start: epoch seconds.
        seed: what the workers' ids are made from.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        cold_start: float | Sequence[float] = 15.0,
        load: Iterable[Load] = (),
        concurrency: int = 1,
        dispatch: Dispatch | str = Dispatch.MOST_RECENTLY_USED,
        start: float = 1_722_221_030.0,
        seed: int = 0,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency: {concurrency} is not a number of requests above 0")
        self.clock = VirtualClock(start)
        """What to hand to ``run``."""
        self.requests: list[Request] = []
        """Every request that ever came, in the order in which they came."""
        self._start = float(start)
        self._cold_starts = _each(cold_start)
        self._concurrency = concurrency
        self._rank = Dispatch(dispatch).rank
        self._random = random.Random(seed)  # noqa: S311 - ids that repeat from run to run
        self._steps = count(1)
        self._everyone: dict[str, _Worker] = {}
        self._here: dict[str, _Worker] = {}
        self._queue: deque[Request] = deque()
        self._asked: dict[Request, Clients] = {}
        self._answered = 0
        self._seen: deque[_Seen] = deque(maxlen=_HISTORIES)
        for older in range(workers, 0, -1):
            # Not at one moment, nor at that of the first tick: who is the oldest is to be plain to see.
            self._become_ready(self._add(self._start - 60 * older))
        for source in load:
            if isinstance(source, Clients):
                self._connect(source)
            else:
                self._await_arrival(iter(source), 0.0)

    @property
    def workers(self) -> list[Worker]:
        """The workers that there are, in the order in which they were started."""
        return [worker.seen(self._concurrency) for worker in self._here.values()]

    @property
    def everyone(self) -> list[Worker]:
        """Every worker that there ever was, as it was last, in the order in which they were started."""
        return [worker.seen(self._concurrency) for worker in self._everyone.values()]

    @property
    def deleted_at(self) -> dict[str, float]:
        """When each worker that is gone was removed, by its id."""
        return {w.worker_id: w.deleted_at for w in self._everyone.values() if w.deleted_at is not None}

    @property
    def queue(self) -> list[tuple[float, QueueReason]]:
        """When each request that waits came, and why it waits; the next one to be served first."""
        reason = self._why_queued()
        return [(request.came_at, reason) for request in self._queue]

    def served(self) -> Served:
        """What the requests have met with so far."""
        answered = [request for request in self.requests if request.answered_at is not None]
        waits = [wait for request in answered if (wait := request.wait) is not None]
        mean = math.fsum(waits) / len(waits) if waits else None
        return Served(len(self.requests), len(answered), mean, max(waits, default=None))

    def observe(self) -> Factors:
        """What is known now, after all that happens at this very moment."""
        now = self.clock.now()
        self.clock.sleep_until(now)
        waiting = len(self._queue)
        reason = self._why_queued()
        workers = self.workers
        statuses = Counter(worker.status for worker in workers)
        seen = _Seen(
            now,
            {reason: waiting} if waiting else {},
            {status: statuses[status] for status in WorkerStatus},
            len(self.requests),
            self._answered,
        )
        earlier = list(reversed(self._seen))
        self._seen.append(seen)
        return Factors(
            queue_histories={round(now - one.moment): one.queue for one in earlier},
            queue=seen.queue,
            workers=workers,
            worker=seen.worker,
            worker_histories={round(now - one.moment): one.worker for one in earlier},
            observed_at=now,
            arrivals=seen.came - (earlier[0].came if earlier else 0),
            completions=seen.answered - (earlier[0].answered if earlier else 0),
            oldest_wait={reason: now - self._queue[0].came_at} if waiting else {},
        )

    def apply(self, result: DecideResult) -> None:
        """Remove exactly the workers that *result* names, and start as many as it says; all of it or nothing.

        Raises:
            UnknownNameError: a worker that isn't there.
            ContractError: a worker that is serving.
        """
        for worker_id in result.down:
            if worker_id not in self._here:
                raise UnknownNameError.of("worker", worker_id, self._here)
            if self._here[worker_id].serving:
                raise ContractError(f"worker {worker_id!r} is serving, and can't be removed")
        for worker_id in dict.fromkeys(result.down):
            self._here.pop(worker_id).deleted_at = self.clock.now()
        for _ in range(result.up):
            worker = self._add(self.clock.now())
            cold_start = next(self._cold_starts)
            if cold_start < math.inf:
                self._plan(self.clock.now() + cold_start, _Order.READY, partial(self._become_ready, worker))

    def _plan(self, moment: float, order: _Order, event: Callable[[], None]) -> None:
        self.clock.call_at(moment, event, priority=order)

    def _add(self, started_at: float) -> _Worker:
        worker_id = ""
        while not worker_id or worker_id in self._everyone:
            worker_id = "".join(self._random.choices(_ID_LETTERS, k=_ID_LENGTH))
        self._here[worker_id] = self._everyone[worker_id] = worker = _Worker(worker_id, started_at)
        return worker

    def _become_ready(self, worker: _Worker) -> None:
        if worker.deleted_at is None:
            worker.ready_at = self.clock.now()
            worker.touched = next(self._steps)
            self._dispatch()

    def _await_arrival(self, arrivals: Iterator[tuple[float, float]], last: float) -> None:
        arrival = next(arrivals, None)
        if arrival is None:
            return
        seconds, service_time = arrival
        if not seconds >= last:
            raise ValueError(f"load: an arrival at {seconds} s stands after one at {last} s")
        if not service_time >= 0:
            raise ValueError(f"load: the arrival at {seconds} s has a service time of {service_time} s")
        event = partial(self._arrive, arrivals, seconds, service_time)
        self._plan(self._start + seconds, _Order.REQUEST, event)

    def _arrive(self, arrivals: Iterator[tuple[float, float]], seconds: float, service_time: float) -> None:
        self._await_arrival(arrivals, seconds)
        self._enqueue(service_time)

    def _connect(self, clients: Clients) -> None:
        for _ in range(clients.count):
            self._plan(self._start + clients.start, _Order.REQUEST, partial(self._ask, clients))
        if clients.stop < math.inf:
            self._plan(self._start + clients.stop, _Order.REQUEST, partial(self._hang_up, clients))

    def _ask(self, clients: Clients) -> None:
        if self.clock.now() < self._start + clients.stop:
            self._asked[self._enqueue(clients.service_time)] = clients

    def _hang_up(self, clients: Clients) -> None:
        for request in [request for request, whose in self._asked.items() if whose is clients]:
            del self._asked[request]
            request.hung_up_at = self.clock.now()
            if request.taken_by is None:
                self._queue.remove(request)
            else:
                self._let_go(self._everyone[request.taken_by])
        self._dispatch()

    def _enqueue(self, service_time: float) -> Request:
        request = Request(self.clock.now(), service_time)
        self.requests.append(request)
        self._queue.append(request)
        self._dispatch()
        return request

    def _dispatch(self) -> None:
        while self._queue:
            able = [w for w in self._here.values() if w.ready_at is not None and w.serving < self._concurrency]
            if not able:
                return
            self._take(self._queue.popleft(), min(able, key=self._rank))

    def _take(self, request: Request, worker: _Worker) -> None:
        request.taken_at, request.taken_by = self.clock.now(), worker.worker_id
        worker.serving += 1
        worker.used = worker.touched = next(self._steps)
        self._plan(self.clock.now() + request.service_time, _Order.ANSWER, partial(self._answer, request, worker))

    def _answer(self, request: Request, worker: _Worker) -> None:
        if request.hung_up_at is not None:
            return
        request.answered_at = self.clock.now()
        self._answered += 1
        worker.answered += 1
        worker.served_for += request.service_time
        self._let_go(worker)
        clients = self._asked.pop(request, None)
        if clients is not None:
            self._plan(self.clock.now(), _Order.REQUEST, partial(self._ask, clients))
        self._dispatch()

    def _let_go(self, worker: _Worker) -> None:
        worker.serving -= 1
        worker.last_served_at = self.clock.now()
        worker.used = worker.touched = next(self._steps)

    def _why_queued(self) -> QueueReason:
        return QueueReason.QueueDueBusy if self._here else QueueReason.NotDispatch


_HISTORIES = 20
"""How many earlier observations a snapshot tells of."""

_ID_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ID_LENGTH = 22


class _Order(IntEnum):
    """What comes first at one moment."""

    ANSWER = 0
    READY = 1
    REQUEST = 2


@define(eq=False)
class _Worker:
    """One worker, and what it has done."""

    worker_id: str
    started_at: float
    ready_at: float | None = None
    deleted_at: float | None = None
    serving: int = 0
    answered: int = 0
    served_for: float = 0.0
    last_served_at: float | None = None
    touched: int = 0
    """The step at which it became ready, was given a request or was let go last."""
    used: int = 0
    """The step at which it was given a request or was let go last; 0 when it never was."""

    def seen(self, concurrency: int) -> Worker:
        """The worker as a snapshot lists it."""
        return Worker(
            worker_id=self.worker_id,
            region="virtual",
            started_at=int(self.started_at),
            last_service_time=0 if self.last_served_at is None else _whole_second_after(self.last_served_at),
            number_of_successes=self.answered,
            number_of_failures=0,
            number_of_sessions=0,
            average_response_time=self.served_for / self.answered if self.answered else 0.0,
            current_request=self.serving,
            status=self._status(),
            concurrency=concurrency,
            ready_at=self.ready_at,
        )

    def _status(self) -> WorkerStatus:
        if self.ready_at is None:
            return WorkerStatus.Inflight
        return WorkerStatus.Busy if self.serving else WorkerStatus.Free


@frozen
class _Seen:
    """What an observation leaves for the next ones."""

    moment: float
    queue: QueueSummary
    worker: WorkerSummary
    came: int
    answered: int


def _each(cold_start: float | Sequence[float]) -> Iterator[float]:
    values = [cold_start] if isinstance(cold_start, int | float) else list(cold_start)
    if not values or not all(seconds >= 0 for seconds in values):
        raise ValueError(f"cold_start: {cold_start!r} is not a number of seconds, nor one for each worker")
    return chain(values, repeat(values[-1]))


def _whole_second_after(moment: float) -> int:
    # Rounded down, 59.5 s of idleness would read as 60. Rounded up, "idle for at least so many whole seconds" is right
    # at every whole second; the inner rounding keeps 125.0000002, a sum of tenths, from becoming 126.
    return math.ceil(round(moment, 3))
