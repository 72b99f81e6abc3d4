"""The cluster with its answers and arrivals in machine code, for workloads without sessions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve

from everai_autoscaler.errors import ContractError, MissingExtraError
from everai_autoscaler.model import Dispatch, QueueReason
from everai_autoscaler.simulator import columns, kernel
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.line import Line
from everai_autoscaler.simulator.load import Load
from everai_autoscaler.simulator.run import Requests
from everai_autoscaler.simulator.workload import Workload

try:
    import numpy as np
except ImportError as error:
    raise MissingExtraError(f"{error.name} is missing: pip install 'everai-autoscaler[simulator]'") from error

__all__ = ["CompiledCluster", "CompiledLine", "StreamingCluster", "StreamingLine"]


class CompiledLine(Line):
    """A line whose columns are numpy's, so that machine code can read and write them."""

    def __init__(self, concurrency: int, order: Dispatch, longest: float) -> None:
        self.concurrency, self.order, self.longest = concurrency, order, longest
        self.came = self.service = self.began = self.answered = array("d")
        self.worker = array("q")
        self.refused, self.interrupted = [], []
        self.session_of, self.holders, self.sessions, self.bound = {}, {}, {}, {}
        self._numbers = np.zeros(columns.NUMBERS, dtype=np.int64)
        self._numbers[columns.ORDER] = list(Dispatch).index(order)
        self._numbers[columns.CONCURRENCY] = concurrency
        self._numbers[columns.LONGEST] = -1 if longest == math.inf else longest
        self._counts = _view(self._numbers)
        self._workers = self._here = 0
        self._queue = np.zeros(_LEAST, dtype=np.int64)
        self._lists, self._left_at = np.zeros((2, _LEAST), dtype=np.int64), np.zeros(_LEAST)
        self._answer_at, self._seats = np.zeros(0), np.zeros((columns.SEATS, 0), dtype=np.int64)
        self._room = np.zeros((2, 0), dtype=np.int64)
        self._whole, self._real = np.zeros((columns.WHOLE, 0), dtype=np.int64), np.zeros((columns.REAL, 0))
        self._widen(_LEAST)
        self._requests: tuple[Any, ...] = ()

    @property
    def index(self) -> int:  # type: ignore[override]
        """Requests that came."""
        return int(self._counts[columns.INDEX])

    @property
    def completions(self) -> int:  # type: ignore[override]
        """Requests that were answered."""
        return int(self._counts[columns.COMPLETIONS])

    @property
    def waiting(self) -> range:  # type: ignore[override]
        """As long as the queue."""
        return range(self._counts[columns.WAITING])

    @property
    def done(self) -> range:  # type: ignore[override]
        """As long as the heap of what is being served."""
        return range(self._counts[columns.SERVED])

    def advance(self, answers: float, requests: float) -> None:
        """As ``fast.advance``."""
        while True:
            why = kernel.advance(answers, requests, *self._views(), *self._state())
            numbers = self._counts
            self.refused += self._lists[columns.REFUSED_REQUEST, : numbers[columns.REFUSED]].tolist()
            left = self._lists[columns.LEFT_WORKER, : numbers[columns.LEFT]].tolist()
            for worker, moment in zip(left, self._left_at.tolist(), strict=False):
                self.left(worker, moment)
            numbers[columns.REFUSED] = numbers[columns.LEFT] = 0
            if why == columns.DONE:
                return
            if numbers[columns.INDEX] - numbers[columns.BASE] == len(self.began):
                self._window(self._numbers[columns.BASE], 2 * len(self.began))
            if numbers[columns.WAITING] == len(self._queue):
                self._line_up(self._waiting(), 2 * len(self._queue))

    def _window(self, base: int, size: int) -> None:
        """Begin the columns with the request *base*, in so many places or more."""
        past = base - self._counts[columns.BASE]
        self._counts[columns.BASE] = base
        self._requests = ()
        for name, missing in (("began", math.nan), ("answered", math.nan), ("worker", -1)):
            column = getattr(self, name)[past:]
            column.extend([missing] * (size - len(column)))
            setattr(self, name, column[: max(size, self.index - base)])

    def add(self) -> int:
        """As ``Line.add``."""
        worker, size = self._workers, self._whole.shape[1]
        self._workers += 1
        self._here += 1
        if worker == size:
            self._widen(2 * size)
        self._whole[:, worker] = 0, 0, 0, 1, -1
        self._real[:, worker] = 0, math.nan
        needed, size = self._counts[columns.SERVED] + self._here * self.concurrency, self._seats.shape[1]
        if needed > size:
            self._answer_at, self._seats = (_wider(one, 2 * needed) for one in (self._answer_at, self._seats))
            self._seats[columns.FREE, size:] = np.arange(size, 2 * needed)
        return worker

    def ready(self, slot: int, now: float) -> None:
        """As ``Line.ready``."""
        kernel.ready(slot, self._room, self._numbers, self._whole)
        self.give(now)

    def withdraw(self, slot: int, now: float) -> None:  # noqa: ARG002 - nobody who waits has to be given to another
        """As ``Line.withdraw``."""
        self._here -= int(self._whole[columns.HERE, slot])
        kernel.withdraw(slot, self._room, self._numbers, self._whole)

    def lose(self, slot: int, now: float) -> None:
        """As ``Line.lose``."""
        self.withdraw(slot, now)
        served = self.done.stop
        heap = self._seats[columns.HEAP, :served]
        requests = self._seats[columns.SEAT_REQUEST, heap]
        workers = np.array(self.worker, dtype=np.int64)
        is_lost = workers[requests - self._counts[columns.BASE]] == slot if served else np.zeros(0, dtype=bool)
        lost = sorted(requests[is_lost].tolist())
        # The answers that remain, in their order, which makes them a heap.
        seats, moments = heap[~is_lost], self._answer_at[:served][~is_lost]
        in_order = np.lexsort((self._seats[columns.SEAT_STEP, seats], moments))
        remaining = len(seats)
        free = heap[is_lost].copy()
        self._answer_at[:remaining] = moments[in_order]
        self._seats[columns.FREE, remaining:served] = free
        self._seats[columns.HEAP, :remaining] = seats[in_order]
        self._counts[columns.SERVED] = remaining
        self.serving[slot] = 0
        self.interrupted += lost
        self._line_up(sorted([*self._waiting(), *lost]), len(self._queue))
        self.give(now)

    def give(self, now: float) -> None:
        """As ``Line.give``."""
        if self._counts[columns.WAITING] and self._counts[columns.ROOM]:
            _came, service, began, _answered, worker = self._views()
            kernel.give(
                now,
                service,
                began,
                worker,
                self._numbers,
                self._queue,
                self._answer_at,
                self._seats,
                self._room,
                self._whole,
            )

    def touch(self, slot: int) -> None:
        """As ``Line.touch``."""
        self._counts[columns.STEP] += 1
        self.touched[slot] = self._counts[columns.STEP]

    def tidy(self) -> None:
        """As ``Line.tidy``: there is nothing to be thrown away."""

    def queue(self) -> list[tuple[float, QueueReason]]:
        """As ``Line.queue``."""
        return [(self.came[request], self._reason) for request in self._waiting()]

    def summary(self) -> Mapping[QueueReason, tuple[int, float]]:
        """As ``Line.summary``."""
        waiting = self._counts[columns.WAITING]
        if not waiting:
            return {}
        return {self._reason: (waiting, self.came[int(self._queue[self._counts[columns.FIRST]])])}

    @property
    def _reason(self) -> QueueReason:
        return QueueReason.QueueDueBusy if self._here else QueueReason.NotDispatch

    def _widen(self, size: int) -> None:
        """Make place for so many workers."""
        self._room, self._whole, self._real = (_wider(one, size) for one in (self._room, self._whole, self._real))
        rows = columns.SERVING, columns.SUCCESSES, columns.TOUCHED
        self.serving, self.successes, self.touched = (_view(self._whole[row]) for row in rows)
        self.served_for, self.last_served = (_view(row) for row in self._real)

    def _waiting(self) -> list[int]:
        """The requests that wait, in their order."""
        first, waiting = self._counts[columns.FIRST], self._counts[columns.WAITING]
        requests: list[int] = np.roll(self._queue, -first)[:waiting].tolist()
        return requests

    def _line_up(self, requests: list[int], size: int) -> None:
        """Let *requests* wait in this order, in a ring of at least that *size*."""
        while size <= len(requests):
            size *= 2
        self._queue = np.zeros(size, dtype=np.int64)
        self._queue[: len(requests)] = requests
        self._counts[columns.FIRST], self._counts[columns.WAITING] = 0, len(requests)

    def _views(self) -> tuple[Any, ...]:
        """The columns of the requests, for machine code."""
        if not self._requests:
            whole = (self.came, self.service, self.began, self.answered, self.worker)
            self._requests = tuple(np.asarray(column) for column in whole)
        return self._requests

    def _state(self) -> tuple[Any, ...]:
        return (
            self._numbers,
            self._queue,
            self._lists,
            self._left_at,
            self._answer_at,
            self._seats,
            self._room,
            self._whole,
            self._real,
        )


