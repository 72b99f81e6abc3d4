"""One HTTP face on one port: its routes, behind access checks, with the same errors and headers in every answer."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from everai_autoscaler.errors import StateError
from everai_autoscaler.http.answer import problem, problem_of
from everai_autoscaler.http.gate import Gate
from everai_autoscaler.log import SILENT

__all__ = ["Server"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Ending = Callable[[web.Application], Awaitable[None]]

LARGEST_BODY = 1 << 20
BACKLOG = 16
"""Connections that wait to be accepted. asyncio accepts as many in a row, and logs an error each without open files."""
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


class Server:
    """Serves *routes* to those whom the *gate* lets in.

    Args:
        routes: what is served.
        gate: decides which requests are let in.
        option: the command-line option that gives another port, for the error when this one can't be used.
        sign_in: answers a browser that asks for ``/`` without the token.
        ending: called when the server begins to stop, to end answers that have no end of their own.
    """

    def __init__(
        self,
        routes: Iterable[web.AbstractRouteDef],
        gate: Gate,
        *,
        option: str,
        sign_in: Callable[[web.Request], web.Response] | None = None,
        ending: Ending | None = None,
    ) -> None:
        self._routes = routes
        self._gate = gate
        self._option = option
        self._sign_in = sign_in
        self._ending = ending
        self._runner: web.AppRunner | None = None
        self._cookie = ""

    async def start(self, port: int) -> int:
        """Listen on *port*, or for 0 on any free one; the port it is.

        Raises:
            StateError: the port is taken, or can't be listened on.
        """
        app = web.Application(middlewares=[_answer_errors, self._check_access], client_max_size=LARGEST_BODY)
        app.add_routes(self._routes)
        app.on_response_prepare.append(_add_headers)
        if self._ending is not None:
            app.on_shutdown.append(self._ending)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0, logger=SILENT)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._gate.host, port, backlog=BACKLOG).start()
        except OSError as error:
            await runner.cleanup()
            raise StateError(self._cannot_listen(port, error)) from error
        self._runner = runner
        real: int = runner.addresses[0][1]
        # Browsers keep cookies by host, whatever the port: two servers on one machine would take each other's.
        self._cookie = f"everai_autoscaler_{real}"
        return real

    async def stop(self) -> None:
        """Stop listening, and end what is under way; harmless when it never began."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def remember(self, request: web.Request, page: web.Response) -> None:
        """Have the browser that shows the token in the address of *page* show a cookie from then on."""
        if self._gate.is_token(request.query.get("token")):
            page.set_cookie(self._cookie, self._gate.cookie, httponly=True, samesite="Strict", path="/")

    @web.middleware
    async def _check_access(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = self._gate.refusal(
            request.method,
            request.path,
            request.headers,
            token=request.query.get("token"),
            cookie=request.cookies.get(self._cookie),
        )
        if refusal is None:
            return await handler(request)
        if refusal.status == 401 and request.path == "/" and self._sign_in is not None:
            return self._sign_in(request)
        return problem(refusal.status, refusal.why, {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None)

    def _cannot_listen(self, port: int, error: OSError) -> str:
        host = self._gate.host
        if error.errno == errno.EADDRINUSE:
            return f"port {port} is taken on {host}, give another {self._option}"
        why = error.strerror or error
        return f"port {port} on {host} can't be listened on ({why}), give another {self._option} or host"


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ConnectionError:
        raise  # the client has gone
    except Exception as error:  # noqa: BLE001 - a request that fails doesn't end the server
        return problem_of(request, error)


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
