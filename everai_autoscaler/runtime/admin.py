"""The admin side of the runtime over HTTP: its API, its page, its metrics."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path, PurePath
from typing import Any, Literal, Protocol

from aiohttp import web

from everai_autoscaler.errors import StateError, UnknownNameError
from everai_autoscaler.http.answer import RefusedError, json_answer
from everai_autoscaler.http.events import EventStreams
from everai_autoscaler.http.gate import Gate
from everai_autoscaler.http.request import json_object, moment, shown, text, whole
from everai_autoscaler.http.server import Server
from everai_autoscaler.runtime.held import check_held
from everai_autoscaler.runtime.metrics import CONTENT_TYPE, Metrics
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.store import Held, Store
from everai_autoscaler.runtime.view import View

__all__ = ["Admin", "Operations"]

CONFIG_MAP: Literal["ConfigMap"] = "ConfigMap"
LARGEST_LOG = 1 << 20
"""Bytes of a log that are read at most."""
LISTENERS = 100
"""Most streams of events at a time: each is written to several times a second."""
LONGEST_OVERRIDE = 10 * 365 * 86400.0
"""Seconds."""
MOST_WORKERS = 100_000
READY_LATE = 60.0
"""Seconds beyond three intervals without a tick after which the runtime isn't ready any more."""
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Of what the page loads; its other files are served at an address of their own, or not at all."""
PUBLIC = frozenset({"/static/style.css", "/static/icon.svg"})
"""The looks of the form that asks for the token: the same everywhere, they tell nothing of the app."""


class Operations(Protocol):
    """What the admin side changes of a running app. All is called in the event loop."""

    def remove_worker(self, worker_id: str, by: str) -> None:
        """Let that worker finish what it serves, and end it.

        Raises:
            UnknownNameError: there is no such worker.
        """

    async def set_operator(self, override: Override | None, by: str) -> None:
        """Put an operator's *override* over the policy, or take away what is there.

        Raises:
            StateError: it can't be stored.
        """

    async def tick_soon(self) -> None:
        """Decide now, rather than when it is due."""

    def log_path(self, worker_id: str) -> Path | None:
        """Where the log of that worker, which may have ended, is or was; ``None`` where there are no logs."""

    def subscribe(self) -> AsyncGenerator[tuple[str, Any], None]:
        """The state whenever it changes, and each decision."""


class Admin:
    """Answers on the admin port: the API, the page, the metrics.

    Args:
        view: what it shows. It may wait for a disk, and is asked in a thread.
        operations: what it changes.
        store: where the ConfigMaps are.
        metrics: what Prometheus is shown.
        host: the address on which it listens.
        token: the secret that each request has to show; on the loopback interface it may be ``None``.
        clock: tells the time in epoch seconds.

    Raises:
        StateError: others can reach *host*, and there is no token.
    """

    def __init__(
        self,
        view: View,
        operations: Operations,
        *,
        store: Store,
        metrics: Metrics,
        host: str,
        token: str | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._view = view
        self._operations = operations
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._streams = EventStreams(most=LISTENERS, instead="/api/status")
        self._server = Server(
            self._routes(),
            Gate(host, token, public=PUBLIC),
            option="--admin-port",
            sign_in=_ask_for_token,
            ending=self._streams.end,
        )
        self.start, self.stop = self._server.start, self._server.stop

    def _routes(self) -> list[web.RouteDef]:
        one_map = "/api/configmaps/{name}"
        return [
            web.get("/", self._page),
            web.get("/static/{name}", self._static),
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._exposition),
            web.get("/api/status", self._status),
            web.get("/api/workers", self._workers),
            web.get("/api/workers/{id}/logs", self._logs),
            web.post("/api/workers/{id}/remove", self._remove),
            web.get("/api/queue", self._queue),
            web.get("/api/decisions", self._decisions),
            web.get("/api/decisions/{id}", self._decision),
            web.get("/api/samples", self._samples),
            web.get("/api/tuning", self._tuning),
            web.get("/api/configmaps", self._config_maps),
            web.get(one_map, self._config_map),
            web.put(one_map, self._put_config_map),
            web.delete(one_map, self._delete_config_map),
            web.post("/api/pause", self._pause),
            web.post("/api/hold", self._hold),
            web.post("/api/resume", self._resume),
            web.post("/api/tick", self._tick),
            web.get("/api/events", self._events, allow_head=False),
        ]

    # The page, and what watches the process.

    async def _page(self, request: web.Request) -> web.StreamResponse:
        page = _file("index.html", "text/html")
        self._server.remember(request, page)
        return page

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        media_type = MEDIA_TYPES.get(PurePath(name).suffix)
        if media_type is None or name not in _page_files():
            raise web.HTTPNotFound
        return _file(name, media_type)

    async def _healthz(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.StreamResponse:
        status = await asyncio.to_thread(self._view.status)
        ticked_at = status.tick.at
        if ticked_at is None:
            raise RefusedError("not ready: no tick was made yet", status=503)
        late = self._clock() - ticked_at
        if late > 3 * status.interval + READY_LATE:
            raise RefusedError(f"not ready: the last tick was {late:.0f} s ago", status=503)
        return web.Response(text="ready\n")

    async def _exposition(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    # What there is.

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        return json_answer(await asyncio.to_thread(self._view.status))

    async def _workers(self, request: web.Request) -> web.StreamResponse:
        ended = request.query.get("ended", "0") not in {"", "0"}
        return json_answer(await asyncio.to_thread(self._view.workers, ended=ended))

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        tail = whole(request.query.get("tail", "200"), "tail", 1, 100_000)
        worker_id = request.match_info["id"]
        workers = await asyncio.to_thread(self._view.workers, ended=True)
        if worker_id not in {one.id for one in workers}:
            there = [one.id for one in workers if one.deleted_at is None]
            raise UnknownNameError.of("worker", worker_id, there)
        path = self._operations.log_path(worker_id)
        return web.Response(text="" if path is None else await asyncio.to_thread(_tail, path, tail))

    async def _queue(self, _request: web.Request) -> web.StreamResponse:
        return json_answer(await asyncio.to_thread(self._view.queue))

    async def _decisions(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        limit = whole(query.get("limit", "50"), "limit", 1, 1000)
        before = whole(query["before"], "before", 0, 1 << 62) if "before" in query else None
        at = moment(query["at"], "at") if "at" in query else None
        return json_answer(await asyncio.to_thread(self._view.decisions, limit=limit, before=before, at=at))

    async def _decision(self, request: web.Request) -> web.StreamResponse:
        number = whole(request.match_info["id"], "the decision's number", 0, 1 << 62)
        found = await asyncio.to_thread(self._view.decision, number)
        if found is None:
            raise RefusedError(f"decision {number} isn't kept", status=404)
        return json_answer(found)

    async def _samples(self, request: web.Request) -> web.StreamResponse:
        since = moment(request.query["since"], "since") if "since" in request.query else self._clock() - 3600
        return json_answer(await asyncio.to_thread(self._view.samples, since=since))

    async def _tuning(self, _request: web.Request) -> web.StreamResponse:
        return json_answer(await asyncio.to_thread(self._view.tuning))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await self._streams.answer(request, self._operations.subscribe())

    # ConfigMaps.

    async def _config_maps(self, _request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(self._store.names, CONFIG_MAP)
        return json_answer([{"name": one.name, "keys": sorted(one.data), **_times(one)} for one in found])

    async def _config_map(self, request: web.Request) -> web.StreamResponse:
        return json_answer(await self._stored(request.match_info["name"]))

    async def _put_config_map(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        data = _data_of(await json_object(request, "data"))
        check_held(CONFIG_MAP, name, data, f"{CONFIG_MAP} {name}")
        await asyncio.to_thread(self._store.put, CONFIG_MAP, name, data)
        return json_answer(await self._stored(name))

    async def _delete_config_map(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if not await asyncio.to_thread(self._store.delete, CONFIG_MAP, name):
            raise await self._no_such_map(name)
        return json_answer({"name": name, "deleted": True})

    async def _stored(self, name: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self._store.get, CONFIG_MAP, name)
        if found is None:
            raise await self._no_such_map(name)
        return {"name": found.name, "data": dict(found.data), **_times(found)}

    async def _no_such_map(self, name: str) -> UnknownNameError:
        there = await asyncio.to_thread(self._store.names, CONFIG_MAP)
        return UnknownNameError.of("ConfigMap", name, [one.name for one in there])

    # What an operator does.

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        given = await json_object(request, "by")
        worker_id = request.match_info["id"]
        self._operations.remove_worker(worker_id, text(given, "by") or "admin")
        return json_answer({"id": worker_id, "removed": True})

    async def _pause(self, request: web.Request) -> web.StreamResponse:
        return await self._override("pause", await json_object(request, "reason", "for", "by"), None)

    async def _hold(self, request: web.Request) -> web.StreamResponse:
        given = await json_object(request, "workers", "for", "reason", "by")
        workers = given.get("workers")
        if type(workers) is not int or not 0 <= workers <= MOST_WORKERS:
            raise RefusedError(f"workers: {shown(workers)} is not a whole number from 0 to {MOST_WORKERS}")
        return await self._override("hold", given, workers)

    async def _override(
        self, word: Literal["pause", "hold"], given: Mapping[str, Any], workers: int | None
    ) -> web.Response:
        now, lasts = self._clock(), given.get("for")
        if lasts is not None and (type(lasts) not in {int, float} or not 0 < lasts <= LONGEST_OVERRIDE):
            raise RefusedError(f"for: {shown(lasts)} is not a number of seconds above 0, or null")
        by = text(given, "by") or "admin"
        until = None if lasts is None else now + lasts
        override = Override(word=word, since=now, by=by, workers=workers, until=until, reason=text(given, "reason"))
        await self._operations.set_operator(override, by)
        return json_answer({"operator": override})

    async def _resume(self, request: web.Request) -> web.StreamResponse:
        await self._operations.set_operator(None, text(await json_object(request, "by"), "by") or "admin")
        return json_answer({"operator": None})

    async def _tick(self, request: web.Request) -> web.StreamResponse:
        await json_object(request)
        await self._operations.tick_soon()
        return json_answer({"soon": True})


def _tail(path: Path, lines: int) -> str:
    """The last *lines* of the log at *path*, as far as they lie in its last megabyte; empty when there is none."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - LARGEST_LOG))
            text = log.read(LARGEST_LOG)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StateError(f"{path.name} can't be read: {error.strerror}") from error
    return b"".join(text.splitlines(keepends=True)[-lines:]).decode("utf-8", "replace")


def _ask_for_token(request: web.Request) -> web.Response:
    page = _file("token.html", "text/html", status=401)
    if "token" in request.query:
        page.text = _page_files()["token.html"].replace('role="alert">', 'role="alert">That isn\'t the token.')
    return page


def _file(name: str, media_type: str, *, status: int = 200) -> web.Response:
    return web.Response(text=_page_files()[name], content_type=media_type, charset="utf-8", status=status)


@cache  # the page stays that of this process, also while another version is being installed
def _page_files() -> dict[str, str]:
    folder = resources.files("everai_autoscaler.runtime") / "page"
    return {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.is_file()}


def _times(stored: Held) -> dict[str, float]:
    return {"created_at": stored.created_at, "updated_at": stored.updated_at}


def _data_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The values by their keys that a ConfigMap is given."""
    data = given.get("data")
    if not isinstance(data, dict):
        raise RefusedError('the body is to be {"data": {key: value, ...}}')
    for key, value in data.items():
        if not isinstance(value, str):
            raise RefusedError(f"{key}: {shown(value)} is not text; write it in quotation marks")
    return data
