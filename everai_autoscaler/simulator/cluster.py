"""The cluster: workers that take a while to start, one queue and a load, in virtual time, event by event and exact.

What holds, in this order wherever it matters:

* **Time.** Every event has its exact moment, in seconds from the cluster's start; there is no time step. At one moment
  answers come first, in the order in which their requests were begun; then workers that become ready, in the order in
  which they were started; then workers that leave or are lost; then requests, in the order of their source; and only
  then an observation.
* **Queue.** First come, first served. A request that comes while a worker has room is begun at once; else it waits.
  When *queue_limit* requests wait already, it is refused. A worker that answers begins at once with the next request.
* **Order of dispatch.** Whoever has room and comes first in the order that was asked for gets the request.
  ``most-recently-used``: who last got or finished a request; those that never got one come after all others, the first
  started first. ``longest-idle``: who serves the fewest; of these, whose last event (it became ready, got a request,
  finished one) is longest ago. ``oldest``: who was started first.
* **Sessions.** A session begins with its first request, is held by the worker that begins with it, and ends when it
  wasn't used for *session_timeout* seconds and none of its requests waits or is served. Its requests wait for its
  worker, and hold up no others. A worker that leaves gives its sessions up.
* **Workers.** A worker that is started at a moment is ready its cold start later. Those of the beginning are ready at
  the start, and were started one minute apart before it.
* **Removal** is immediate for a worker that serves nothing and holds no session. Of any other it is refused with an
  error; or, where *removal* is ``drain``, the worker takes no more requests, finishes what it serves, and goes.
* **Faults** come to each worker by a luck of its own (``Faults``). What a lost worker served waits again, at the place
  in the queue that it had, and is served from its beginning.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Dispatch, Factors, QueueReason, Worker, WorkerStatus
from everai_autoscaler.model.wire import made
from everai_autoscaler.serving.history import HISTORIES
from everai_autoscaler.simulator import fast
from everai_autoscaler.simulator.capacity import Capacity
from everai_autoscaler.simulator.clock import VirtualClock
from everai_autoscaler.simulator.events import Events
from everai_autoscaler.simulator.faults import ColdStart, Faults, Machine
from everai_autoscaler.simulator.fleet import Fleet
from everai_autoscaler.simulator.line import Line
from everai_autoscaler.simulator.load import Load, Request, Served
from everai_autoscaler.simulator.run import Life, Requests

__all__ = ["Cluster"]


class Cluster:
    """Workers, a queue and a load in virtual time; does exactly what a result says, or refuses it.

    >>> from itertools import islice
    >>> from everai_autoscaler import SimpleAutoScaler, run
    >>> from everai_autoscaler.simulator.load import Clients
    >>> cluster = Cluster(cold_start=15, load=[Clients(4, service_time=10, start=5, stop=125)])
    >>> scaler = SimpleAutoScaler(max_workers=5, max_queue_size=2)
    >>> [len(tick.factors.workers) for tick in islice(run(cluster, scaler, clock=cluster.clock), 4)]
    [1, 1, 2, 2]
    >>> cluster.served().max_wait
    30.0

    The queue is first come, first served; a session's requests go to the worker that holds it. At one moment answers
    come first, then workers that become ready, then the next requests, and only then an observation. The docstring of
    the module has all the rules.

    Args:
        workers: how many are there, and become ready, at the *start*; they were started a minute apart before that.
        cold_start: seconds until a started worker is ready, ``math.inf`` for one that never is; or one such number
            for each worker in the order in which they are started, the last of which holds for all further ones; or a
            ``ColdStart``, from which each worker's is drawn.
        load: where requests come from, all of them together; a single ``Workload`` is read without a copy.
        concurrency: how many requests a worker serves at once.
        dispatch: which of the workers that have room gets the next request.
        session_timeout: seconds without a request after which a session is over.
        start: epoch seconds; where a *clock* is given, the cluster starts when that says.
        seed: what the workers' ids are made from, and all luck.
        clock: a clock that other clusters have, too.
        queue_limit: requests that may wait; one that comes then is refused.
        starts_per_minute: workers that may be started within any 60 seconds; further starts are refused.
        removal: what becomes of a worker that serves or holds a session, and is to be removed: ``refuse`` raises, and
            nothing of the result is done; ``drain`` lets it finish.
        faults: what goes wrong; nothing does where it isn't given.
        machines: what the workers run on, and what that costs; where there are several, each worker's luck decides.
        capacity: the most workers, shared with other clusters; further starts are refused.

    Raises:
        ContractError: the capacity has no room for the workers that are there at the start.
        ArgumentError: a number that can't be meant; says which.
        ValueError: a dispatch order that there isn't.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        cold_start: float | Sequence[float] | ColdStart = 15.0,
        load: Iterable[Load] = (),
        concurrency: int = 1,
        dispatch: Dispatch | str = Dispatch.MOST_RECENTLY_USED,
        session_timeout: float = 600.0,
        start: float = 1_722_221_030.0,
        seed: int = 0,
        clock: VirtualClock | None = None,
        queue_limit: int | None = None,
        starts_per_minute: int | None = None,
        removal: Literal["refuse", "drain"] = "refuse",
        faults: Faults | None = None,
        machines: Sequence[Machine] = (),
        capacity: Capacity | None = None,
    ) -> None:
        if concurrency < 1:
            raise ArgumentError(f"concurrency: {concurrency} is not a number of requests above 0")
        limits = {"workers": workers, "queue_limit": queue_limit, "starts_per_minute": starts_per_minute}
        for name, limit in limits.items():
            if limit is not None and not limit >= 0:
                raise ArgumentError(f"{name}: {limit} is not a number of at least 0")
        if not session_timeout >= 0:
            raise ArgumentError(f"session_timeout: {session_timeout} is not a number of seconds of at least 0")
        if removal not in ("refuse", "drain"):
            raise ArgumentError(f"removal: {removal!r} is neither 'refuse' nor 'drain'")
        self.clock = VirtualClock(start) if clock is None else clock
        """What to hand to ``run``."""
        self._start = self.clock.now()
        self._session_timeout = session_timeout
        self._seen: deque[tuple[float, dict[WorkerStatus, int], dict[QueueReason, int]]] = deque(maxlen=HISTORIES)
        self._counted = 0, 0
        self._unknown = Factors(observed_at=0).__dict__
        self._line = self._new_line(concurrency, Dispatch(dispatch), math.inf if queue_limit is None else queue_limit)
        self._events = Events(self._line, load, self._advance)
        self._fleet = Fleet(
            self._line,
            self._events,
            epoch=self._start,
            cold_start=cold_start,
            seed=seed,
            starts_per_minute=starts_per_minute,
            drains=removal == "drain",
            faults=faults,
            machines=tuple(machines),
            capacity=capacity,
        )
        self._fleet.begin_with(workers)
        self.clock.follow(lambda moment: self._events.advance(moment - self._start))

    _new_line: Callable[[int, Dispatch, float], Line] = Line
    _advance = staticmethod(fast.advance)

    @property
    def requests(self) -> list[Request]:
        """Every request that ever came, in the order in which they came; made anew each time."""
        return [self._request(number) for number in range(self._line.index)]

    @property
    def workers(self) -> list[Worker]:
        """The workers that there are, in the order in which they were started."""
        return [member.snapshot(self._line) for member in self._fleet.here.values()]

    @property
    def everyone(self) -> list[Worker]:
        """Every worker that there ever was, as it was last, in the order in which they were started."""
        return [member.snapshot(self._line) for member in self._fleet.ever]

    @property
    def deleted_at(self) -> dict[str, float]:
        """When each worker that is gone ended, by its id."""
        return {m.worker_id: self._start + m.ended_at for m in self._fleet.ever if m.ended_at is not None}

    @property
    def queue(self) -> list[tuple[float, QueueReason]]:
        """When each request that waits came, and why it waits; in the order in which they came."""
        return [(self._start + came, reason) for came, reason in self._line.queue()]

    @property
    def line(self) -> Line:
        """The queue, for what adds up its requests and forgets them."""
        return self._line

    @property
    def at_rest(self) -> bool:
        """No request is to come, waits or is served."""
        return self._events.at_rest

    def served(self) -> Served:
        """What the requests have met with so far."""
        line = self._line
        answered = [number for number in range(line.index) if not math.isnan(line.answered[number])]
        waits = [line.began[number] - line.came[number] for number in answered]
        mean = math.fsum(waits) / len(waits) if waits else None
        return Served(line.index, len(answered), mean, max(waits, default=None))

    def fates(self) -> Requests:
        """What became of each request that came, in seconds from the start."""
        line, came = self._line, self._line.index
        began, answered, worker = line.began[:came], line.answered[:came], line.worker[:came]
        for number in set(line.interrupted):
            if math.isnan(answered[number]) and self._fleet.ever[worker[number]].ended_at is not None:
                began[number], worker[number] = math.nan, -1  # it waits again
        return Requests(
            line.came[:came],
            line.service[:came],
            began,
            answered,
            worker,
            refused=tuple(line.refused),
            interrupted=tuple(line.interrupted),
            left=tuple(sorted(self._events.hung_up.items())),
        )

    def lives(self) -> tuple[Life, ...]:
        """The life of each worker that there ever was, in the order in which they were started."""
        return tuple(member.life() for member in self._fleet.ever)

    def ready_times(self) -> list[float | None]:
        """When each worker that there ever was became ready, in seconds from the start; ``None`` where it didn't."""
        return [member.ready_at for member in self._fleet.ever]

    def observe(self) -> Factors:
        """What is known now, after all that happens at this very moment."""
        now = self.clock.now()
        self.clock.sleep_until(now)
        self._line.expire(before=now - self._start - self._session_timeout)
        return self._snapshot(now)

    def apply(self, result: DecideResult) -> Applied:
        """Remove exactly the workers that *result* names, and start as many as it says; all of it or nothing.

        What a limit of the cluster forbids is left out, and ``Applied.why`` says so.

        Raises:
            UnknownNameError: a worker that isn't there.
            ContractError: a worker that is serving, or holds a session, where removal is refused.
        """
        return self._fleet.apply(result, self.clock.now() - self._start)

    def _request(self, number: int) -> Request:
        line, start = self._line, self._start
        worker, answered, hung_up = line.worker[number], line.answered[number], self._events.hung_up.get(number)
        return Request(
            start + line.came[number],
            line.service[number],
            None if worker < 0 else start + line.began[number],
            None if worker < 0 else self._fleet.ever[worker].worker_id,
            None if math.isnan(answered) else start + answered,
            None if hung_up is None else start + hung_up,
        )

    def _snapshot(self, now: float) -> Factors:
        line, queue = self._line, self._line.summary()
        touched, members = line.touched, self._fleet.here.values()
        workers = [member.model if member.seen == touched[member.slot] else member.snapshot(line) for member in members]
        every = [member.status for member in members]
        staying = [member.status for member in members if member.draining_at is None]
        ready = len(every) - every.count(_INFLIGHT)
        statuses = {status: staying.count(status) for status in _STATUSES}
        waiting = {reason: number for reason, (number, _) in queue.items()}
        # Copied, since whoever asked may change what he was given; all at once, since one by one takes much longer.
        moments, earlier, queued = zip(*self._seen, strict=True) if self._seen else ((), (), ())
        ages = [round(now - moment) for moment in moments]
        arrivals, completions = self._counted
        self._seen.appendleft((now, statuses, waiting))
        self._counted = line.index, line.completions
        said = {
            "queue_histories": dict(zip(ages, map(dict.copy, queued), strict=True)),
            "queue": waiting.copy(),
            "utilization": round(100 * len(line.done) / (ready * line.concurrency)) if ready else None,
            "workers": workers,
            "worker": statuses.copy(),
            "worker_histories": dict(zip(ages, map(dict.copy, earlier), strict=True)),
            "observed_at": now,
            "arrivals": line.index - arrivals,
            "completions": line.completions - completions,
            "oldest_wait": {reason: max(0.0, now - self._start - came) for reason, (_, came) in queue.items()},
            "start_times": list(self._fleet.start_times),
        }
        return made(Factors, {**self._unknown, **said}, set(said))


_INFLIGHT, _, _ = _STATUSES = tuple(WorkerStatus)  # here, since to go through an enumeration is slow
