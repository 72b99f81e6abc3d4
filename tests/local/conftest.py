"""A fleet of one app, with real processes and rows in memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from everai_autoscaler.errors import StateError
from everai_autoscaler.local import fleet as fleet_module
from everai_autoscaler.local import health as health_module
from everai_autoscaler.local.fleet import Fleet
from everai_autoscaler.local.process import marked, sweep
from everai_autoscaler.local.spec import Local
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.serving.dispatcher import Dispatcher, Ticket

APPS = Path(__file__).parent / "apps"
COMMAND = [sys.executable, "-S", str(APPS / "app.py"), "{port}"]
LOCAL = {
    "command": COMMAND,
    "readiness": {"path": "/ready", "interval": 0.1, "timeout": 5, "failures": 3},
    "start_timeout": 30,
    "stop_grace": 10,
}


class Rows:
    """Rows that are kept in memory, each version of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.all: list[tuple[str, dict[str, Any]]] = []
        self.failure = ""

    def save_worker(self, app: str, view: dict[str, Any]) -> None:
        if self.failure:
            raise StateError(self.failure)
        self.all.append((app, dict(view)))

    def latest(self) -> dict[str, dict[str, Any]]:
        return {view["id"]: view for _, view in self.all}

    def rows(self, app: str) -> list[dict[str, Any]]:
        rows = {view["id"]: view for owner, view in self.all if owner == app}
        return [view for view in rows.values() if view["deleted_at"] is None]


class Here:
    """A fleet, and what it says."""

    def __init__(self, directory: Path, rows: Rows, local: Local, app: str) -> None:
        self.rows = rows
        self.notes: list[str] = []
        self.changes = 0
        self.dispatcher = Dispatcher()
        self.fleet = Fleet(
            local, self.dispatcher, app=app, home=directory, store=rows, note=self.notes.append, changed=self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    def start(self, count: int = 1) -> list[LocalWorker]:
        before = set(self.fleet.workers)
        self.fleet.start(count)
        return [worker for one, worker in self.fleet.workers.items() if one not in before]

    async def ready(self, count: int = 1) -> list[LocalWorker]:
        workers = self.start(count)
        await until(lambda: all(worker.ready_at for worker in workers))
        return workers

    def request(self, session: str | None = None) -> Ticket:
        ticket = Ticket(time.time(), lambda worker: None, session)
        self.dispatcher.submit(ticket)
        return ticket

    async def over(self, *workers: LocalWorker) -> None:
        await until(lambda: all(worker.ended_at for worker in workers))
        # Rows are written in a thread.
        await until(lambda: self.rows.failure or all(self.row(worker)["deleted_at"] for worker in workers))

    def said(self, worker: LocalWorker) -> list[str]:
        return [line.replace(worker.worker_id, "W") for line in self.notes if f"worker {worker.worker_id} " in line]

    def row(self, worker: LocalWorker) -> dict[str, Any]:
        return self.rows.latest()[worker.worker_id]


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when *condition* holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        await asyncio.sleep(0.005)


async def ask(worker: LocalWorker, path: str) -> str:
    """What *worker* answers."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{worker.port}{path}") as answer:
        return await answer.text()


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """What takes seconds at work takes less here."""
    monkeypatch.setattr(fleet_module, "TICK", 0.02)
    monkeypatch.setattr(fleet_module, "CUT_LOGS_EVERY", 0.05)
    monkeypatch.setattr(health_module, "RETRY_AFTER", 0.05)
    monkeypatch.setattr(health_module, "STOP_CHECK_EVERY", 0.05)


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    """What is kept; after the test nothing is left of any worker."""
    yield Rows(tmp_path)
    left = marked(str(tmp_path))
    sweep(str(tmp_path))

    assert {} == left


@pytest.fixture
def play(tmp_path: Path, rows: Rows) -> Callable[..., Here]:
    """Plays a story with a fleet whose app has *faults*, to its end."""

    def played(
        story: Callable[[Here], Awaitable[None]],
        faults: str = "",
        *,
        app: str = "app",
        drain: float = 0.0,
        **local: Any,
    ) -> Here:
        async def whole() -> Here:
            given = {**LOCAL, "env": {"FAKE": faults}, **local}
            here = Here(tmp_path, rows, Local.read(given, "local"), app)
            try:
                await here.fleet.begin()
                await story(here)
            finally:
                await here.fleet.end(drain=drain)
            return here

        return asyncio.run(whole())

    return played


@pytest.fixture
def abandon(tmp_path: Path, rows: Rows) -> Callable[..., list[dict[str, Any]]]:
    """Runs a runtime with so many workers until they are in a state, and kills it; their rows."""

    def abandoned(
        status: str = "RUNNING", faults: str = "", *, app: str = "app", count: int = 2, **local: Any
    ) -> list[dict[str, Any]]:
        given = json.dumps({**LOCAL, "env": {"FAKE": faults}, **local})
        command = [sys.executable, str(APPS / "abandoned.py"), str(tmp_path), app, given, str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runtime:
            for line in runtime.stdout:
                owner, view = json.loads(line)
                rows.all.append((owner, view))
                latest = rows.rows(app)
                if len(latest) == count and all(row["status"] == status and row["pid"] for row in latest):
                    break
            runtime.kill()
        return rows.rows(app)

    return abandoned
