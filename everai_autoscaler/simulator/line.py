"""The queue of a cluster and its workers' room, in columns: who waits, and who is given what."""

from __future__ import annotations

import heapq
import math
from array import array
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import Factory, define, field

from everai_autoscaler.model import Dispatch, QueueReason

__all__ = ["SERVING_BITS", "SLOT", "SLOT_BITS", "Line"]

SLOT_BITS = 24
SLOT = (1 << SLOT_BITS) - 1
"""The low bits of an entry of the heap of workers with room are the worker's number; those above are its rank."""
SERVING_BITS = 44
"""The rank of the longest idle: requests that it serves above these bits, its last event below."""


def _times() -> Any:
    return field(factory=lambda: array("d"), init=False)


def _empty(kind: Callable[[], Any]) -> Any:
    return field(default=Factory(kind), init=False)


def _nothing(_slot: int, _now: float) -> None:
    """What is done about a worker that has finished, where nobody said."""


@define(eq=False)
class Line:
    """First come, first served; a session's requests only by the worker that holds it.

    All times are seconds from the start. Requests and workers are numbers, in the order in which they came and were
    started. The rules are those of ``everai_autoscaler.serving.dispatcher``; ``Cluster`` says them in words.
    """

    concurrency: int
    """Requests that a worker serves at once."""
    order: Dispatch
    longest: float
    """Requests that may wait; one that comes then is refused."""
    left: Callable[[int, float], None] = field(default=_nothing, init=False)
    """Called with each worker that takes no more requests and has finished what it served, and the moment."""

    # Of each request; those of a workload may be yet to come.
    came: array[float] = _times()
    service: array[float] = _times()
    began: array[float] = _times()
    answered: array[float] = _times()
    worker: array[int] = field(factory=lambda: array("q"), init=False)
    index: int = field(default=0, init=False)
    """Requests that came."""
    completions: int = field(default=0, init=False)
    refused: list[int] = _empty(list)
    interrupted: list[int] = _empty(list)
    session_of: dict[int, str] = _empty(dict)
    """The session of each request that waits or is served, where it has one."""

    waiting: deque[int] = _empty(deque)
    bound: dict[int, list[int]] = _empty(dict)
    """For each worker that holds sessions, the requests of these that wait for it."""
    holders: dict[str, int] = _empty(dict)
    sessions: dict[int, dict[str, float]] = _empty(dict)
    """For each worker that holds sessions, when each was last heard of."""

    # Of each worker.
    serving: list[int] = _empty(list)
    successes: list[int] = _empty(list)
    served_for: list[float] = _empty(list)
    last_served: list[float] = _empty(list)
    touched: list[int] = _empty(list)
    """The step at which something last changed: it became ready, got a request, finished one, lost a session."""
    entries: list[int | None] = _empty(list)
    """Its entry among those that have room; ``None`` when it has none."""

    here: set[int] = _empty(set)
    """Workers that take requests, or will."""
    room: list[int] = _empty(list)
    """A heap of entries, the first of which gets the next request. An entry that is its worker's no more is skipped."""
    done: list[tuple[float, int, int]] = _empty(list)
    """A heap of what is being served: when that ends, the step at which it began, the request."""
    step: int = field(default=0, init=False)

    def expect(self, number: int) -> None:
        """Make place for what will become of so many requests, which are all that come."""
        self.began = array("d", [math.nan]) * number
        self.answered = self.began[:]
        self.worker = array("q", [-1]) * number

    def add(self) -> int:
        """A worker was started; its number."""
        slot = len(self.serving)
        self.serving.append(0)
        self.successes.append(0)
        self.served_for.append(0.0)
        self.last_served.append(math.nan)
        self.touched.append(0)
        self.entries.append(None)
        self.here.add(slot)
        return slot

    def ready(self, slot: int, now: float) -> None:
        """The worker takes requests from *now* on."""
        self.touch(slot)
        self._has_room(slot, used=False)
        self.give(now)

    def withdraw(self, slot: int, now: float) -> None:
        """The worker takes no more requests; any worker may serve its sessions again. It finishes what it serves."""
        self._close(slot, [])
        self.give(now)

    def lose(self, slot: int, now: float) -> None:
        """The worker is gone. What it served waits again, ahead of all that came later."""
        lost = sorted(request for _, _, request in self.done if self.worker[request] == slot)
        self.end_service(lost)
        self.serving[slot] = 0
        self.interrupted += lost
        self._close(slot, lost)
        self.give(now)

    def submit(self, request: int, now: float, session: str | None = None) -> bool:
        """The *request* came; whether it may stay."""
        if session is not None:
            self.session_of[request] = session
        self.waiting.append(request)
        self.give(now)
        if self.longest == math.inf or not math.isnan(self.began[request]):
            return True
        if len(self.waiting) + sum(map(len, self.bound.values())) <= self.longest:
            return True
        self.refused.append(request)
        self.forget(request)
        return False

    def answer(self, request: int, now: float) -> None:
        """The worker of the *request*, which is no more among what is *done*, has answered it."""
        slot = self.worker[request]
        self.answered[request] = now
        self.completions += 1
        self.successes[slot] += 1
        self.served_for[slot] += self.service[request]
        self.let_go(request, now)

    def let_go(self, request: int, now: float) -> None:
        """The worker of the *request*, which is no more among what is *done*, serves it no more."""
        slot = self.worker[request]
        self.last_served[slot] = now
        session = self.session_of.pop(request, None)
        held = self.sessions.get(slot, {})
        if session in held:
            held[session] = now
        self.serving[slot] -= 1
        self.touch(slot)
        if slot in self.here:
            self._has_room(slot)
        elif not self.serving[slot]:
            self.left(slot, now)
        self.give(now)

    def forget(self, request: int) -> None:
        """The *request*, which waits, is gone."""
        self.session_of.pop(request, None)
        if request in self.waiting:
            self.waiting.remove(request)
            return
        for slot, numbers in list(self.bound.items()):
            if request in numbers:
                self._take_bound(request, slot)

    def end_service(self, requests: Iterable[int]) -> None:
        """Nobody serves these *requests* any more."""
        over = set(requests)
        if over:
            self.done[:] = [one for one in self.done if one[2] not in over]
            heapq.heapify(self.done)

    def expire(self, before: float) -> None:
        """End the sessions that were last used *before* then, and have no request that waits or is served."""
        if not self.holders:
            return
        active = set(self.session_of.values())
        for session, slot in list(self.holders.items()):
            held = self.sessions[slot]
            if held[session] < before and session not in active:
                del held[session], self.holders[session]
                self.touch(slot)

    def tidy(self) -> None:
        """Throw away the entries that would be skipped, where they have become many."""
        if len(self.room) > 64 + 2 * len(self.here):
            self.room[:] = [entry for slot in self.here if (entry := self.entries[slot]) is not None]
            heapq.heapify(self.room)

    def queue(self) -> list[tuple[float, QueueReason]]:
        """When each request that waits came, and why it waits, in the order in which they came."""
        numbers = sorted([*self.waiting, *(number for bound in self.bound.values() for number in bound)])
        return [(self.came[number], self._why(number)) for number in numbers]

    def summary(self) -> Mapping[QueueReason, tuple[int, float]]:
        """For each reason, how many wait, and when the first of them came."""
        if not self.holders:
            if not self.waiting:
                return {}
            first = self.waiting[0]
            return {self._why(first): (len(self.waiting), self.came[first])}
        found: dict[QueueReason, tuple[int, float]] = {}
        for came, reason in self.queue():
            waiting, first_came = found.get(reason, (0, came))
            found[reason] = waiting + 1, first_came
        return found

    def give(self, now: float) -> None:
        """Give what waits to the workers that have room."""
        room, entries = self.room, self.entries
        while self.waiting or self.bound:
            while room and entries[room[0] & SLOT] != room[0]:
                heapq.heappop(room)
            found = self._next(room[0] & SLOT) if room else None
            if found is None:
                return
            self._serve(*found, now)

    def touch(self, slot: int) -> None:
        """Something about this worker changed."""
        self.step += 1
        self.touched[slot] = self.step

    def _next(self, first: int) -> tuple[int, int] | None:
        """The earliest request that a worker can serve now, and that worker; *first* is first of those with room."""
        waiting, bound = self.waiting, self.bound
        while waiting:
            session = self.session_of.get(waiting[0])
            holder = None if session is None else self.holders.get(session)
            if holder is None:
                break
            # It waits for the worker that holds its session, and holds up no other request.
            insort(bound.setdefault(holder, []), waiting.popleft())
        able = [(numbers[0], slot) for slot, numbers in bound.items() if self.entries[slot] is not None]
        request, slot = min(able, default=(None, first))
        if waiting and (request is None or waiting[0] < request):
            return waiting.popleft(), first
        if request is None:
            return None
        self._take_bound(request, slot)
        return request, slot

    def _take_bound(self, request: int, slot: int) -> None:
        self.bound[slot].remove(request)
        if not self.bound[slot]:
            del self.bound[slot]

    def _serve(self, request: int, slot: int, now: float) -> None:
        self.serving[slot] += 1
        self.touch(slot)
        self.began[request] = now
        self.worker[request] = slot
        self.entries[slot] = None
        self._has_room(slot)
        session = self.session_of.get(request)
        if session is not None:
            self.sessions.setdefault(slot, {})[session] = self.came[request]
            self.holders[session] = slot
        heapq.heappush(self.done, (now + self.service[request], self.step, request))

    def _has_room(self, slot: int, *, used: bool = True) -> None:
        if self.serving[slot] >= self.concurrency:
            return
        rank = 0
        if self.order is Dispatch.MOST_RECENTLY_USED:
            rank = -self.touched[slot] if used else slot
        elif self.order is Dispatch.LONGEST_IDLE:
            rank = (self.serving[slot] << SERVING_BITS) | self.touched[slot]
        entry = (rank << SLOT_BITS) | slot
        if self.entries[slot] != entry:
            self.entries[slot] = entry
            heapq.heappush(self.room, entry)

    def _why(self, request: int) -> QueueReason:
        if self.session_of.get(request, "") in self.holders:
            return QueueReason.QueueDueSession
        return QueueReason.QueueDueBusy if self.here else QueueReason.NotDispatch

    def _close(self, slot: int, lost: Iterable[int]) -> None:
        """The worker is given no more; its *lost* requests and those that waited for it wait where they belong."""
        self.here.discard(slot)
        self.entries[slot] = None
        self.touch(slot)
        for session in self.sessions.pop(slot, ()):
            del self.holders[session]
        waiting = sorted([*self.waiting, *self.bound.pop(slot, ()), *lost])
        self.waiting.clear()
        self.waiting.extend(waiting)
