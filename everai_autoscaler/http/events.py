"""Server-sent events: what happens, told to every listener as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from everai_autoscaler.http.answer import RefusedError, json_text

__all__ = ["EventStreams"]


class EventStreams:
    """The streams of events that are open, of which there are only so many at a time.

    Args:
        most: streams that may be open at once: each of them is written several times a second.
        instead: where to ask when that many are open, for the refusal.
    """

    def __init__(self, *, most: int, instead: str) -> None:
        self._most = most
        self._instead = instead
        self._open: set[asyncio.Task[Any]] = set()

    async def answer(self, request: web.Request, events: AsyncGenerator[tuple[str, Any], None]) -> web.StreamResponse:
        """Send each of the *events*, a name and its data, until the listener goes or ``end`` is called."""
        if len(self._open) >= self._most:
            raise RefusedError(f"{self._most} listen already; close one, or ask {self._instead}", status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        task: Any = asyncio.current_task()
        self._open.add(task)
        try:
            await response.prepare(request)
            await response.write(b"retry: 2000\n\n")
            async for name, data in events:
                await response.write(f"event: {name}\ndata: {json_text(data)}\n\n".encode())
        except (ConnectionError, asyncio.CancelledError):
            pass  # the listener has gone, or the server stops
        finally:
            self._open.discard(task)
            await events.aclose()
        return response

    async def end(self, _app: web.Application) -> None:
        """End every stream; a handler of aiohttp's ``on_shutdown``."""
        for task in list(self._open):
            task.cancel()
