"""The workers of one app: started, looked at, drained and ended, so that nothing is ever left behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import shortuuid
from attrs import define

from everai_autoscaler.engine import Rows
from everai_autoscaler.errors import UnknownNameError, describe_error, words_of
from everai_autoscaler.local.left import find_left, restored, rows_of_others
from everai_autoscaler.local.process import (
    LONGEST_LOG,
    Exit,
    Look,
    Mark,
    Process,
    bound,
    free_port,
    last_line,
    look,
    sweep,
)
from everai_autoscaler.local.rows import RowWriter
from everai_autoscaler.local.spec import Local
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.log import emit
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher
from everai_autoscaler.words import counted

__all__ = ["Fleet"]

TICK = 0.1
"""Seconds between two looks at whether the processes live."""
CHECK_EVERY = 2.0
"""Seconds between two looks at whether one is stopped, and at how long its log is."""
SOONEST_LOOK, LATEST_LOOK = 0.05, 1.0
"""Seconds between two looks at whether a worker has become ready: a tenth of what it has taken, within these."""
LOOK_AGAIN = 1.0
"""Seconds until one that failed at once is looked at again."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds that the next start waits after one that failed; twice as many after each that follows."""
AT_ONCE = 4
"""Processes that are being made at once; the event loop has other work between them."""
UNKILLABLE = 5.0
"""Seconds after SIGKILL for which a process is waited for when all is to end."""


@define(eq=False)
class _Kept:
    """A worker, and what the fleet alone has to know of it. The moments are those of the monotonic clock."""

    worker: LocalWorker
    begun: float
    start_until: float
    process: Process | None = None
    drain_until: float = math.inf
    kill_at: float | None = None
    """When it has had its time after SIGTERM."""
    killed_at: float | None = None
    next_look: float = 0.0
    looking: asyncio.Task[None] | None = None
    asked: bool = False
    """To be looked at although it is busy: the router had trouble with it."""
    failures: int = 0
    last_look: str = ""
    shelved: bool = False
    """It is given nothing, since it didn't answer when it was looked at last."""
    next_check: float = 0.0
    stopped_since: float | None = None
    cutting: bool = False
    """Its log is being cut."""


