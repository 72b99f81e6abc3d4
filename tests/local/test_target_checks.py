"""Processes of this machine keep every rule for targets."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from everai_autoscaler.engine import Host
from everai_autoscaler.local import fleet
from everai_autoscaler.local.engine import LocalEngine
from everai_autoscaler.local.launcher import free_port
from everai_autoscaler.local.spec import Local
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Factors
from everai_autoscaler.serving.dispatcher import Ticket
from everai_autoscaler.testing import TargetCase, parametrize_with_target_checks

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("local.conftest"))]
LOCAL, Rows = CONFTEST.LOCAL, CONFTEST.Rows


class LocalCase(TargetCase):
    """A local engine in an event loop of its own, as the runtime has it, with real processes."""

    def __init__(self, workers: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._home = tempfile.TemporaryDirectory()
        self._patched = pytest.MonkeyPatch()
        self.target = self
        self.served: list[tuple[float, float | None, float]] = []
        host = Host(
            app="app",
            rows=Rows(Path(self._home.name)),
            note=lambda line: None,
            changed=lambda: None,
            wanted=lambda: None,
            registry=CollectorRegistry(),
            served=lambda *times: self.served.append(times),
        )
        local = Local.read({**LOCAL, "port": 0, "env": {"FAKE": ""}}, "local")
        self.engine = self._in_loop(lambda: LocalEngine(host, local, home=Path(self._home.name)))
        asyncio.run_coroutine_threadsafe(self.engine.start(), self._loop).result(30)
        self.apply(DecideResult.scale_to(workers, self.observe(), max_workers=workers))
        self.settle()

    def observe(self) -> Factors:
        return self._in_loop(self.engine.observe)

    def apply(self, result: DecideResult) -> Applied:
        return self._in_loop(lambda: self.engine.apply(result))

    def settle(self) -> None:
        deadline = time.monotonic() + 30
        while any(form.status != "RUNNING" for form in self._in_loop(self.engine.workers)):
            assert time.monotonic() < deadline, "in vain"
            time.sleep(0.01)

    def make_busy(self) -> str:
        ticket = Ticket(time.time(), lambda worker: None)
        self._in_loop(lambda: self.engine._dispatcher.submit(ticket))
        return ticket.worker.worker_id

    def serve_one(self) -> list[tuple[float, float | None, float]]:
        with urllib.request.urlopen(self.engine.url, timeout=30) as answer:
            answer.read()
        return self.served

    def limit_starts(self) -> None:
        ports = [free_port()]

        def only_one(taken: set[int]) -> int:
            if not ports:
                raise OSError("no port is free")
            return ports.pop()

        self._patched.setattr(fleet, "free_port", only_one)

    def end(self) -> None:
        self._patched.undo()
        asyncio.run_coroutine_threadsafe(self.engine.stop(drain=0), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._home.cleanup()

    def _in_loop(self, action: Callable[[], Any]) -> Any:
        async def act() -> Any:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(30)


@parametrize_with_target_checks({"local": LocalCase})
def test_local_processes_keep_each_rule(make, check) -> None:
    """What the runtime does with real processes is what every target does."""
    check(make)
