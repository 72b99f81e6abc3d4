"""The queue, and which worker gets the next request: no sockets, no processes, no clock."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Generic, TypeVar

from attrs import define, field

from everai_autoscaler.model import Dispatch, QueueReason
from everai_autoscaler.serving.worker import ServingWorker

__all__ = ["Dispatcher", "QueueFullError", "Ticket"]

W = TypeVar("W", bound=ServingWorker)

STARTS = 20
"""How many of the last starts are known by how long they took."""


class QueueFullError(Exception):
    """The queue is full."""


@define(eq=False)
class Ticket(Generic[W]):
    """A request's place in the queue. All times are epoch seconds."""

    came_at: float
    give: Callable[[W], None]
    """Called with the worker that gets the request."""
    session: str | None = None
    """The session that it belongs to."""
    number: int = field(default=0, init=False)
    """Its place in the order in which requests came."""
    worker: W | None = field(default=None, init=False)
    """The worker that serves it; ``None`` while it waits, and when it is over."""


class Dispatcher(Generic[W]):
    """First come, first served; a session's requests only by the worker that holds it.

    One thread reports what happens: a worker was started, is ready, takes no more; a request came, was answered, went
    away. Each request is given to its worker at once.

    >>> dispatcher = Dispatcher()
    >>> first = ServingWorker("w1", started_at=0)
    >>> dispatcher.add(first)
    >>> dispatcher.submit(Ticket(came_at=5, give=lambda worker: print("served by", worker.worker_id)))
    >>> dispatcher.queue()
    [(5, <QueueReason.QueueDueBusy: 'QueueDueBusy'>)]
    >>> dispatcher.ready(first, now=6)
    served by w1
    """

    def __init__(self, order: Dispatch = Dispatch.MOST_RECENTLY_USED, *, longest: int | None = None) -> None:
        self.arrivals = 0
        """Requests that ever came, including those that found the queue full."""
        self.completions = 0
        """Requests that were ever answered by a worker."""
        self.start_times: deque[float] = deque(maxlen=STARTS)
        """Seconds from start to ready of the workers that became ready last, the newest first."""
        self._rank = order.rank
        self._longest = longest
        self._steps = count(1)
        self._numbers = count(1)
        self._here: dict[W, int] = {}
        self._able: dict[W, int] = {}
        self._waiting: OrderedDict[Ticket[W], None] = OrderedDict()
        self._bound: dict[W, OrderedDict[Ticket[W], None]] = {}
        self._holders: dict[str, W] = {}
        self._served: dict[Ticket[W], None] = {}

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waiting) + sum(map(len, self._bound.values()))

    @property
    def anybody(self) -> bool:
        """Whether there is a worker, ready or not."""
        return bool(self._here)

    def add(self, worker: W) -> None:
        """*worker* was started, or taken over with the sessions that it holds."""
        self._here[worker] = next(self._steps)
        self._holders |= dict.fromkeys(worker.sessions, worker)

    def ready(self, worker: W, now: float) -> None:
        """*worker* takes requests from *now* on."""
        if worker.ready_at is None:
            worker.ready_at = now
            self.start_times.appendleft(round(max(0.0, now - worker.started_at), 3))
        worker.touched = next(self._steps)
        self._has_room(worker)
        self._dispatch()

    def withdraw(self, worker: W) -> None:
        """*worker* takes no more requests; any worker may serve its sessions again. It finishes what it serves."""
        self._here.pop(worker, None)
        self._able.pop(worker, None)
        for session in worker.sessions:
            self._holders.pop(session, None)
        worker.sessions.clear()
        self._enter(*self._bound.pop(worker, ()))
        self._dispatch()

    def submit(self, ticket: Ticket[W]) -> None:
        """A request came.

        Raises:
            QueueFullError: no worker can serve it now, and the queue is full.
        """
        self.arrivals += 1
        ticket.number = next(self._numbers)
        self._waiting[ticket] = None
        self._dispatch()
        if ticket.worker is None and self._longest is not None and len(self) > self._longest:
            self._forget(ticket)
            raise QueueFullError

    def put_back(self, ticket: Ticket[W]) -> None:
        """The worker of *ticket* couldn't serve it: it waits again, ahead of all that came later."""
        self._let_go(ticket)
        self._enter(ticket)
        self._dispatch()

    def answered(self, ticket: Ticket[W], now: float, *, seconds: float, well: bool) -> None:
        """The worker of *ticket* has answered it within *seconds*; *well* unless the fault was the worker's."""
        worker = ticket.worker
        self.completions += 1
        if worker is not None:
            worker.successes += well
            worker.failures += not well
            worker.served_for += seconds
        self.give_up(ticket, now)

    def give_up(self, ticket: Ticket[W], now: float) -> None:
        """The client of *ticket* went away, or was refused; harmless when it is over already."""
        worker = ticket.worker
        if worker is None:
            self._forget(ticket)
            return
        worker.last_served_at = now
        if ticket.session in worker.sessions:
            worker.sessions[ticket.session] = now
        self._let_go(ticket)
        self._dispatch()

    def begin_session(self, ticket: Ticket[W], session: str, now: float) -> None:
        """The answer to *ticket* began *session*: its worker holds it, unless another worker does already."""
        worker = ticket.worker
        if worker in self._here and self._holders.setdefault(session, worker) is worker:
            worker.sessions[session] = now

    def expire(self, before: float) -> None:
        """End the sessions that were last used *before* then, and have no request that waits or is served."""
        active = {ticket.session for ticket in (*self._all_waiting(), *self._served)}
        for session, worker in list(self._holders.items()):
            if worker.sessions[session] < before and session not in active:
                del worker.sessions[session], self._holders[session]

    def queue(self) -> list[tuple[float, QueueReason]]:
        """When each request that waits came, and why it waits, in the order in which they came."""
        waiting = sorted(self._all_waiting(), key=lambda ticket: ticket.number)
        return [(ticket.came_at, self._why(ticket)) for ticket in waiting]

    def summary(self) -> dict[QueueReason, int]:
        """How many wait, for each reason."""
        return dict(Counter(reason for _, reason in self.queue()))

    def _all_waiting(self) -> Iterator[Ticket[W]]:
        yield from self._waiting
        for bound in self._bound.values():
            yield from bound

    def _why(self, ticket: Ticket[W]) -> QueueReason:
        if ticket.session in self._holders:
            return QueueReason.QueueDueSession
        return QueueReason.QueueDueBusy if self._here else QueueReason.NotDispatch

    def _dispatch(self) -> None:
        while self._able and (self._waiting or self._bound) and (found := self._next()):
            self._serve(*found)

    def _next(self) -> tuple[Ticket[W], W] | None:
        """The earliest request that a worker can serve now, and that worker."""
        while self._waiting:
            ticket = next(iter(self._waiting))
            holder = self._holders.get(ticket.session) if ticket.session is not None else None
            if holder is None:
                break
            # It waits for the worker that holds its session, and holds up no other request.
            del self._waiting[ticket]
            self._bind(ticket, holder)
        candidates = [(next(iter(bound)), worker) for worker, bound in self._bound.items() if worker in self._able]
        if self._waiting:
            candidates.append((next(iter(self._waiting)), min(self._able, key=self._order)))
        return min(candidates, key=lambda found: found[0].number, default=None)

    def _bind(self, ticket: Ticket[W], holder: W) -> None:
        bound = self._bound.setdefault(holder, OrderedDict())
        was_put_back = bool(bound) and next(reversed(bound)).number > ticket.number
        bound[ticket] = None
        if was_put_back:
            self._bound[holder] = OrderedDict.fromkeys(sorted(bound, key=lambda ticket: ticket.number))

    def _order(self, worker: W) -> tuple[int, int, int]:
        return (*self._rank(worker), self._here[worker])

    def _serve(self, ticket: Ticket[W], worker: W) -> None:
        self._forget(ticket)
        ticket.worker = worker
        self._served[ticket] = None
        worker.serving += 1
        worker.used = worker.touched = next(self._steps)
        if worker.serving >= worker.concurrency:
            del self._able[worker]
        if ticket.session is not None:
            worker.sessions[ticket.session] = ticket.came_at
            self._holders[ticket.session] = worker
        ticket.give(worker)

    def _let_go(self, ticket: Ticket[W]) -> None:
        worker, ticket.worker = ticket.worker, None
        if worker is not None:
            del self._served[ticket]
            worker.serving -= 1
            worker.used = worker.touched = next(self._steps)
            self._has_room(worker)

    def _has_room(self, worker: W) -> None:
        if worker in self._here and worker.serving < worker.concurrency:
            self._able[worker] = worker.touched

    def _enter(self, *tickets: Ticket[W]) -> None:
        """Put *tickets*, which have been in the queue before, where they belong."""
        if tickets:
            self._waiting = OrderedDict.fromkeys(sorted([*self._waiting, *tickets], key=lambda ticket: ticket.number))

    def _forget(self, ticket: Ticket[W]) -> None:
        if self._waiting.pop(ticket, self) is None:
            return
        for worker, bound in list(self._bound.items()):
            bound.pop(ticket, None)
            if not bound:
                del self._bound[worker]
