"""The workers that are here: each one's life, and what of it goes to the dispatcher, the store and an operator."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field

from everai_autoscaler.errors import describe_error
from everai_autoscaler.local.process import Process
from everai_autoscaler.local.rows import RowWriter
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher

__all__ = ["Life", "Roster"]


@define(eq=False)
class Life:
    """What is known of a worker beside what lists show. All moments are those of the monotonic clock."""

    worker: LocalWorker
    begun: float
    start_until: float
    """When it must be ready."""
    process: Process | None = None
    """``None`` until there is one."""
    drain_until: float = math.inf
    """When it is ended although it still serves."""
    kill_at: float | None = None
    """When it is killed, unless it has ended by then; ``None`` before SIGTERM."""
    killed_at: float | None = None
    check_at: float = 0.0
    """When its next health check is due."""
    check: asyncio.Task[None] | None = None
    """The health check that runs."""
    suspected: bool = False
    """The router had trouble with it: it is checked although it is busy."""
    failures: int = 0
    """Health checks in a row that failed since it was ready."""
    not_ready: str = ""
    """Why its last health check failed, while it starts."""
    unhealthy: bool = False
    """It failed its last health check, and gets no requests until it passes one."""
    stop_check_at: float = 0.0
    """When it is next checked whether its process is stopped."""
    stopped_since: float | None = None


@define(eq=False)
class Roster:
    """The workers of one app that start, serve or drain. It belongs to the event loop."""

    app: str
    dispatcher: Dispatcher[ListeningWorker]
    rows: RowWriter
    note: Callable[[str], None]
    """Is given a line about each thing that happens."""
    changed: Callable[[], None]
    """Is called when the workers aren't what they were."""
    clock: Callable[[], float]
    """Gives the time in epoch seconds."""
    lives: dict[str, Life] = field(factory=dict, init=False)
    """By the workers' ids, in the order in which they were started."""
    tasks: set[asyncio.Task[None]] = field(factory=set, init=False)
    """What is being done for workers."""
    _unsettled: set[LocalWorker] = field(factory=set, init=False)

    def add(self, life: Life) -> None:
        """A worker that takes no requests yet."""
        self.lives[life.worker.worker_id] = life
        self.dispatcher.add(life.worker)

    def ready(self, worker: LocalWorker) -> None:
        """That worker takes requests from now on."""
        self.dispatcher.ready(worker, self.clock())
        self.save(worker)
        self.changed()

    def drain(self, life: Life, why: str, seconds: float) -> None:
        """That worker takes no more requests, and has so many *seconds* to finish those that it serves."""
        worker = life.worker
        worker.draining_at, worker.why = worker.draining_at or self.clock(), why
        life.drain_until = time.monotonic() + seconds
        self.dispatcher.withdraw(worker)
        self.save(worker)
        self.changed()

    def remove(self, life: Life) -> None:
        """That worker is gone."""
        worker = life.worker
        worker.ended_at = self.clock()
        if life.check is not None:
            life.check.cancel()
        self.lives.pop(worker.worker_id, None)
        self.dispatcher.withdraw(worker)
        self.save(worker)
        if worker.serving:
            self._unsettled.add(worker)
        self.changed()

    def save(self, worker: LocalWorker) -> asyncio.Task[None]:
        """Store the row of *worker*; done when it is stored, or when it is known that it can't be."""
        return self.run(self.rows.save(self.app, worker.form().row()))

    def save_late(self) -> None:
        """Store the last numbers of workers whose requests were settled after their end."""
        for worker in [worker for worker in self._unsettled if not worker.serving]:
            self._unsettled.discard(worker)
            self.save(worker)

    async def close(self) -> None:
        """Store what is left to be stored."""
        await asyncio.gather(*map(self.save, self._unsettled))
        await self.rows.close()

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do *work* beside the rest; what goes wrong with it is noted."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.note(f"something went wrong with a worker: {describe_error(error)}")
