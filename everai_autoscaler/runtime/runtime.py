"""An app under autoscaling: its engine and its policy, put together, for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import evolve

from everai_autoscaler.engine import Host, SampleForm
from everai_autoscaler.errors import AutoscalerError, UnknownNameError, describe_error
from everai_autoscaler.log import emit
from everai_autoscaler.runtime.admin import Admin
from everai_autoscaler.runtime.events import Events
from everai_autoscaler.runtime.live_view import LiveView
from everai_autoscaler.runtime.metrics import Metrics
from everai_autoscaler.runtime.operator import Overrides
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.plan import Plan
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.ticks import Ticks
from everai_autoscaler.runtime.tuning import Tuning
from everai_autoscaler.words import moment

__all__ = ["Runtime"]

HEARTBEAT = 1.0
"""Seconds between two looks at what changes by itself."""
NOTES = 50


class Runtime:
    """One app, its engine and its policy, for as long as ``serve`` runs.

    It is made before the event loop runs, since it reads the store; in the event loop nothing waits for the disk.

    Args:
        plan: what is run.
        store: where everything is stored.
        on_note: is given each line that an operator would want to read, in any thread.
    """

    def __init__(self, plan: Plan, store: Store, *, on_note: Callable[[str], None] | None = None) -> None:
        self.plan = plan
        self.store = store
        self.metrics = Metrics()
        self._on_note = on_note
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._stop = asyncio.Event()
        self._now = asyncio.Event()
        self._events = Events(lambda: self.view.state())  # noqa: PLW0108 - there is no view yet
        host = Host(
            app=plan.app,
            rows=store,
            note=self.note,
            changed=self._events.changed,
            wanted=self._wanted,
            registry=self.metrics.registry,
            samples=[SampleForm.model_validate(sample) for sample in store.seen(plan.app)],
        )
        self._tuning: Tuning | None = None
        if plan.beside is not None:
            registry = self.metrics.registry
            self._tuning = Tuning(plan.app, plan.beside, store.directory, note=self.note, registry=registry)
            host = evolve(host, came=self._tuning.came, served=self._tuning.served)
        self._engine = plan.make_engine(host)
        self._overrides = Overrides(store, plan.app, self.note)
        self._ticks = Ticks(
            plan,
            store,
            self._engine,
            self._overrides,
            metrics=self.metrics,
            note=self.note,
            decided=self._decided,
        )
        self.view = LiveView(
            plan, store, self._engine, self._ticks, self._overrides, notes=self._notes, stopping=self._stop.is_set
        )
        self._admin = Admin(self.view, self, store=store, metrics=self.metrics, host=plan.host, token=plan.token)

    async def serve(self, *, begun: Callable[[], None] | None = None) -> None:
        """Run the app until ``stop``; *begun* is called when it can be reached.

        Raises:
            StateError: a port that is taken.
        """
        self._loop = asyncio.get_running_loop()
        self._ticks.begin()
        app, info = self.plan.app, {"scaler": self.plan.scaler, "started_at": self.view.started_at}
        try:
            port = await self._admin.start(self.plan.admin_port)
            host = f"[{self.plan.host}]" if ":" in self.plan.host else self.plan.host
            self.view.admin_url = f"http://{host}:{port}"
            await asyncio.to_thread(self.store.remember_app, app, info)
            await self._engine.start()
            if begun is not None:
                begun()
            self._ticks.start()
            beside = [asyncio.create_task(self._beat())]
            if self._tuning is not None:
                beside.append(asyncio.create_task(self._tuning.run()))
            await self._stop.wait()
            self._ticks.stop()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._drain()
        finally:
            self._ticks.stop()
            try:
                await self._engine.stop(drain=0)
            finally:
                await self._admin.stop()
                if self._tuning is not None:
                    await asyncio.to_thread(self._tuning.beat, 0)
                with suppress(AutoscalerError):  # a full disk was noted already
                    await asyncio.to_thread(self.store.remember_end, app, time.time())

    def stop(self) -> None:
        """Let what is served be finished, end every worker, and return from ``serve``; the second time, at once."""
        if self._stop.is_set():
            self._now.set()
        self._stop.set()

    @property
    def app_url(self) -> str:
        """Where the app answers; empty before it does."""
        return self._engine.url

    @property
    def admin_url(self) -> str:
        """Where the admin side answers; empty before it does."""
        return self.view.admin_url

    @property
    def stopping(self) -> bool:
        """Whether it is to stop."""
        return self._stop.is_set()

    def note(self, line: str) -> None:
        """Tell an operator *line*. May be called from any thread."""
        self._notes.appendleft(f"{moment(time.time())} {line}")
        emit(logging.INFO, "note", what=line)
        if self._on_note is not None:
            self._on_note(line)
        self._events.changed()

    # What an operator does.

    def remove_worker(self, worker_id: str, by: str) -> None:
        """Let that worker finish what it serves, and end it.

        Raises:
            UnknownNameError: there is no such worker.
        """
        known = [worker.id for worker in self._engine.workers()]
        if worker_id not in known:
            raise UnknownNameError.of("worker", worker_id, known)
        self.note(f"worker {worker_id} is removed by {by}")
        self._engine.remove(worker_id, f"removed by {by}")

    async def set_operator(self, override: Override | None, by: str) -> None:
        """Put *override* over the policy, or take what is there away.

        Raises:
            StateError: it can't be stored.
        """
        await asyncio.to_thread(self._overrides.set, override, by)
        self._ticks.soon()

    async def tick_soon(self) -> None:
        """Decide now, rather than when it is time; what an operator has said meanwhile is known at once."""
        await asyncio.to_thread(self._overrides.refresh)
        self._ticks.soon()

    def log_path(self, worker_id: str) -> Path | None:
        """Where the log of that worker, which may have ended, is or was; ``None`` where there are no logs."""
        return self._engine.log_path(worker_id)

    def subscribe(self) -> AsyncGenerator[tuple[str, Any], None]:
        """The state whenever it changes, and each decision, until the listener goes."""
        return self._events.subscribe()

    # What happens by itself.

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await asyncio.to_thread(self._overrides.refresh)
                if self._tuning is not None and await asyncio.to_thread(self._tuning.beat, len(self._engine.queue())):
                    self._events.changed()
                self.metrics.fleet(self.view.sample())
                if self._engine.queue():
                    self._wanted()
                self._events.beat()
            except Exception as error:  # noqa: BLE001 - an engine that fails once is looked at again
                emit(logging.ERROR, "heartbeat_failed", error=describe_error(error))

    def _wanted(self) -> None:
        """A request waits: where no worker stays or starts, and one may come, don't wait for the next tick."""
        override, most = self._overrides.in_force, self._ticks.max_workers
        if self.plan.dry_run or (override is not None and not override.workers) or self._engine.back_off_until:
            return
        workers = self._engine.workers()
        room = most is None or len(workers) < most
        if room and all(worker.draining_at is not None for worker in workers):
            self._ticks.soon()

    def _decided(self, decision_id: int) -> None:
        for decision in self.view.decisions(limit=1, before=decision_id + 1) if self._events.heard else ():
            self._loop.call_soon_threadsafe(self._events.send, "decision", decision)
        self._events.changed()

    async def _drain(self) -> None:
        """Finish what is there, unless an operator says once more that it is to end."""
        drained = asyncio.ensure_future(self._finish())
        at_once = asyncio.ensure_future(self._now.wait())
        await asyncio.wait({drained, at_once}, return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        drained.cancel()
        await asyncio.gather(drained, at_once, return_exceptions=True)

    async def _finish(self) -> None:
        await self._ticks.ended()
        await self._engine.stop(drain=math.inf)
