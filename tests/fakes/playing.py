"""Plays a story with a runtime in this process."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define

from everai_autoscaler.decision import Decider
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, ScaleUpAction
from everai_autoscaler.runtime.database import Database
from everai_autoscaler.runtime.plan import Plan
from everai_autoscaler.runtime.runtime import Runtime
from everai_autoscaler.runtime.store import Store

PATIENCE = 30.0


@define
class Always(AutoScaler):
    """Wants so many more, whatever there is."""

    more: int = 0
    max_workers: int = 3

    def decide(self, factors: Factors) -> DecideResult:
        actions = [ScaleUpAction(count=self.more)] if self.more else []
        return DecideResult(max_workers=self.max_workers, actions=actions).because("always")


class WatchedDatabase(Database):
    """Notices when it is read or written where an event loop runs, which would wait for the disk."""

    touched: list[str]

    def _noticed(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        frame = sys._getframe(2)
        self.touched.append(f"{frame.f_code.co_name}, called by {frame.f_back and frame.f_back.f_code.co_name}")

    def read(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        self._noticed()
        return super().read(statement, *given)

    def change(self) -> AbstractContextManager[Any]:
        self._noticed()
        return super().change()


class Here:
    """A runtime that serves, what it told, and a store of our own beside its own."""

    def __init__(self, runtime: Runtime, store: Store, told: list[str]) -> None:
        self.runtime, self.store, self.told = runtime, store, told

    async def until(self, fact: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not fact():
            assert time.monotonic() < deadline, self.told
            await asyncio.sleep(0.005)

    def decisions(self) -> list[dict[str, Any]]:
        """Those that are stored, the newest first."""
        return [one.model_dump(mode="json") for one in self.store.decisions("app")]

    async def decided(self, number: int) -> None:
        """Wait until there are so many decisions."""
        await self.until(lambda: len(self.decisions()) >= number)

    async def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the admin side answers."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.runtime.admin_url}{path}", data, headers)

        def answer() -> str:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as found:
                text: str = found.read().decode()
                return text

        text = await asyncio.to_thread(answer)
        return json.loads(text) if path.startswith("/api") and not path.endswith("/logs") else text


def play(
    directory: Path, story: Callable[[Here], Awaitable[None]], scaler: AutoScaler | None = None, **plan: Any
) -> Here:
    """Play *story* with an app in *directory* that decides only when it is asked to, to its end."""
    told: list[str] = []
    make = partial(Decider, scaler or Always(), app="app")
    given = {"app": "app", "scaler": "always", "make_scaler": make, "admin_port": 0, "interval": 3600.0, **plan}
    with closing(Store(directory)) as own, closing(Store(directory)) as store:
        own._database.__class__ = WatchedDatabase
        own._database.touched = touched = []
        here = Here(Runtime(Plan(**given), own, on_note=told.append), store, told)

        async def whole() -> None:
            begun = asyncio.Event()
            serving = asyncio.create_task(here.runtime.serve(begun=begun.set))
            await begun.wait()
            try:
                await here.decided(1)
                await story(here)
            finally:
                for _ in range(2):  # the second time, at once
                    here.runtime.stop()
                await serving

        asyncio.run(whole())
        assert [] == touched
    return here