class StreamingLine(CompiledLine):
    """A line that keeps what became of a request only until it is settled."""

    def expect(self, number: int) -> None:  # noqa: ARG002 - as many as may be unsettled at once
        """As ``Line.expect``."""
        self._window(0, _WINDOW)

    def settled(self, *, last: bool = False) -> Requests | None:
        """What became of the requests that are settled, which is forgotten; the *last* time, of all that came.

        It is to be asked now and then; ``None`` where there are so few that it doesn't pay.
        """
        base, come, served = (self._counts[name] for name in (columns.BASE, columns.INDEX, columns.SERVED))
        if not last and come - base < _WINDOW // 2:
            return None
        waiting, until = self._waiting(), come
        if last:
            for request in set(self.interrupted).intersection(waiting):  # it waits again
                self.began[request - base], self.worker[request - base] = math.nan, -1
        else:
            unsettled = self._seats[columns.SEAT_REQUEST, self._seats[columns.HEAP, :served]].tolist()
            until = min([come, *unsettled, *waiting[:1]])
        refused = [request for request in self.refused if request < until]
        interrupted = [request for request in self.interrupted if request < until]
        number = until - base
        fates = Requests(
            self.came[base:until],
            self.service[base:until],
            self.began[:number],
            self.answered[:number],
            self.worker[:number],
            refused=tuple(request - base for request in refused),
            interrupted=tuple(request - base for request in interrupted),
        )
        self.refused[:] = self.refused[len(refused) :]
        self.interrupted[:] = [request for request in self.interrupted if request >= until]
        self._window(until, max(_WINDOW, come - until))
        return fates


