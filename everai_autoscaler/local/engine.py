"""Processes of this machine as an engine: a router with a queue, and the workers behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from everai_autoscaler.engine import Host, QueuedForm, WorkerForm
from everai_autoscaler.local.fleet import Fleet
from everai_autoscaler.local.spec import Local
from everai_autoscaler.local.target import LocalTarget
from everai_autoscaler.router.metrics import RequestMetrics
from everai_autoscaler.router.router import Router
from everai_autoscaler.router.upstream import Upstream
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher

__all__ = ["LocalEngine"]


class LocalEngine(LocalTarget):
    """Serves an app at one address with workers that are processes of this machine.

    Args:
        host: the runtime that operates it.
        local: how workers are run.
        home: the directory from which ``local.directory`` is meant.
    """

    def __init__(self, host: Host, local: Local, *, home: Path) -> None:
        self.url = ""
        self._host = host
        self._local = local
        self._dispatcher = Dispatcher[ListeningWorker](local.dispatch, longest=local.limits.queue)
        fleet = Fleet(
            local,
            self._dispatcher,
            app=host.app,
            home=home,
            store=host.rows,
            note=host.note,
            changed=host.changed,
        )
        super().__init__(fleet, self._dispatcher, seen=host.samples)
        self._router = Router(
            Upstream(
                settings=local,
                dispatcher=self._dispatcher,
                trouble=fleet.trouble,
                metrics=RequestMetrics(host.registry),
                changed=host.changed,
                wanted=self._wanted,
                came=host.came,
                served=host.served,
            )
        )

    @property
    def back_off_until(self) -> float | None:
        """Until when nothing is started, since workers have died while starting (epoch seconds)."""
        return self._fleet.back_off_until

    async def start(self) -> None:
        """Listen, and take over what an earlier runtime has left.

        Raises:
            StateError: a port that is taken, or a store that can't be read.
        """
        host = self._local.host
        port = await self._router.start(host, self._local.port)
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        await self._fleet.begin()

    async def stop(self, *, drain: float) -> None:
        """End all workers, after up to *drain* seconds for what they serve, or less where the app says so."""
        drain = min(drain, self._local.drain_timeout)
        served = asyncio.ensure_future(self._router.stop(drain=drain))
        # A request that waits when no worker is left would wait in vain.
        emptied = asyncio.ensure_future(self._until_no_worker_is_left())
        try:
            await asyncio.wait({served, emptied}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            served.cancel()
            emptied.cancel()
            await asyncio.gather(served, emptied, return_exceptions=True)
        await self._router.stop(drain=0)
        await self._fleet.end(drain=drain)

    def workers(self) -> list[WorkerForm]:
        """The workers that start, serve or drain."""
        return [worker.form() for worker in self._fleet.workers.values()]

    def queue(self) -> list[QueuedForm]:
        """The requests that wait, in their order."""
        return [QueuedForm(created_at=came_at, reason=reason) for came_at, reason in self._dispatcher.queue()]

    def remove(self, worker_id: str, why: str) -> None:
        """Let that worker finish what it serves, and end it.

        Raises:
            UnknownNameError: there is no such worker.
        """
        self._fleet.remove(worker_id, why)

    def log_path(self, worker_id: str) -> Path:
        """Where the log of that worker is."""
        return self._host.rows.directory / "logs" / f"{worker_id}.log"

    def _wanted(self) -> None:
        # Asked for each request that comes: the runtime checks further only where no worker stays.
        if all(worker.draining_at is not None for worker in self._fleet.workers.values()):
            self._host.wanted()

    async def _until_no_worker_is_left(self) -> None:
        while self._fleet.workers:  # noqa: ASYNC110 - the fleet has no event for it
            await asyncio.sleep(0.05)
