"""All that happens in a cluster, moment by moment: what is planned, and the sources of its requests."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import count
from typing import Any, TypeAlias

from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator import fast
from everai_autoscaler.simulator.line import Line
from everai_autoscaler.simulator.load import Clients, Load
from everai_autoscaler.simulator.workload import Workload

__all__ = ["Events", "Order"]


class Order(IntEnum):
    """What comes first at one moment."""

    ANSWER = 0
    READY = 1
    """A worker becomes ready."""
    LOSS = 2
    """A worker leaves, or is lost."""
    REQUEST = 3


_NEVER = math.inf
Advance: TypeAlias = Callable[[Any, float, float, Callable[[], bool]], None]
"""Lets answers and arrivals happen where there are no sessions and no clients; ``fast.advance`` says how."""
_Event: TypeAlias = Callable[[Any, float], None]


class Events:
    """What is to happen to a *line*, in seconds from its start; its requests come from the *load*."""

    def __init__(self, line: Line, load: Iterable[Load], advance: Advance = fast.advance) -> None:
        self.line = line
        self._advance_plain = advance
        self.hung_up: dict[int, float] = {}
        """When the client of each request that it gave up hung up."""
        self._planned: list[tuple[float, int, int, _Event, Any]] = []
        self._sequence = count()
        self._asked: dict[int, Clients] = {}
        self._pull_from: Iterator[Any] = iter(())
        self._last: Any = 0.0
        self._sessions: Sequence[str | None] | None = None
        self._next_session: str | None = None
        sources = list(load)
        self._is_plain = True
        if len(sources) == 1 and isinstance(sources[0], Workload):
            self._take_columns(sources[0])
        elif len(sources) == 1 and not isinstance(sources[0], Clients):
            self._pull_from = iter(sources[0])
            self._pull()
        else:
            for source in sources:
                self._is_plain = False
                self._connect(source) if isinstance(source, Clients) else self._await_arrival(iter(source), 0.0)

    @property
    def at_rest(self) -> bool:
        """No request is to come, waits or is served."""
        line = self.line
        if line.index < len(line.came) or line.done or line.waiting or line.bound:
            return False
        return all(planned[1] != Order.REQUEST for planned in self._planned)

    def plan(self, moment: float, order: Order, event: _Event, about: Any) -> None:
        """Call *event* with what it is *about* and the *moment*, once that comes."""
        heapq.heappush(self._planned, (moment, int(order), next(self._sequence), event, about))

    def advance(self, until: float) -> None:
        """Let all happen that happens up to and at *until*."""
        planned = self._planned
        self.line.tidy()
        while True:
            if self._is_plain:
                answers = requests = until
                if planned and planned[0][0] <= until:  # an answer at its moment comes before it; a request doesn't
                    answers = planned[0][0]
                    requests = math.nextafter(answers, -_NEVER)
                self._advance_plain(self.line, answers, requests, self._pull)
            if not self._is_plain:
                self._advance_one_by_one(until)
            if not planned or planned[0][0] > until:
                return
            moment, _, _, event, about = heapq.heappop(planned)
            event(about, moment)

    def _advance_one_by_one(self, until: float) -> None:
        """As ``fast.advance``, where there are sessions or clients."""
        line, planned = self.line, self._planned
        while True:
            answer = (line.done[0][0], int(Order.ANSWER)) if line.done else (_NEVER, 0)
            came = (line.came[line.index], int(Order.REQUEST)) if line.index < len(line.came) else (_NEVER, 0)
            first = min(answer, came)
            if first[0] > until or first[0] == _NEVER or (planned and planned[0][:2] < first):
                return
            if first is answer:
                now, _, request = heapq.heappop(line.done)
                clients = self._asked.pop(request, None)
                if clients is not None:
                    self.plan(now, Order.REQUEST, self._ask, clients)
                line.answer(request, now)
            else:
                request = line.index
                session = self._next_session if self._sessions is None else self._sessions[request]
                if request + 1 == len(line.came):
                    self._pull()
                line.index += 1
                line.submit(request, first[0], session)

    # One source: its requests are columns, which may grow

    def _take_columns(self, workload: Workload) -> None:
        line = self.line
        line.came, line.service = workload.arrivals, workload.services
        line.expect(len(workload))
        self._sessions = workload.sessions
        self._is_plain = workload.sessions is None

    def _pull(self) -> bool:
        """Read the next request of the one source; whether there are still no sessions."""
        arrival = next(self._pull_from, None)
        if arrival is not None:
            seconds, service, *session = _checked(arrival, self._last)
            self._last = seconds
            self._add(seconds, service)
            self._next_session = session[0] if session else None
            if self._next_session is not None:
                self._is_plain = False
        return self._is_plain

    def _add(self, seconds: float, service: float) -> None:
        line = self.line
        line.came.append(seconds)
        line.service.append(service)
        line.began.append(math.nan)
        line.answered.append(math.nan)
        line.worker.append(-1)

    # Several sources: each plans its next request when its last one comes

    def _await_arrival(self, arrivals: Iterator[Any], last: float) -> None:
        arrival = next(arrivals, None)
        if arrival is not None:
            arrival = _checked(arrival, last)
            self.plan(arrival[0], Order.REQUEST, self._arrive, (arrivals, arrival))

    def _arrive(self, coming: tuple[Iterator[Any], Sequence[Any]], now: float) -> None:
        arrivals, (seconds, service, *session) = coming
        self._await_arrival(arrivals, seconds)
        self._submit(now, service, *session)

    def _submit(self, now: float, service: float, session: str | None = None, clients: Clients | None = None) -> None:
        request = self.line.index
        self._add(now, service)
        self.line.index += 1
        if clients is not None:
            self._asked[request] = clients
        if not self.line.submit(request, now, session) and clients is not None:
            del self._asked[request]
            self.plan(now + service, Order.REQUEST, self._ask, clients)

    def _connect(self, clients: Clients) -> None:
        for _ in range(clients.count):
            self.plan(clients.start, Order.REQUEST, self._ask, clients)
        if clients.stop < _NEVER:
            self.plan(clients.stop, Order.REQUEST, self._hang_up, clients)

    def _ask(self, clients: Clients, now: float) -> None:
        if now < clients.stop:
            self._submit(now, clients.service_time, clients=clients)

    def _hang_up(self, clients: Clients, now: float) -> None:
        asked = [request for request, whose in self._asked.items() if whose is clients]
        served = {request for _, _, request in self.line.done}
        # The waiting requests first: else one of them would be given to the worker that the first other one frees.
        for request in sorted(asked, key=lambda request: request in served):
            del self._asked[request]
            self.hung_up[request] = now
            if request in served:
                self.line.end_service([request])
                self.line.let_go(request, now)
            else:
                self.line.forget(request)


def _checked(arrival: Sequence[Any], last: float) -> Sequence[Any]:
    seconds, service = arrival[:2]
    if not seconds >= last:
        raise ContractError(f"load: an arrival at {seconds} s stands after one at {last} s")
    if not service >= 0:
        raise ContractError(f"load: the arrival at {seconds} s has a service time of {service} s")
    return arrival
