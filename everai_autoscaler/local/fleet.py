"""The workers of one app: started, checked, drained and ended, so that nothing is ever left behind."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import shortuuid

from everai_autoscaler.engine import Rows
from everai_autoscaler.errors import UnknownNameError, describe_error
from everai_autoscaler.local.backoff import BackOff
from everai_autoscaler.local.ending import Ending
from everai_autoscaler.local.health import SOONEST, HealthChecks
from everai_autoscaler.local.launcher import Launcher, free_port
from everai_autoscaler.local.process import Exit
from everai_autoscaler.local.roster import Life, Roster
from everai_autoscaler.local.rows import RowWriter
from everai_autoscaler.local.spec import Local
from everai_autoscaler.local.takeover import TakeOver
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.log import emit
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher
from everai_autoscaler.words import counted

__all__ = ["Fleet"]

TICK = 0.1
"""Seconds between two checks whether the processes live."""
CUT_LOGS_EVERY = 2.0
"""Seconds between two checks how long the logs are."""
AT_ONCE = 4
"""Processes that are started at once; the event loop has other work between them."""


class Fleet:
    """Has the workers of one app, one process each. It belongs to the event loop.

    Args:
        local: how workers are run.
        dispatcher: gives requests to the workers that are ready.
        app: the app's name.
        home: the directory to which ``local.directory`` is relative.
        store: stores the workers' rows; written to in a thread, never in the event loop.
        note: is given a line about each thing that happens.
        changed: is called when the workers aren't what they were.
        clock: gives the time in epoch seconds.
    """

    def __init__(
        self,
        local: Local,
        dispatcher: Dispatcher[ListeningWorker],
        *,
        app: str,
        home: Path,
        store: Rows,
        note: Callable[[str], None],
        changed: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._local = local
        self._note = note
        self._clock = clock
        self._launcher = Launcher(local, home=home, state=store.directory, app=app)
        self._roster = Roster(app, dispatcher, RowWriter(store, note), note, changed, clock)
        self._back_off = BackOff(clock)
        self._ending = Ending(self._roster, self._launcher.state, local.stop_grace)
        self._checks = HealthChecks(local.readiness, self._roster, ready=self._ready, hung=self._hung, ended=self._step)
        self._take_over = TakeOver(local, self._launcher, self._roster, self._checks, store)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._watching: asyncio.Task[None] | None = None
        self._cut_logs_at = 0.0
        self._begun = False
        self._stopping = False

    @property
    def workers(self) -> Mapping[str, LocalWorker]:
        """The workers that start, serve or drain, by id, in the order in which they were started."""
        return {worker_id: life.worker for worker_id, life in self._roster.lives.items()}

    @property
    def back_off_until(self) -> float | None:
        """Until when nothing is started, since workers have died while starting (epoch seconds)."""
        return self._back_off.until

    async def begin(self) -> None:
        """Take over or end what an earlier runtime has left, and begin to watch.

        Workers that still live are asked whether they are ready, so this takes as long as a health check may.

        Raises:
            StateError: the store can't be read.
        """
        self._begun = True
        await self._take_over.run()
        self._watch()

    def start(self, count: int) -> tuple[int, str]:
        """Start *count* workers; how many were begun, and why not all of them."""
        if self._stopping:
            return 0, "the runtime stops"
        if self.back_off_until is not None:
            return 0, "starts wait, since workers have died while starting"
        begun, why = [], ""
        taken = {life.worker.port for life in self._roster.lives.values()}
        for _ in range(count):
            try:
                port = free_port(taken)
            except OSError as error:
                why = str(error)
                self._note(f"no worker can be started: {why}")
                break
            taken.add(port)
            now = time.monotonic()
            worker = LocalWorker(
                shortuuid.uuid(), started_at=self._clock(), concurrency=self._local.concurrency, port=port
            )
            life = Life(worker, begun=now, start_until=now + self._local.start_timeout)
            self._roster.add(life)
            begun.append(worker.worker_id)
            self._roster.run(self._bring_up(life))
        if begun:
            self._note(f"starts {counted(len(begun), 'worker')}: {', '.join(begun)}")
            self._roster.changed()
        return len(begun), why

    def remove(self, worker_id: str, why: str) -> None:
        """Let that worker finish what it serves, and end it; one that drains already goes on as before.

        Raises:
            UnknownNameError: there is no such worker.
        """
        life = self._roster.lives.get(worker_id)
        if life is None:
            raise UnknownNameError.of("worker", worker_id, self._roster.lives)
        if life.worker.draining_at is not None:
            return
        when = " when it has finished what it serves" if life.worker.serving else ""
        self._note(f"worker {worker_id} goes{when}: {why}" if why else f"worker {worker_id} goes{when}")
        self._roster.drain(life, why, self._local.drain_timeout)
        self._step(life)

    def trouble(self, worker: ListeningWorker, why: str) -> None:
        """The connection to *worker* broke: check at once whether it lives, and answers."""
        life = self._roster.lives.get(worker.worker_id)
        if life is None:
            return
        emit(logging.INFO, "worker_trouble", worker=worker.worker_id, why=why)
        life.suspected, life.check_at = True, 0.0
        if life.process is not None:
            life.process.doubt()
        self._step(life)
        # The sockets of a process are closed a moment before its end can be seen.
        asyncio.get_running_loop().call_later(TICK / 5, self._step, life)

    async def end(self, *, drain: float) -> None:
        """End all workers, after up to *drain* seconds for what they serve; returns when nothing is left of them.

        It can be called again, also while it is waited for, to give them less time.
        """
        self._stopping = True
        if not self._begun:
            return
        lives = self._roster.lives
        for life in list(lives.values()):
            if life.worker.draining_at is None:
                self._roster.drain(life, "the runtime stops", drain)
            life.drain_until = min(life.drain_until, time.monotonic() + drain)
        self._watch()
        while lives:
            for life in list(lives.values()):
                self._step(life)
                self._ending.give_up(life, time.monotonic())
            await asyncio.sleep(TICK / 5)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        while self._roster.tasks:
            await asyncio.wait(self._roster.tasks)
        await self._ending.sweep_all()
        await self._roster.close()
        await self._checks.close()
        self._begun = False

    # A worker's life, in its order.

    async def _bring_up(self, life: Life) -> None:
        """Store the row, start the process, and store the row again."""
        worker = life.worker
        try:
            async with self._turns:
                await self._roster.save(worker)
                process = None
                if worker.draining_at is None:
                    process = await asyncio.to_thread(self._launcher.launch, worker)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next worker is another try
            self._never_began(life, self._launcher.describe(error))
            return
        if process is None:
            self._ending.ended(life, None)
            return
        life.process = process
        worker.pid, worker.process_created_at = process.pid, process.created_at
        life.check_at = time.monotonic() + SOONEST
        self._roster.save(worker)
        self._roster.changed()
        self._step(life)

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._keep_watching())

    async def _keep_watching(self) -> None:
        tidying = self._roster.run(self._tidy())
        while True:
            for life in list(self._roster.lives.values()):
                try:
                    self._step(life)
                except Exception as error:  # noqa: BLE001 - the others have to be watched as well
                    self._note(f"worker {life.worker.worker_id} can't be watched: {describe_error(error)}")
            self._roster.save_late()
            if tidying.done():
                tidying = self._roster.run(self._tidy())
            await asyncio.sleep(TICK)

    async def _tidy(self) -> None:
        """Do what takes a thread: kill what workers left behind, store what couldn't be stored, and bound the logs."""
        await self._ending.sweep()
        await self._roster.rows.save_again()
        if time.monotonic() < self._cut_logs_at:
            return
        self._cut_logs_at = time.monotonic() + CUT_LOGS_EVERY
        for worker_id in list(self._roster.lives):
            if await asyncio.to_thread(self._launcher.logs.cut, worker_id):
                self._note(f"the log of worker {worker_id} was long; its end so far is in {worker_id}.log.1")

    def _step(self, life: Life) -> None:
        """Do what is due for a worker that has a process."""
        process, worker, now = life.process, life.worker, time.monotonic()
        if process is None or worker.worker_id not in self._roster.lives:
            return
        how = process.poll()
        if how is not None:
            if self._ending.is_over(life, process, now):
                self._ended(life, how)
            return
        if life.kill_at is None and life.killed_at is None:
            self._checks.attend_stopped(life, process, now)
        if worker.draining_at is not None:
            self._ending.attend(life, process, now)
        elif worker.ready_at is None and now >= life.start_until:
            self._start_timed_out(life)
        else:
            self._checks.attend(life, process, now)

    def _ready(self, life: Life) -> None:
        worker = life.worker
        self._back_off.succeeded()
        self._roster.ready(worker)
        self._note(f"worker {worker.worker_id} is ready, {self._clock() - worker.started_at:.1f} s after its start")

    def _hung(self, life: Life, why: str) -> None:
        worker = life.worker
        line = f"worker {worker.worker_id} is hung, and is killed: {why}"
        if worker.ready_at is None and worker.draining_at is None:
            line = f"{line}; {self._back_off.failed(begun=life.begun)}"
        self._note(line)
        self._roster.drain(life, f"hung: {why}", 0)
        self._ending.kill(life)

    def _start_timed_out(self, life: Life) -> None:
        took = f"wasn't ready within {self._local.start_timeout:g} s"
        why = f"{took}: {life.not_ready}" if life.not_ready else took
        self._roster.drain(life, why, 0)
        wait = self._back_off.failed(begun=life.begun)
        self._note(f"worker {life.worker.worker_id} {why}; it is ended, and {wait}")
        self._step(life)

    def _never_began(self, life: Life, why: str) -> None:
        if life.worker.draining_at is not None:
            self._ending.ended(life, None)
            return
        life.worker.why = f"can't be started: {why}"
        wait = self._back_off.failed(begun=life.begun)
        self._roster.remove(life)
        self._note(f"worker {life.worker.worker_id} {life.worker.why}; {wait}")

    def _ended(self, life: Life, how: Exit) -> None:
        worker = life.worker
        if not self._ending.ended(life, how):
            return
        line = f"worker {worker.worker_id} {worker.why}"
        if worker.ready_at is None:
            line = f"{line}; {self._back_off.failed(begun=life.begun)}"
        last = self._launcher.logs.last_line(worker.worker_id)
        self._note(f"{line}; its log ends: {last}" if last else line)