class Fleet:
    """Has the workers of one app, one process each. It belongs to the event loop.

    Args:
        local: how workers are run.
        dispatcher: is told who takes requests.
        app: the app's name.
        home: the directory from which ``local.directory`` is meant.
        store: where the workers' rows are; written in a thread, never in the event loop.
        note: is told each thing that happens, in a line.
        changed: is told that the workers aren't what they were.
        clock: tells the time in epoch seconds.
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
        self.workers: dict[str, LocalWorker] = {}
        """Those that start, serve or drain, by id, in the order in which they were started."""
        self._local = local
        self._dispatcher = dispatcher
        self._app = app
        self._directory = (home / local.directory).resolve()
        self._store = store
        self._note = note
        self._changed = changed
        self._clock = clock
        self._state = str(store.directory.resolve())
        self._logs = store.directory / "logs"
        self._plan = _digest(local, self._directory)
        self._kept: dict[str, _Kept] = {}
        self._session: aiohttp.ClientSession | None = None
        self._watching: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._hands = ThreadPoolExecutor(2, "fleet-hands")
        self._rows = RowWriter(store, note)
        self._late: set[LocalWorker] = set()
        self._unswept: set[str] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._ending = False
        self._failures = 0
        self._failed_at = -math.inf
        self._wait_until = -math.inf
        self._wait_shown: float | None = None

    @property
    def back_off_until(self) -> float | None:
        """Until when nothing is started, since workers have died while starting (epoch seconds)."""
        return self._wait_shown if time.monotonic() < self._wait_until else None

    async def begin(self) -> None:
        """Take over or end what an earlier runtime has left, and start to watch.

        What still lives is asked whether it is ready, so that this takes as long as such a look may.

        Raises:
            StateError: the store can't be read.
        """
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            headers={"User-Agent": "everai-autoscaler"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        await self._take_over()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def start(self, count: int) -> int:
        """Start *count* workers, or none while starts wait; how many were begun. To be called in the event loop."""
        if self._ending or self.back_off_until is not None:
            return 0
        begun = []
        taken = {worker.port for worker in self.workers.values()}
        for _ in range(count):
            try:
                port = free_port(taken.__contains__)
            except OSError as error:
                self._note(f"no worker can be started: {error}")
                break
            taken.add(port)
            now = time.monotonic()
            worker = LocalWorker(
                shortuuid.uuid(), started_at=self._clock(), concurrency=self._local.concurrency, port=port
            )
            kept = _Kept(worker, begun=now, start_until=now + self._local.start_timeout)
            self._keep(kept)
            begun.append(worker.worker_id)
            self._do(self._bring_up(kept))
        if begun:
            self._note(f"starts {counted(len(begun), 'worker')}: {', '.join(begun)}")
            self._changed()
        return len(begun)

    def remove(self, worker_id: str, why: str) -> None:
        """Let that worker finish what it serves, and end it; one that goes already, goes as it did.

        Raises:
            UnknownNameError: there is no such worker.
        """
        kept = self._kept.get(worker_id)
        if kept is None:
            raise UnknownNameError.of("worker", worker_id, self.workers)
        if kept.worker.draining_at is not None:
            return
        when = " when it has finished what it serves" if kept.worker.serving else ""
        self._note(f"worker {worker_id} goes{when}: {why}" if why else f"worker {worker_id} goes{when}")
        self._drain(kept, why, self._local.drain_timeout)
        self._step(kept)

    def trouble(self, worker: ListeningWorker, why: str) -> None:
        """The connection to *worker* broke: look at once whether it lives, and answers."""
        kept = self._kept.get(worker.worker_id)
        if kept is None:
            return
        emit(logging.INFO, "worker_trouble", worker=worker.worker_id, why=why)
        kept.asked = True
        kept.next_look = 0.0
        if kept.process is not None:
            kept.process.doubt()
        self._step(kept)
        if worker.worker_id in self._kept:
            # Its sockets are closed a moment before it can be seen that it is gone.
            asyncio.get_running_loop().call_later(TICK / 5, self._step, kept)

    async def end(self, *, drain: float) -> None:
        """End all workers, after up to *drain* seconds for what they serve; returns when nothing is left of them.

        It can be called again, also while it is waited for, to give them less time.
        """
        self._ending = True
        for kept in list(self._kept.values()):
            if kept.worker.draining_at is None:
                self._drain(kept, "the runtime stops", drain)
            kept.drain_until = min(kept.drain_until, time.monotonic() + drain)
        if self._session is None and not self._kept:
            return
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        while self._kept or self._tasks or self._unswept:
            for kept in list(self._kept.values()):
                self._step(kept)
                if kept.killed_at is not None and time.monotonic() > kept.killed_at + UNKILLABLE:
                    self._give_up(kept)
            await asyncio.sleep(TICK / 5)
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        left = await self._in_hands(sweep, self._state, lambda _worker: True)
        self._say_swept(left)
        self._save_late(everyone=True)
        await self._rows.settle()
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._rows.close()
        self._hands.shutdown(wait=False)

    # A worker's life, in its order.

    def _keep(self, kept: _Kept) -> None:
        kept.next_check = kept.begun + random.uniform(0, CHECK_EVERY)  # noqa: S311 - so that not all come due at once
        self._kept[kept.worker.worker_id] = kept
        self.workers[kept.worker.worker_id] = kept.worker
        self._dispatcher.add(kept.worker)

    async def _bring_up(self, kept: _Kept) -> None:
        """Write the row, make the process, and write the row again."""
        worker = kept.worker
        try:
            async with self._turns:
                await self._save(worker)
                process = await self._in_hands(self._spawn, kept)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next worker is another try
            self._never_began(kept, _why_it_never_began(error, self._local.command[0]))
            return
        if process is None:
            self._gone(kept, None)
            return
        kept.process = process
        worker.pid, worker.process_created_at = process.pid, process.created_at
        kept.next_look = time.monotonic() + SOONEST_LOOK
        self._save(worker)
        self._changed()
        self._step(kept)

    def _spawn(self, kept: _Kept) -> Process | None:
        """Make the process, in a thread; ``None`` where it isn't wanted any more."""
        worker = kept.worker
        if worker.draining_at is not None:
            return None
        mark = Mark(worker.worker_id, self._state, self._app, self._plan)
        return Process.spawn(
            [
                word.replace("{python}", sys.executable).replace("{port}", str(worker.port))
                for word in self._local.command
            ],
            directory=self._directory,
            environment={**os.environ, **self._local.env, "PORT": str(worker.port), **mark.environment()},
            log=self._log_of(worker.worker_id),
        )

    def _log_of(self, worker_id: str) -> Path | None:
        log = self._logs / f"{worker_id}.log"
        try:
            self._logs.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError:
            return None  # a full disk is no reason to serve nobody
        return log

    async def _watch(self) -> None:
        while True:
            for kept in list(self._kept.values()):
                try:
                    self._step(kept)
                except Exception as error:  # noqa: BLE001 - the others have to be watched as well
                    self._note(f"worker {kept.worker.worker_id} can't be watched: {describe_error(error)}")
            self._save_late()
            self._rows.try_again()
            if self._unswept and self._sweeping is None:
                self._sweeping = self._do(self._sweep())
            await asyncio.sleep(TICK)

    def _step(self, kept: _Kept) -> None:
        """Do what is due for a worker that has a process."""
        process, worker, now = kept.process, kept.worker, time.monotonic()
        if process is None or worker.worker_id not in self._kept:
            return
        ended = process.poll()
        if ended is not None:
            in_time = kept.kill_at is not None and now < kept.kill_at
            if not (in_time and not process.is_deserted()):
                self._gone(kept, ended)
            return
        if kept.killed_at is not None:
            return
        if kept.kill_at is None:
            self._attend(kept, process, now)
        elif now >= kept.kill_at:
            grace = self._local.stop_grace
            self._note(f"worker {worker.worker_id} didn't end within {grace:g} s of SIGTERM: it is killed")
            self._kill(kept, now)

    def _attend(self, kept: _Kept, process: Process, now: float) -> None:
        """Do what is due for a worker that lives, and hasn't been told to end."""
        worker = kept.worker
        if now >= kept.next_check:
            self._check(kept, process, now)
        if kept.killed_at is not None:
            return
        if worker.draining_at is not None:
            if not worker.serving or now >= kept.drain_until:
                self._terminate(kept, process, now)
            return
        if worker.ready_at is None and now >= kept.start_until:
            self._start_timed_out(kept)
            return
        if now >= kept.next_look and kept.looking is None and (kept.asked or not worker.serving):
            kept.looking = self._do(self._look(kept))

    async def _look(self, kept: _Kept) -> None:
        worker, touched, asked = kept.worker, kept.worker.touched, kept.asked
        kept.asked = False
        try:
            if self._session is None:
                return
            seen = await look(self._session, worker.port, self._local.readiness)
        finally:
            kept.looking = None
        now = time.monotonic()
        if worker.worker_id not in self._kept or worker.draining_at is not None or kept.killed_at is not None:
            return
        if not seen and kept.process is not None:
            kept.process.doubt()
            if kept.process.poll() is not None:
                self._step(kept)
                return
        if worker.ready_at is None:
            self._seen_starting(kept, seen, now)
            return
        kept.next_look = now if kept.asked else now + self._local.readiness.interval
        if seen:
            self._seen_well(kept)
        elif seen.refused or (not seen.slow and asked) or (not worker.serving and worker.touched == touched):
            self._seen_unwell(kept, seen, now)

    def _seen_starting(self, kept: _Kept, seen: Look, now: float) -> None:
        worker = kept.worker
        kept.last_look = seen.why
        if not seen:
            kept.next_look = now + min(LATEST_LOOK, max(SOONEST_LOOK, (now - kept.begun) / 10))
            return
        if kept.process is None or kept.process.poll() is not None:
            return
        self._failures, self._wait_until = 0, -math.inf
        self._well(kept, now)
        self._note(f"worker {worker.worker_id} is ready, {self._clock() - worker.started_at:.1f} s after its start")

    def _well(self, kept: _Kept, now: float) -> None:
        """It takes requests from now on."""
        # Those that were started together aren't all to be looked at together.
        kept.next_look = now + self._local.readiness.interval * random.uniform(0.5, 1)  # noqa: S311
        self._dispatcher.ready(kept.worker, self._clock())
        self._save(kept.worker)
        self._changed()

    def _seen_well(self, kept: _Kept) -> None:
        kept.failures = 0
        if kept.shelved:
            kept.shelved = False
            self._note(f"worker {kept.worker.worker_id} answers again")
            self._dispatcher.add(kept.worker)
            self._dispatcher.ready(kept.worker, self._clock())
            self._changed()

    def _seen_unwell(self, kept: _Kept, seen: Look, now: float) -> None:
        worker, readiness = kept.worker, self._local.readiness
        kept.failures += 1
        if kept.failures >= readiness.failures:
            self._hung(kept, f"{counted(kept.failures, 'look')} failed, the last since {seen.why}", now)
            return
        if not seen.slow:
            kept.next_look = now + min(LOOK_AGAIN, readiness.interval)
        if not kept.shelved:
            # Given on, its requests would come back, or wait for one that may be hung.
            kept.shelved = True
            self._note(f"worker {worker.worker_id} isn't well, and gets no requests until it is: {seen.why}")
            self._dispatcher.withdraw(worker)
            self._changed()

    def _check(self, kept: _Kept, process: Process, now: float) -> None:
        timeout = self._local.readiness.timeout
        kept.next_check = now + min(CHECK_EVERY, timeout / 2)
        if not kept.cutting and _is_long(log := self._logs / f"{kept.worker.worker_id}.log"):
            kept.cutting = True
            self._do(self._cut(kept, log))
        if not process.is_stopped():
            kept.stopped_since = None
        elif kept.stopped_since is None:
            kept.stopped_since = now
        elif now - kept.stopped_since >= timeout:
            self._hung(kept, f"somebody has stopped its process (SIGSTOP) for more than {timeout:g} s", now)

    async def _cut(self, kept: _Kept, log: Path) -> None:
        try:
            if await self._in_hands(bound, log):
                self._note(f"the log of worker {log.stem} was long; its end so far is in {log.name}.1")
        finally:
            kept.cutting = False

    def _drain(self, kept: _Kept, why: str, seconds: float) -> None:
        worker = kept.worker
        worker.draining_at, worker.why = worker.draining_at or self._clock(), why
        kept.drain_until = time.monotonic() + seconds
        self._dispatcher.withdraw(worker)
        self._save(worker)
        self._changed()

    def _terminate(self, kept: _Kept, process: Process, now: float) -> None:
        worker = kept.worker
        if worker.serving:
            self._note(
                f"worker {worker.worker_id} still serves {counted(worker.serving, 'request')} "
                f"after {self._clock() - (worker.draining_at or 0):.0f} s: it is ended nevertheless"
            )
        kept.kill_at = now + self._local.stop_grace
        process.signal(signal.SIGTERM)

    def _kill(self, kept: _Kept, now: float) -> None:
        kept.killed_at = now
        if kept.process is not None:
            kept.process.signal(signal.SIGKILL)

    def _hung(self, kept: _Kept, why: str, now: float) -> None:
        worker = kept.worker
        line = f"worker {worker.worker_id} is hung, and is killed: {why}"
        if worker.ready_at is None and worker.draining_at is None:
            self._back_off(kept)
            line = f"{line}; {self._wait_told()}"
        self._note(line)
        self._drain(kept, f"hung: {why}", 0)
        self._kill(kept, now)

    def _start_timed_out(self, kept: _Kept) -> None:
        took = f"wasn't ready within {self._local.start_timeout:g} s"
        why = f"{took}: {kept.last_look}" if kept.last_look else took
        self._drain(kept, why, 0)
        self._back_off(kept)
        self._note(f"worker {kept.worker.worker_id} {why}; it is ended, and {self._wait_told()}")
        self._step(kept)

    def _never_began(self, kept: _Kept, why: str) -> None:
        if kept.worker.draining_at is not None:
            self._gone(kept, None)
            return
        kept.worker.why = f"can't be started: {why}"
        self._back_off(kept)
        self._forget(kept)
        self._note(f"worker {kept.worker.worker_id} {kept.worker.why}; {self._wait_told()}")

    def _gone(self, kept: _Kept, ended: Exit | None) -> None:
        """Its process has ended, or there never was one since it wasn't wanted any more."""
        worker = kept.worker
        if kept.process is not None:
            kept.process.signal(signal.SIGKILL)  # those that it started
            self._unswept.add(worker.worker_id)
        on_its_own = worker.draining_at is None
        if on_its_own:
            worker.why = f"{ended} {_while(worker)}"
        self._forget(kept)
        if not on_its_own:
            untold = ended is not None and kept.kill_at is None and kept.killed_at is None
            how = f"{ended} {_while(worker)}, before it was told to end" if untold else "has ended"
            self._note(f"worker {worker.worker_id} {how}")
            return
        line = f"worker {worker.worker_id} {worker.why}"
        if worker.ready_at is None:
            self._back_off(kept)
            line = f"{line}; {self._wait_told()}"
        said = last_line(self._logs / f"{worker.worker_id}.log")
        self._note(f"{line}; its log ends: {said}" if said else line)

    def _forget(self, kept: _Kept) -> None:
        worker = kept.worker
        worker.ended_at = self._clock()
        if kept.looking is not None:
            kept.looking.cancel()
        self._kept.pop(worker.worker_id, None)
        self.workers.pop(worker.worker_id, None)
        self._dispatcher.withdraw(worker)
        self._save(worker)
        if worker.serving:
            self._late.add(worker)
        self._changed()

    def _give_up(self, kept: _Kept) -> None:
        pid = kept.worker.pid
        self._note(f"worker {kept.worker.worker_id} can't be ended: process {pid} doesn't go, though it was killed")
        kept.worker.why = f"{kept.worker.why}; process {pid} doesn't go, though it was killed"
        self._forget(kept)

    def _back_off(self, kept: _Kept) -> None:
        """Nothing is started for a while; for twice as long when it was begun after the failure before."""
        now = time.monotonic()
        # Those that were started together fail together: that is one failure.
        if kept.begun >= self._failed_at:
            self._failures += 1
        self._failed_at = now
        self._wait_until = now + self._wait()
        self._wait_shown = self._clock() + self._wait()

    def _wait(self) -> float:
        return float(min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._failures - 1, 16)))

    def _wait_told(self) -> str:
        return f"the next start waits {self._wait():g} s"

    # What an earlier runtime has left.

    async def _take_over(self) -> None:
        rows, others = await self._in_hands(find_left, self._store, self._app, self._state)
        looked = await asyncio.gather(*(self._judge(row, process) for row, process in rows))
        adopted: list[str] = []
        going: list[str] = []
        gone: list[str] = []
        for (row, process), why in zip(rows, looked, strict=True):
            worker = restored(row, self._local.concurrency)
            if process is None:
                worker.why = worker.why or "it was gone when the runtime came back"
                worker.ended_at = self._clock()
                self._save(worker)
                gone.append(worker.worker_id)
                continue
            others = {pid: mark for pid, mark in others.items() if mark.worker != worker.worker_id}
            self._adopt(worker, process, why)
            (going if why else adopted).append(f"{worker.worker_id} ({why})" if why else worker.worker_id)
        left = Counter(mark.worker for mark in others.values())
        if left:
            self._note(
                f"ends {counted(left.total(), 'process', 'processes')} that an earlier runtime had left: "
                f"of worker {', '.join(sorted(left))}"
            )
            self._do(self._end_left(list(others.values())))
        for count, line in (
            (adopted, "took over {} that an earlier runtime had left: {}"),
            (going, "ends {} that an earlier runtime had left: {}"),
            (gone, "{} that an earlier runtime had started did not live any more: {}"),
        ):
            if count:
                self._note(line.format(counted(len(count), "worker"), ", ".join(count)))
        if rows:
            self._changed()

    async def _judge(self, row: Mapping[str, Any], process: Process | None) -> str:
        """Why the worker of that *row* can't be taken over; empty when it can."""
        if process is None:
            return "it is gone"
        mark = process.mark
        if row.get("draining_at") is not None:
            return "it was on its way out"
        if mark is None or mark.worker != row["id"]:
            return "its process doesn't say which worker it is"
        if mark.plan != self._plan:
            return "it was started in another way"
        if self._session is None:
            return "nobody can look at it"
        seen = await look(self._session, int(row["port"]), self._local.readiness)
        if seen or (row.get("ready_at") is None and self._clock() - row["created_at"] < self._local.start_timeout):
            return ""
        return seen.why

    def _adopt(self, worker: LocalWorker, process: Process, why: str) -> None:
        now = time.monotonic()
        left = self._local.start_timeout - max(0.0, self._clock() - worker.started_at)
        worker.pid, worker.process_created_at = process.pid, process.created_at
        kept = _Kept(worker, begun=now, start_until=now + left, process=process)
        self._keep(kept)
        if why:
            self._drain(kept, worker.why or f"left by an earlier runtime: {why}", 0)
        elif worker.ready_at is not None:
            # Nobody knows what it served until now: it isn't to go, at the first decision, for having been idle since.
            worker.last_served_at = self._clock()
            self._well(kept, now)
        else:
            self._save(worker)
        self._step(kept)

    async def _end_left(self, marks: Iterable[Mark]) -> None:
        """End those of whom no row of ours knows, or whose worker is gone."""
        ids = {mark.worker for mark in marks}
        await self._in_hands(partial(sweep, self._state, ids.__contains__, grace=self._local.stop_grace))
        self._end_rows(await self._in_hands(rows_of_others, self._store, self._app, marks))

    def _end_rows(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
        for app, row in rows:
            worker = restored(row, row["concurrency"])
            worker.why, worker.ended_at = f"left by an earlier runtime, and ended by {self._app}'s", self._clock()
            self._rows.save(app, worker.row())

    # What processes have left.

    async def _sweep(self) -> None:
        try:
            ids = frozenset(self._unswept)
            self._unswept.clear()
            self._say_swept(await self._in_hands(sweep, self._state, ids.__contains__))
        finally:
            self._sweeping = None

    def _say_swept(self, left: Mapping[str, int]) -> None:
        for worker_id, number in left.items():
            self._note(f"worker {worker_id} had left {counted(number, 'process', 'processes')} behind: killed")

    # Rows, in a thread of their own, in their order.

    def _save(self, worker: LocalWorker) -> asyncio.Future[str]:
        return self._rows.save(self._app, worker.row())

    def _save_late(self, *, everyone: bool = False) -> None:
        """Keep the last numbers of those whose requests have been settled after their end."""
        for worker in [worker for worker in self._late if everyone or not worker.serving]:
            self._late.discard(worker)
            self._save(worker)

    # Work beside the event loop.

    def _do(self, work: Any) -> asyncio.Task[None]:  # a coroutine, whose type is a mouthful
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._note(f"something went wrong with a worker: {describe_error(error)}")

    async def _in_hands(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._hands, work, *given)


def _digest(local: Local, directory: Path) -> str:
    """Tells workers that were started in this way from those that weren't."""
    how = json.dumps([local.command, str(directory), sorted(local.env.items())])
    return hashlib.sha256(how.encode()).hexdigest()[:16]


def _why_it_never_began(error: Exception, program: str) -> str:
    """Why a process couldn't be made, in one line."""
    if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError) and error.filename is not None:
        what = "program" if str(error.filename) == program else "directory"
        if isinstance(error, PermissionError):
            return f"the {what} {error.filename} may not be used"
        return f"there is no {what} {error.filename}"
    return words_of(error)


def _while(worker: LocalWorker) -> str:
    if worker.ready_at is None:
        return "while it was starting"
    return f"while it served {counted(worker.serving, 'request')}" if worker.serving else "while it was free"


def _is_long(log: Path) -> bool:
    try:
        return log.stat().st_size > LONGEST_LOG
    except OSError:
        return False
