"""The rows of workers, written in a thread and in their order; a row that can't be written now is written later."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from everai_autoscaler.engine import Rows
from everai_autoscaler.errors import AutoscalerError

__all__ = ["RowWriter"]

KEEP_AGAIN = 5.0
"""Seconds until a row that couldn't be written is tried again."""


class RowWriter:
    """Writes rows beside the event loop, to which it belongs: neither a slow disk nor a full one stops the app."""

    def __init__(self, store: Rows, note: Callable[[str], None]) -> None:
        self._store = store
        self._note = note
        self._thread = ThreadPoolExecutor(1, "fleet-rows")  # one, so that the last is written last
        self._unwritten: dict[str, tuple[str, dict[str, Any]]] = {}
        self._again_at = math.inf
        self._failed = False

    async def save(self, app: str, row: dict[str, Any]) -> None:
        """Write *row*; returns when it is written, or when it is known that it can't be."""
        self._unwritten[row["id"]] = app, row
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._store.save_worker, app, row)
        except AutoscalerError as error:
            self._again_at = time.monotonic() + KEEP_AGAIN
            if not self._failed:
                self._note(f"what becomes of workers isn't kept for now: {error}")
            self._failed = True
            return
        if self._unwritten.get(row["id"]) == (app, row):  # rather than what has become of the worker since
            del self._unwritten[row["id"]]
        if self._failed and not self._unwritten:
            self._failed = False
            self._note("what becomes of workers is kept again")

    async def save_again(self) -> None:
        """Write what couldn't be written, if it is time to."""
        if time.monotonic() >= self._again_at:
            self._again_at = math.inf
            await self._save_all()

    async def close(self) -> None:
        """Write what isn't written yet, and nothing more."""
        await self._save_all()
        self._thread.shutdown(wait=False)

    async def _save_all(self) -> None:
        await asyncio.gather(*(self.save(app, row) for app, row in list(self._unwritten.values())))
