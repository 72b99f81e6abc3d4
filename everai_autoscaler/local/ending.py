"""How workers end: they finish what they serve, get SIGTERM, then SIGKILL, and leave nothing behind."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Container

from attrs import define, field

from everai_autoscaler.local.process import Exit, Process, sweep
from everai_autoscaler.local.roster import Life, Roster
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.words import counted

__all__ = ["Ending"]

UNKILLABLE = 5.0
"""Seconds after SIGKILL for which a process is waited for when all is to end."""


@define(eq=False)
class Ending:
    """Ends the workers of a roster, with all that they started."""

    _roster: Roster
    _state: str
    """The state directory, which marks their processes."""
    _grace: float
    """Seconds between SIGTERM and SIGKILL."""
    _unswept: set[str] = field(factory=set, init=False)

    def attend(self, life: Life, process: Process, now: float) -> None:
        """Do what is due for a worker that drains, and whose *process* lives."""
        worker = life.worker
        if life.killed_at is not None:
            return
        if life.kill_at is None and (not worker.serving or now >= life.drain_until):
            if worker.serving:
                self._roster.note(
                    f"worker {worker.worker_id} still serves {counted(worker.serving, 'request')} "
                    f"after {self._roster.clock() - (worker.draining_at or 0):.0f} s: it is ended nevertheless"
                )
            life.kill_at = now + self._grace
            process.signal(signal.SIGTERM)
        elif life.kill_at is not None and now >= life.kill_at:
            self._roster.note(f"worker {worker.worker_id} didn't end within {self._grace:g} s of SIGTERM: it is killed")
            self.kill(life)

    def kill(self, life: Life) -> None:
        """Kill that worker now."""
        life.killed_at = time.monotonic()
        if life.process is not None:
            life.process.signal(signal.SIGKILL)

    def is_over(self, life: Life, process: Process, now: float) -> bool:
        """Whether nothing is waited for any more after the *process* has ended: what it started has its time, too."""
        return life.kill_at is None or now >= life.kill_at or process.is_deserted()

    def ended(self, life: Life, how: Exit | None) -> bool:
        """Its process has ended, or there never was one; whether it ended by itself."""
        worker = life.worker
        if life.process is not None:
            life.process.signal(signal.SIGKILL)  # what it started
            self._unswept.add(worker.worker_id)
        by_itself = worker.draining_at is None
        what = f"{how} {_meanwhile(worker)}"
        if by_itself:
            worker.why = what
        self._roster.remove(life)
        if not by_itself:
            early = how is not None and life.kill_at is None and life.killed_at is None
            self._roster.note(
                f"worker {worker.worker_id} {f'{what}, before it was told to end' if early else 'has ended'}"
            )
        return by_itself

    def give_up(self, life: Life, now: float) -> None:
        """Don't wait any more for a worker that doesn't end although it was killed."""
        worker = life.worker
        if life.killed_at is not None and now > life.killed_at + UNKILLABLE:
            pid = worker.pid
            self._roster.note(
                f"worker {worker.worker_id} can't be ended: process {pid} doesn't go, though it was killed"
            )
            worker.why = f"{worker.why}; process {pid} doesn't go, though it was killed"
            self._roster.remove(life)

    async def sweep(self) -> None:
        """Kill what workers that have ended left behind."""
        if workers := frozenset(self._unswept):
            await self._sweep(workers)
            self._unswept -= workers

    async def sweep_all(self) -> None:
        """Kill what any worker has left behind."""
        await self._sweep(None)
        self._unswept.clear()

    async def _sweep(self, workers: Container[str] | None) -> None:
        for worker_id, number in (await asyncio.to_thread(sweep, self._state, workers)).items():
            self._roster.note(f"worker {worker_id} had left {counted(number, 'process', 'processes')} behind: killed")


def _meanwhile(worker: LocalWorker) -> str:
    if worker.ready_at is None:
        return "while it was starting"
    return f"while it served {counted(worker.serving, 'request')}" if worker.serving else "while it was free"
