"""The slow and obvious cluster, on the dispatcher that the router has too: what the fast ones are held against."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from functools import partial
from itertools import chain, repeat
from typing import Any

from everai_autoscaler.errors import ContractError, UnknownNameError
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Dispatch, Factors, QueueReason, Worker
from everai_autoscaler.serving.dispatcher import Dispatcher, QueueFullError, Ticket
from everai_autoscaler.serving.history import History
from everai_autoscaler.serving.worker import ServingWorker
from everai_autoscaler.simulator.clock import VirtualClock
from everai_autoscaler.simulator.load import Clients, Load, Request, Served

__all__ = ["ReferenceCluster"]


class ReferenceCluster:
    """Workers, a queue and a load in virtual time; does exactly what a result says, or refuses it.

    The queue is first come, first served; a session's requests go to the worker that holds it. At one moment answers
    come first, then workers that become ready, then the clients' next requests, and only then an observation.

    Args:
        workers: how many are there, and become ready, at the *start*; they were started a minute apart before that.
        cold_start: seconds until a started worker is ready, ``math.inf`` for one that never is; or one such number
            for each worker in the order in which they are started, the last of which holds for all further ones.
        load: where requests come from, all of them together.
        concurrency: how many requests a worker serves at once.
        dispatch: which of the workers that have room gets the next request.
        session_timeout: seconds without a request after which a session is over.
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
        session_timeout: float = 600.0,
        start: float = 1_722_221_030.0,
        seed: int = 0,
        queue_limit: int | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency: {concurrency} is not a number of requests above 0")
        self.clock = VirtualClock(start)
        """What to hand to ``run``."""
        self.requests: list[Request] = []
        """Every request that ever came, in the order in which they came."""
        self.refused: list[int] = []
        self._start = float(start)
        self._cold_starts = _each(cold_start)
        self._concurrency = concurrency
        self._session_timeout = session_timeout
        self._random = random.Random(seed)
        self._dispatcher: Dispatcher[ServingWorker] = Dispatcher(Dispatch(dispatch), longest=queue_limit)
        self._history = History(self._dispatcher, region="virtual", counted=(0, 0))
        self._ever: dict[str, ServingWorker] = {}
        self._here: dict[str, ServingWorker] = {}
        self._tickets: dict[Request, Ticket[ServingWorker]] = {}
        self._asked: dict[Request, Clients] = {}
        for older in range(workers, 0, -1):
            # Not at one moment, nor at that of the first tick: which is the oldest is to be plain to see.
            self._become_ready(self._add(self._start - 60 * older, ready_at=self._start))
        for source in load:
            if isinstance(source, Clients):
                self._connect(source)
            else:
                self._await_arrival(iter(source), 0.0)

    @property
    def workers(self) -> list[Worker]:
        """The workers that there are, in the order in which they were started."""
        return [worker.snapshot("virtual") for worker in self._here.values()]

    @property
    def everyone(self) -> list[Worker]:
        """Every worker that there ever was, as it was last, in the order in which they were started."""
        return [worker.snapshot("virtual") for worker in self._ever.values()]

    @property
    def deleted_at(self) -> dict[str, float]:
        """When each worker that is gone was removed, by its id."""
        return {w.worker_id: w.ended_at for w in self._ever.values() if w.ended_at is not None}

    @property
    def queue(self) -> list[tuple[float, QueueReason]]:
        """When each request that waits came, and why it waits; in the order in which they came."""
        return self._dispatcher.queue()

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
        self._dispatcher.expire(before=now - self._session_timeout)
        return self._history.observe(self._here.values(), now)

    def apply(self, result: DecideResult) -> Applied:
        """Remove exactly the workers that *result* names, and start as many as it says; all of it or nothing.

        Raises:
            UnknownNameError: a worker that isn't there.
            ContractError: a worker that is serving, or holds a session.
        """
        for worker_id in result.down:
            if worker_id not in self._here:
                raise UnknownNameError.of("worker", worker_id, self._here)
            worker = self._here[worker_id]
            if worker.serving or worker.sessions:
                does = "is serving" if worker.serving else "holds a session"
                raise ContractError(f"worker {worker_id!r} {does}, and can't be removed")
        for worker_id in dict.fromkeys(result.down):
            worker = self._here.pop(worker_id)
            worker.ended_at = self.clock.now()
            self._dispatcher.withdraw(worker)
        for _ in range(result.up):
            worker = self._add(self.clock.now())
            cold_start = next(self._cold_starts)
            if cold_start < math.inf:
                self._plan(self.clock.now() + cold_start, _Order.READY, partial(self._become_ready, worker))
        return Applied(result.up, tuple(dict.fromkeys(result.down)))

    def _plan(self, moment: float, order: _Order, event: Callable[[], None]) -> None:
        self.clock.call_at(moment, event, priority=order)

    def _add(self, started_at: float, *, ready_at: float | None = None) -> ServingWorker:
        worker_id = ""
        while not worker_id or worker_id in self._ever:
            worker_id = "".join(self._random.choices(_ID_LETTERS, k=_ID_LENGTH))
        worker = ServingWorker(worker_id, started_at, self._concurrency, ready_at)
        self._here[worker_id] = self._ever[worker_id] = worker
        self._dispatcher.add(worker)
        return worker

    def _become_ready(self, worker: ServingWorker) -> None:
        if worker.ended_at is None:
            self._dispatcher.ready(worker, self.clock.now())

    def _await_arrival(self, arrivals: Iterator[Sequence[Any]], last: float) -> None:
        arrival = next(arrivals, None)
        if arrival is None:
            return
        seconds, service_time, *session = arrival
        if not seconds >= last:
            raise ValueError(f"load: an arrival at {seconds} s stands after one at {last} s")
        if not service_time >= 0:
            raise ValueError(f"load: the arrival at {seconds} s has a service time of {service_time} s")

        def arrive() -> None:
            self._await_arrival(arrivals, seconds)
            self._submit(service_time, *session)

        self._plan(self._start + seconds, _Order.REQUEST, arrive)

    def _connect(self, clients: Clients) -> None:
        for _ in range(clients.count):
            self._plan(self._start + clients.start, _Order.REQUEST, partial(self._ask, clients))
        if clients.stop < math.inf:
            self._plan(self._start + clients.stop, _Order.REQUEST, partial(self._hang_up, clients))

    def _ask(self, clients: Clients) -> None:
        if self.clock.now() < self._start + clients.stop:
            request = self._submit(clients.service_time)
            if request in self._tickets:
                self._asked[request] = clients
            else:
                again = self.clock.now() + clients.service_time
                self._plan(again, _Order.REQUEST, partial(self._ask, clients))

    def _hang_up(self, clients: Clients) -> None:
        asked = [request for request, whose in self._asked.items() if whose is clients]
        # The waiting requests first: else one of them would be given to the worker that the first other one frees.
        for request in sorted(asked, key=lambda request: request.taken_by is not None):
            del self._asked[request]
            request.hung_up_at = self.clock.now()
            self._dispatcher.give_up(self._tickets.pop(request), request.hung_up_at)

    def _submit(self, service_time: float, session: str | None = None) -> Request:
        request = Request(self.clock.now(), service_time)
        self.requests.append(request)
        self._tickets[request] = Ticket(request.came_at, partial(self._take, request), session)
        try:
            self._dispatcher.submit(self._tickets[request])
        except QueueFullError:
            self.refused.append(self.requests.index(request))
            del self._tickets[request]
        return request

    def _take(self, request: Request, worker: ServingWorker) -> None:
        request.taken_at, request.taken_by = self.clock.now(), worker.worker_id
        self._plan(self.clock.now() + request.service_time, _Order.ANSWER, partial(self._answer, request))

    def _answer(self, request: Request) -> None:
        ticket = self._tickets.pop(request, None)
        if ticket is None:  # its client has hung up
            return
        request.answered_at = self.clock.now()
        clients = self._asked.pop(request, None)
        if clients is not None:
            self._plan(self.clock.now(), _Order.REQUEST, partial(self._ask, clients))
        self._dispatcher.answered(ticket, request.answered_at, seconds=request.service_time, well=True)


_ID_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ID_LENGTH = 22


class _Order(IntEnum):
    """What comes first at one moment."""

    ANSWER = 0
    READY = 1
    REQUEST = 2


def _each(cold_start: float | Sequence[float]) -> Iterator[float]:
    values = [cold_start] if isinstance(cold_start, int | float) else list(cold_start)
    if not values or not all(seconds >= 0 for seconds in values):
        raise ValueError(f"cold_start: {cold_start!r} is not a number of seconds, nor one for each worker")
    return chain(values, repeat(values[-1]))
