"""The rows of workers, written in a thread and in their order; those that can't be written now, later."""

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
    """Writes rows beside the event loop, to which it belongs: a slow disk holds nobody up, and a full one stops nobody.

    Args:
        store: where rows are kept.
        note: is told, in a line, when rows can't be written, and when they can again.
    """

    def __init__(self, store: Rows, note: Callable[[str], None]) -> None:
        self._store = store
        self._note = note
        self._thread = ThreadPoolExecutor(1, "fleet-rows")  # one, so that the last is written last
        self._writing: set[asyncio.Future[str]] = set()
        self._unwritten: dict[str, tuple[str, dict[str, Any]]] = {}
        self._again_at = math.inf
        self._failed = False

    def save(self, app: str, row: dict[str, Any]) -> asyncio.Future[str]:
        """Write *row*; done when it is written, or when it is known why it can't be."""
        self._unwritten.pop(row["id"], None)
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._write, app, row)
        self._writing.add(writing)
        writing.add_done_callback(lambda done: self._wrote(app, row, done))
        return writing

    def try_again(self) -> None:
        """Write those that couldn't be written, where it is time to."""
        if time.monotonic() >= self._again_at:
            self._write_unwritten()

    async def close(self) -> None:
        """Wait for all that is being written, try once more what couldn't be, and write nothing more."""
        for again in (self._write_unwritten, lambda: None):
            while self._writing:
                await asyncio.wait(self._writing)
            again()
        self._thread.shutdown(wait=False)

    def _write_unwritten(self) -> None:
        again, self._unwritten, self._again_at = self._unwritten, {}, math.inf
        for app, row in again.values():
            self.save(app, row)

    def _write(self, app: str, row: dict[str, Any]) -> str:
        try:
            self._store.save_worker(app, row)
        except AutoscalerError as error:
            return str(error)
        return ""

    def _wrote(self, app: str, row: dict[str, Any], writing: asyncio.Future[str]) -> None:
        self._writing.discard(writing)
        failure = "" if writing.cancelled() else writing.result()
        if failure:
            self._unwritten[row["id"]] = app, row
            self._again_at = time.monotonic() + KEEP_AGAIN
            if not self._failed:
                self._note(f"what becomes of workers isn't kept for now: {failure}")
            self._failed = True
        elif self._failed and not self._unwritten:
            self._failed = False
            self._note("what becomes of workers is kept again")