class CompiledCluster(Cluster):
    """A ``Cluster``, equal to it event by event, whose answers and arrivals run in machine code.

    It takes all that a ``Cluster`` takes, but for its *load*: that is one ``Workload`` without sessions.

    Raises:
        ContractError: another load.

    >>> cluster = CompiledCluster(load=[Workload("burst", [0.0] * 4, [10.0] * 4)])
    >>> cluster.clock.sleep_until(cluster.clock.now() + 25)
    >>> list(cluster.fates().began)[:3], cluster.observe().waiting()
    ([0.0, 10.0, 20.0], 1)
    """

    _new_line = CompiledLine

    def __init__(self, *, load: Iterable[Load] = (), **options: Any) -> None:
        loads = list(load)
        if len(loads) != 1 or not isinstance(loads[0], Workload):
            kinds = ", ".join(type(one).__name__ for one in loads) or "nothing"
            raise ContractError(f"load: {kinds} given; the compiled cluster takes one Workload, Cluster takes any load")
        workload = loads[0]
        if workload.sessions is not None:
            if any(session is not None for session in workload.sessions):
                raise ContractError(f"load: {workload.name} has sessions, which only Cluster knows")
            workload = evolve(workload, sessions=None)
        super().__init__(load=[workload], **options)

    @staticmethod
    def _advance(line: Any, answers: float, requests: float, _pull: Callable[[], bool]) -> None:
        line.advance(answers, requests)


class StreamingCluster(CompiledCluster):
    """A ``CompiledCluster`` that keeps a request only until it is settled: ``line.settled`` hands it out."""

    _new_line = StreamingLine


_LEAST = 64
_WINDOW = 1 << 15
"""The places for requests that aren't settled, at first: when half of them are taken, it pays to settle some."""


def _view(column: Any) -> Any:
    """The same numbers, which Python reads faster than from numpy."""
    return memoryview(column)


def _wider(rows: Any, width: int) -> Any:
    wider = np.zeros((*rows.shape[:-1], width), dtype=rows.dtype)
    wider[..., : rows.shape[-1]] = rows
    return wider
