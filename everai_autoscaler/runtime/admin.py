"""The admin side of the local runtime over HTTP: its API, its page, its metrics."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from aiohttp import web

from everai_autoscaler.errors import AutoscalerError, StateError, UnknownNameError
from everai_autoscaler.http.asked import RefusedError, body_of, data_of, moment, one_line, shown, text_of, whole
from everai_autoscaler.http.gate import Gate, is_loopback
from everai_autoscaler.log import SILENT, emit
from everai_autoscaler.runtime.held import check_held
from everai_autoscaler.runtime.metrics import CONTENT_TYPE
from everai_autoscaler.runtime.source import AdminSource

__all__ = ["Admin"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")

CONFIG_MAP: Literal["ConfigMap"] = "ConfigMap"
LARGEST_BODY = 1 << 20
LARGEST_LOG = 1 << 20
LISTENERS = 100
"""How many listen to what happens at a time: each is written to several times a second."""
LONGEST_WORD = 10 * 365 * 86400.0
MOST_WORKERS = 100_000
READY_LATE = 60.0
"""Seconds beyond three intervals after which a loop that makes no tick isn't ready any more."""
STATIC = {
    "style.css": "text/css",
    "theme.js": "text/javascript",
    "chart.js": "text/javascript",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
HEADERS = {
    # Trusted types: the browser itself refuses a page that makes markup of text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "everai-autoscaler",
}


class Admin:
    """Answers on the admin port: the API, the page, the metrics.

    Args:
        runtime: what it shows and changes.
        host: the address on which it listens.
        token: what a visitor has to know; on the loopback interface it may be ``None``.
        clock: tells the time in epoch seconds.

    Raises:
        StateError: others can reach *host*, and there is no token.
    """

    def __init__(
        self, runtime: AdminSource, *, host: str, token: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        if not token and not is_loopback(host):
            raise StateError(f"the admin side on {host}, which others can reach, needs a token")
        self._runtime = runtime
        self._host = host
        self._gate = Gate(host, token or None)
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self._listeners: set[asyncio.Task[Any]] = set()
        self._cookie = "everai_autoscaler"

    async def start(self, port: int) -> int:
        """Listen on *port*, or on any free one for 0; which it is.

        Raises:
            StateError: the port is taken, or can't be listened on.
        """
        app = web.Application(middlewares=[self._tell_errors, self._let_in], client_max_size=LARGEST_BODY)
        app.add_routes(self._routes())
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._end_listeners)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0, logger=SILENT)
        await runner.setup()
        try:
            # asyncio accepts so many in a row, and complains as often when too many files are open.
            await web.TCPSite(runner, self._host, port, backlog=16).start()
        except OSError as error:
            await runner.cleanup()
            raise StateError(_cannot_listen(self._host, port, error)) from error
        self._runner = runner
        real: int = runner.addresses[0][1]
        # Browsers keep cookies by host, whatever the port: two runtimes on one machine would take each other's.
        self._cookie = f"everai_autoscaler_{real}"
        return real

    async def stop(self) -> None:
        """Answer nobody any more; harmless when it has never begun."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _routes(self) -> list[web.RouteDef]:
        one_map = "/api/configmaps/{name}"
        return [
            web.get("/", self._page),
            web.get("/static/{name}", self._static),
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
            web.get("/api/status", self._status),
            web.get("/api/workers", self._workers),
            web.get("/api/workers/{id}/logs", self._logs),
            web.post("/api/workers/{id}/remove", self._remove),
            web.get("/api/queue", self._queue),
            web.get("/api/decisions", self._decisions),
            web.get("/api/decisions/{id}", self._decision),
            web.get("/api/samples", self._samples),
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

    # Before and after every answer.

    @property
    def _tell_errors(self) -> Any:
        @web.middleware
        async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except ConnectionError:
                raise  # nobody is there to be told
            except Exception as error:  # noqa: BLE001 - one request that fails doesn't end the page
                return _told(request, error)

        return tell_errors

    @property
    def _let_in(self) -> Any:
        @web.middleware
        async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
            shown = request.query.get("token")
            refusal = self._gate.refusal(
                request.method, request.path, request.headers, shown=shown, kept=request.cookies.get(self._cookie)
            )
            if refusal is None:
                return await handler(request)
            if refusal.status == 401 and request.path == "/":
                return _ask_for_token(wrong=shown is not None)
            headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
            return _error(refusal.status, refusal.why, headers)

        return let_in

    # The page, and what watches the process.

    async def _page(self, request: web.Request) -> web.StreamResponse:
        page = _file("index.html", "text/html")
        if self._gate.is_token(request.query.get("token")):
            page.set_cookie(self._cookie, self._gate.pass_value, httponly=True, samesite="Strict", path="/")
        return page

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        return _file(name, STATIC[name])

    async def _healthz(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.StreamResponse:
        status = self._runtime.status()
        ticked_at = status["tick"]["at"]
        if ticked_at is None:
            raise RefusedError("not ready: no tick was made yet", status=503)
        late = self._clock() - ticked_at
        if late > 3 * status["interval"] + READY_LATE:
            raise RefusedError(f"not ready: the last tick was {late:.0f} s ago", status=503)
        return web.Response(text="ready\n")

    async def _metrics(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._runtime.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    # What there is.

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        return _json(self._runtime.status())

    async def _workers(self, request: web.Request) -> web.StreamResponse:
        return _json(self._runtime.workers(request.query.get("ended", "0") not in {"", "0"}))

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        tail = whole(request.query.get("tail", "200"), "tail", 1, 100_000)
        path = self._log_path(request.match_info["id"])
        return web.Response(text=await asyncio.to_thread(_tail, path, tail))

    def _log_path(self, worker_id: str) -> Path:
        path = self._runtime.log_path(worker_id)
        if path is None:
            raise UnknownNameError.of("worker", worker_id, [view["id"] for view in self._runtime.workers()])
        return path

    async def _queue(self, _request: web.Request) -> web.StreamResponse:
        return _json(self._runtime.queue())

    async def _decisions(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        limit = whole(query.get("limit", "50"), "limit", 1, 1000)
        before = whole(query["before"], "before", 0, 1 << 62) if "before" in query else None
        at = moment(query["at"], "at") if "at" in query else None
        found = await asyncio.to_thread(self._runtime.decisions, limit=limit, before=before, at=at)
        return _json(found)

    async def _decision(self, request: web.Request) -> web.StreamResponse:
        number = whole(request.match_info["id"], "the decision's number", 0, 1 << 62)
        found = await asyncio.to_thread(self._runtime.decision, number)
        if found is None:
            raise RefusedError(f"decision {number} isn't kept", status=404)
        return _json({**found.view(), "record": None if found.record is None else json.loads(found.record)})

    async def _samples(self, request: web.Request) -> web.StreamResponse:
        since = moment(request.query["since"], "since") if "since" in request.query else self._clock() - 3600
        return _json(await asyncio.to_thread(self._runtime.samples, since))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if len(self._listeners) >= LISTENERS:
            raise RefusedError(f"{LISTENERS} listen already; close one, or ask /api/status", status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        task = asyncio.current_task()
        events = self._runtime.subscribe()
        if task is not None:
            self._listeners.add(task)
        try:
            await response.prepare(request)
            await response.write(b"retry: 2000\n\n")
            async for name, data in events:
                await response.write(f"event: {name}\ndata: {_dumped(data)}\n\n".encode())
        except (ConnectionError, asyncio.CancelledError):
            pass  # the listener went, or the runtime does
        finally:
            if task is not None:
                self._listeners.discard(task)
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        return response

    async def _end_listeners(self, _app: web.Application) -> None:
        for task in list(self._listeners):
            task.cancel()

    # ConfigMaps.

    async def _config_maps(self, _request: web.Request) -> web.StreamResponse:
        held = await asyncio.to_thread(self._runtime.store.names, CONFIG_MAP)
        return _json(
            [
                {
                    "name": one.name,
                    "keys": sorted(one.data),
                    "created_at": one.created_at,
                    "updated_at": one.updated_at,
                }
                for one in held
            ]
        )

    async def _config_map(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._held(request.match_info["name"]))

    async def _put_config_map(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        data = data_of(await body_of(request, "data"))
        check_held(CONFIG_MAP, name, data, f"{CONFIG_MAP} {name}")
        await asyncio.to_thread(self._runtime.store.put, CONFIG_MAP, name, data)
        return _json(await self._held(name))

    async def _delete_config_map(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if not await asyncio.to_thread(self._runtime.store.delete, CONFIG_MAP, name):
            raise await self._no_such_map(name)
        return _json({"name": name, "deleted": True})

    async def _held(self, name: str) -> dict[str, Any]:
        held = await asyncio.to_thread(self._runtime.store.get, CONFIG_MAP, name)
        if held is None:
            raise await self._no_such_map(name)
        return {
            "name": held.name,
            "data": dict(held.data),
            "created_at": held.created_at,
            "updated_at": held.updated_at,
        }

    async def _no_such_map(self, name: str) -> UnknownNameError:
        there = await asyncio.to_thread(self._runtime.store.names, CONFIG_MAP)
        return UnknownNameError.of("ConfigMap", name, [one.name for one in there])

    # What an operator does.

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        given = await body_of(request, "by")
        worker_id = request.match_info["id"]
        self._runtime.remove_worker(worker_id, text_of(given, "by") or "admin")
        return _json({"id": worker_id, "removed": True})

    async def _pause(self, request: web.Request) -> web.StreamResponse:
        return self._said("pause", await body_of(request, "reason", "for", "by"), None)

    async def _hold(self, request: web.Request) -> web.StreamResponse:
        given = await body_of(request, "workers", "for", "reason", "by")
        workers = given.get("workers")
        if type(workers) is not int or not 0 <= workers <= MOST_WORKERS:
            raise RefusedError(f"workers: {shown(workers)} is not a whole number from 0 to {MOST_WORKERS}")
        return self._said("hold", given, workers)

    def _said(self, what: str, given: Mapping[str, Any], workers: int | None) -> web.Response:
        now, lasts = self._clock(), given.get("for")
        if lasts is not None and (type(lasts) not in {int, float} or not 0 < lasts <= LONGEST_WORD):
            raise RefusedError(f"for: {shown(lasts)} is not a number of seconds above 0, or null")
        by = text_of(given, "by") or "admin"
        word = {
            "word": what,
            "workers": workers,
            "until": None if lasts is None else now + lasts,
            "reason": text_of(given, "reason"),
            "by": by,
            "since": now,
        }
        self._runtime.set_operator(word, by)
        return _json({"operator": word})

    async def _resume(self, request: web.Request) -> web.StreamResponse:
        self._runtime.set_operator(None, text_of(await body_of(request, "by"), "by") or "admin")
        return _json({"operator": None})

    async def _tick(self, request: web.Request) -> web.StreamResponse:
        await body_of(request)
        self._runtime.tick_soon()
        return _json({"soon": True})


def _told(request: web.Request, error: Exception) -> web.Response:
    """The answer that says what went wrong."""
    path = request.path[:100]
    match error:
        case RefusedError():
            return _error(error.status, str(error))
        case web.RequestPayloadError():
            return _error(400, f"the body can't be read: {error}")
        case web.HTTPRequestEntityTooLarge():
            return _error(413, f"the body is larger than {LARGEST_BODY} bytes")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return _error(405, f"{path} takes {allowed}, not {request.method}", {"Allow": allowed})
        case web.HTTPException():
            return _error(error.status, f"{path}: {error.reason}")
        case UnknownNameError():
            return _error(404, str(error))
        case StateError():
            return _error(503, str(error))
        case AutoscalerError():
            return _error(400, str(error))
    why = f"{type(error).__name__}: {error}"
    emit(logging.ERROR, "admin_failed", path=path, error=why)
    return _error(500, why)


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


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken on {host}, give another --admin-port"
    return f"port {port} on {host} can't be listened on ({error.strerror or error}), give another --admin-port or host"


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers[name] = value


def _ask_for_token(*, wrong: bool) -> web.Response:
    page = _file("token.html", "text/html", status=401)
    if wrong:
        page.text = _read("token.html").replace('role="alert">', 'role="alert">That isn\'t the token.')
    return page


def _file(name: str, media_type: str, *, status: int = 200) -> web.Response:
    return web.Response(text=_read(name), content_type=media_type, charset="utf-8", status=status)


@cache  # the page stays that of this process, also while another version is being installed
def _read(name: str) -> str:
    return (resources.files("everai_autoscaler.runtime") / "page" / name).read_text("utf-8")


def _json(data: Any, *, status: int = 200) -> web.Response:
    return web.Response(text=_dumped(data), content_type="application/json", status=status)


def _dumped(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def _error(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    response = _json({"error": one_line(why)}, status=status)
    response.headers.update(headers or {})
    return response
