"""The workers of a simulated cluster: who is there, who is started and when it is ready, and who leaves."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, repeat

from everai_autoscaler.errors import ArgumentError, ContractError, UnknownNameError
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult
from everai_autoscaler.serving.dispatcher import STARTS
from everai_autoscaler.simulator.capacity import Capacity
from everai_autoscaler.simulator.events import Events, Order
from everai_autoscaler.simulator.faults import ColdStart, Faults, Luck, Machine, machine_of
from everai_autoscaler.simulator.line import Line
from everai_autoscaler.simulator.member import Member
from everai_autoscaler.words import counted

__all__ = ["Fleet"]

_MINUTE = 60.0


class Fleet:
    """Starts and removes workers; all times are seconds from the cluster's start, which is at *epoch*."""

    def __init__(
        self,
        line: Line,
        events: Events,
        *,
        epoch: float,
        cold_start: float | Sequence[float] | ColdStart,
        seed: int,
        starts_per_minute: int | None,
        drains: bool,
        faults: Faults | None,
        machines: Sequence[Machine],
        capacity: Capacity | None,
    ) -> None:
        self.ever: list[Member] = []
        """Every worker that there ever was, in the order in which they were started."""
        self.here: dict[str, Member] = {}
        """Those that there are, by their ids."""
        self.start_times: deque[float] = deque(maxlen=STARTS)
        """Seconds from start to ready of the workers that became ready last, the newest first."""
        self._line = line
        self._events = events
        self._epoch = epoch
        self._cold_start = cold_start if isinstance(cold_start, ColdStart) else None
        self._cold_starts = iter(()) if isinstance(cold_start, ColdStart) else _each(cold_start)
        self._seed = seed
        self._faults = faults or Faults()
        self._is_lucky = self._faults == Faults() and not machines
        self._machines = machines
        self._capacity = capacity
        self._random = random.Random(seed)  # noqa: S311 - ids that repeat from run to run
        self._ids: set[str] = set()
        self._starts_per_minute = starts_per_minute
        self._started: deque[float] = deque()
        self._drains = drains
        line.left = self._finished

    def begin_with(self, workers: int) -> None:
        """So many *workers* are ready at the start."""
        if self._capacity is not None:
            self._capacity.take_all(workers)
        for older in range(workers, 0, -1):
            # Not at one moment, nor at that of the first tick: which is the oldest is to be plain to see.
            member = self._add(-_MINUTE * older)
            self._draw_luck(member, 0.0)
            member.ready_at = 0.0
            self._line.ready(member.slot, 0.0)
            self._await_crash(member, 0.0)

    def apply(self, result: DecideResult, now: float) -> Applied:
        """As ``Cluster.apply``."""
        named = list(dict.fromkeys(result.down))
        whys = [self._why_not_removed(worker_id) for worker_id in named]
        removed = [worker_id for worker_id, why in zip(named, whys, strict=True) if not why]
        for worker_id in removed:
            self._remove(self.here[worker_id], now)
        starts, why_fewer = self._allowed(result.up, now)
        for _ in range(starts):
            self._begin(now)
        return Applied(starts, tuple(removed), tuple(why for why in (*whys, *why_fewer) if why))

    # Workers come

    def _allowed(self, wanted: int, now: float) -> tuple[int, list[str]]:
        """How many of the *wanted* workers are started, and why no more."""
        whys = []
        allowed = wanted
        if (most := self._starts_per_minute) is not None:
            while self._started and self._started[0] <= now - _MINUTE:
                self._started.popleft()
            allowed = min(wanted, max(0, most - len(self._started)))
            if allowed < wanted:
                rule = f"at most {most} may be started a minute, and {len(self._started)} were within the last"
                whys.append(f"{wanted - allowed} of {counted(wanted, 'worker')} not started: {rule}")
        if self._capacity is not None:
            given = self._capacity.take(allowed)
            if given < allowed:
                rule = f"all {self._capacity.total} of the shared capacity are taken"
                whys.append(f"{allowed - given} of {counted(wanted, 'worker')} not started: {rule}")
            allowed = given
        self._started.extend([now] * allowed)
        return allowed, whys

    def _begin(self, now: float) -> None:
        member = self._add(now)
        slot = member.slot
        cold_start = next(self._cold_starts) if self._cold_start is None else self._cold_start.draw(self._seed, slot)
        luck = self._draw_luck(member, now)
        if cold_start == math.inf or (luck is not None and luck.never_ready):
            return
        if luck is not None and luck.fails_to_start:
            self._events.plan(now + cold_start, Order.LOSS, partial(self._lose, "failed to start"), member)
        else:
            self._events.plan(now + cold_start, Order.READY, self._become_ready, member)

    def _draw_luck(self, member: Member, now: float) -> Luck | None:
        if self._is_lucky:
            return None
        luck = self._faults.luck(self._seed, member.slot)
        if self._faults.spot_share:
            member.spot = luck.is_spot
        if self._machines:
            machine = machine_of(self._machines, luck.machine)
            spot_price = machine.spot_price if luck.is_spot else None
            member.gpu_type = machine.gpu_type
            member.cost = machine.price if spot_price is None else spot_price
        if luck.reclaimed_after < math.inf:
            self._events.plan(now + luck.reclaimed_after, Order.LOSS, self._notice, member)
        return luck

    def _await_crash(self, member: Member, now: float) -> None:
        if self._faults.crashes_per_hour:
            after = self._faults.luck(self._seed, member.slot).crashes_after
            self._events.plan(now + after, Order.LOSS, partial(self._lose, "crashed"), member)

    def _add(self, started_at: float) -> Member:
        worker_id = ""
        while not worker_id or worker_id in self._ids:
            worker_id = "".join(self._random.choices(_ID_LETTERS, k=_ID_LENGTH))
        self._ids.add(worker_id)
        member = Member(self._line.add(), worker_id, started_at, self._epoch)
        self.ever.append(member)
        self.here[worker_id] = member
        return member

    def _become_ready(self, member: Member, now: float) -> None:
        if member.ended_at is None and member.draining_at is None:
            member.ready_at = now
            self.start_times.appendleft(round(max(0.0, now - member.started_at), 3))
            self._line.ready(member.slot, now)
            self._await_crash(member, now)

    # Workers leave

    def _why_not_removed(self, worker_id: str) -> str:
        """Why the worker isn't removed; empty when it may be.

        Raises:
            UnknownNameError: it isn't there.
            ContractError: it serves, or holds a session, and has to be left alone.
        """
        member = self.here.get(worker_id)
        if member is None:
            if self._drains and worker_id in self._ids:
                return f"worker {worker_id!r} is gone already"
            raise UnknownNameError.of("worker", worker_id, self.here)
        if member.draining_at is not None:
            return f"worker {worker_id!r} is on its way out already"
        serves = self._line.serving[member.slot]
        if not self._drains and (serves or self._line.sessions.get(member.slot)):
            does = "is serving" if serves else "holds a session"
            raise ContractError(f"worker {worker_id!r} {does}, and can't be removed")
        return ""

    def _remove(self, member: Member, now: float) -> None:
        draining = 0.0 if member.ready_at is None else self._faults.draining
        member.leaves_at, member.why = now + draining, "removed"
        self._line.withdraw(member.slot, now)
        self._leave(member, now)
        if member.ended_at is None:
            member.draining_at = now
        if draining:
            self._events.plan(member.leaves_at, Order.LOSS, self._leave, member)

    def _notice(self, member: Member, now: float) -> None:
        """The provider says that it takes the worker back."""
        if member.ended_at is None:
            if member.draining_at is None:
                member.draining_at = now
                self._line.withdraw(member.slot, now)
            self._events.plan(now + self._faults.notice, Order.LOSS, partial(self._lose, "reclaimed"), member)

    def _lose(self, why: str, member: Member, now: float) -> None:
        if member.ended_at is None:
            member.why = why
            self._line.lose(member.slot, now)
            self._end(member, now)

    def _leave(self, member: Member, now: float) -> None:
        """Let the worker go, if it may go by now."""
        if member.ended_at is None and now >= member.leaves_at and not self._line.serving[member.slot]:
            self._end(member, now)

    def _end(self, member: Member, now: float) -> None:
        member.ended_at = now
        del self.here[member.worker_id]
        if self._capacity is not None:
            self._capacity.give_back()

    def _finished(self, slot: int, now: float) -> None:
        self._leave(self.ever[slot], now)


_ID_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ID_LENGTH = 22


def _each(cold_start: float | Sequence[float]) -> Iterator[float]:
    values = [cold_start] if isinstance(cold_start, int | float) else list(cold_start)
    if not values or not all(seconds >= 0 for seconds in values):
        raise ArgumentError(f"cold_start: {cold_start!r} is not a number of seconds, nor one for each worker")
    return chain(values, repeat(values[-1]))
