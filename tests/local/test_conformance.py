"""Processes of this machine keep every rule for targets."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from everai_autoscaler.engine import Host
from everai_autoscaler.local.engine import LocalEngine
from everai_autoscaler.local.spec import Local
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Factors, ScaleUpAction
from everai_autoscaler.testing import TARGET_CHECKS, TargetCase
from everai_autoscaler.testing.checks import name_of

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("local.conftest"))]
LOCAL, Rows, until = CONFTEST.LOCAL, CONFTEST.Rows, CONFTEST.until


class InItsLoop:
    """An engine whose event loop runs only while something is asked of it."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine
        self.runner = asyncio.Runner()

    def observe(self) -> Factors:
        async def observe() -> Factors:
            return self.engine.observe()

        return self.runner.run(observe())

    def apply(self, result: DecideResult) -> Applied:
        async def apply() -> Applied:
            return self.engine.apply(result)

        return self.runner.run(apply())


class LocalCase(TargetCase):
    """Real processes, behind a real router."""

    def __init__(self, rows: Any, workers: int) -> None:
        host = Host(app="app", rows=rows, note=ignored, changed=ignored, wanted=ignored, registry=CollectorRegistry())
        self.engine = LocalEngine(host, Local.read({**LOCAL, "port": 0}, "local"), home=rows.directory)
        self.target = InItsLoop(self.engine)
        self.clients = ExitStack()
        self.run = self.target.runner.run
        self.run(self.engine.start())
        self.target.apply(DecideResult(max_workers=9, actions=[ScaleUpAction(count=workers)]))
        self.settle()

    def settle(self) -> None:
        self.run(until(lambda: all(worker.status == "RUNNING" for worker in self.engine.workers())))

    def make_busy(self) -> str:
        host, _, port = self.engine.url.removeprefix("http://").partition(":")
        client = self.clients.enter_context(socket.create_connection((host, int(port))))
        client.sendall(b"GET /sleep/600 HTTP/1.1\r\nHost: app\r\n\r\n")
        self.run(until(lambda: any(worker.requests for worker in self.engine.workers())))
        return next(worker.id for worker in self.engine.workers() if worker.requests)

    def limit_starts(self) -> None:
        for _ in range(5):  # as when workers have died while starting, one after another
            self.engine._fleet._back_off.failed(begun=time.monotonic())

    def end(self) -> None:
        self.clients.close()
        self.run(self.engine.stop(drain=0))
        self.target.runner.close()


def ignored(*_said: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("check", TARGET_CHECKS, ids=name_of)
def test_keeps_the_contract(check: Any, rows: Any) -> None:
    """Processes never surprise the loop; what can't be done to them is skipped."""
    check(partial(LocalCase, rows))
