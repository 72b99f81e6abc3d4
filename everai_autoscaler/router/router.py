"""The app's address: takes requests over HTTP/1.1, and has each answered by a worker that has room.

What reaches a worker is the client's request less what is between client and router alone (the hop-by-hop headers),
plus ``X-Forwarded-For``, ``-Proto`` and ``-Host``; what reaches the client is the worker's answer, as it comes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Iterable
from contextlib import suppress

from aiohttp import web

from everai_autoscaler.errors import StateError
from everai_autoscaler.log import SILENT, emit
from everai_autoscaler.router.connection import SMALL
from everai_autoscaler.router.exchange import Exchange
from everai_autoscaler.router.refusal import RefusalError, cut, stopping
from everai_autoscaler.router.upstream import Upstream

__all__ = ["Router"]

SWEEP = 0.5
"""Seconds between two checks for clients that left unnoticed, and for sessions that are over."""
BACKLOG = 4096
"""Connections that the kernel keeps until they are accepted."""
IDLE_TIME = 75.0
"""Seconds that a client's connection stays while nothing is asked over it, or only half a head."""
LINGER = 5.0
"""Seconds for which the rest of a body is read and dropped after its request was answered."""


class Router:
    """The app's address, in front of the workers of *upstream*.

    Everything happens in the event loop in which it was started.
    """

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._open: set[Exchange] = set()
        self._empty: asyncio.Future[None] | None = None
        self._web: web.Server | None = None
        self._listening: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port on which it really does, which is what *port* 0 is for.

        Raises:
            StateError: the port is taken or not ours to take, or there is no such host.
        """
        loop = asyncio.get_running_loop()
        self._web = web.Server(
            self._answer,
            handler_cancellation=True,
            access_log=None,
            logger=SILENT,
            auto_decompress=False,
            read_bufsize=SMALL,
            keepalive_timeout=IDLE_TIME,
            lingering_time=LINGER,
        )
        try:
            self._listening = await loop.create_server(self._web, host, port, backlog=1)
        except OSError as error:
            raise StateError(_why_not(error, host, port)) from error
        # To asyncio it is how many it accepts in a row, too; and how often it complains when too many files are open.
        for listening in self._listening.sockets:
            with socket.fromfd(listening.fileno(), listening.family, listening.type) as same:
                same.listen(BACKLOG)
        self._sweeping = loop.create_task(self._sweep())
        found: int = self._listening.sockets[0].getsockname()[1]
        return found

    async def stop(self, *, drain: float) -> None:
        """Refuse what comes, finish what is there, for up to *drain* seconds, then close."""
        if self._web is None or self._listening is None or self._sweeping is None:
            return
        self.upstream.stopping = True
        for patience in (drain, 1.0):
            if self._open:
                self._empty = asyncio.get_running_loop().create_future()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._empty, patience)
            for exchange in tuple(self._open):
                exchange.stop()
        self._listening.close()
        await self._web.shutdown(0.1)
        await self._listening.wait_closed()
        self._sweeping.cancel()
        self.upstream.pool.close()
        self._web = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        exchange = Exchange(self.upstream, request)
        self._open.add(exchange)
        try:
            return await exchange.run()
        except RefusalError as refusal:
            self.upstream.metrics.refused(refusal.reason)
            return refusal.answer()
        except asyncio.CancelledError:
            if not exchange.stopped:
                raise
            exchange.task.uncancel()
            if exchange.began:
                return cut(request)
            self.upstream.metrics.refused("stopping")
            return stopping().answer()
        except ConnectionError:
            return cut(request)
        except Exception as error:  # noqa: BLE001 - a request must be answered, whatever we did wrong
            emit(logging.ERROR, "router failed", path=request.path, error=repr(error))
            return cut(request) if exchange.began else RefusalError(500, "the router failed; see its log", "").answer()
        finally:
            self._open.discard(exchange)
            if not self._open and self._empty is not None and not self._empty.done():
                self._empty.set_result(None)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            _end_those_that_left([exchange.request for exchange in self._open])
            _end_malformed_bodies([exchange.request for exchange in self._open if exchange.body.streamed])
            upstream, session = self.upstream, self.upstream.settings.session
            upstream.pool.forget()
            if session.header or session.cookie:
                upstream.dispatcher.expire(upstream.clock() - session.timeout)


_LEFT = getattr(select, "POLLRDHUP", 0)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken on {host}, give another --port"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"port {port} needs more rights than we have, give another --port, from 1024 up"
    return f"can't listen on {host} port {port}: {error.strerror or error}"


def _end_those_that_left(requests: Iterable[web.BaseRequest]) -> None:
    """Cut connections whose client left while we weren't reading: asyncio doesn't notice then."""
    poll = select.poll()
    transports = {}
    for request in requests:
        transport = request.transport
        if transport is not None and not transport.is_closing():
            number = transport.get_extra_info("socket").fileno()
            transports[number] = transport
            poll.register(number, _LEFT)
    for number, _ in poll.poll(0) if transports else ():
        transports[number].abort()


def _end_malformed_bodies(requests: Iterable[web.BaseRequest]) -> None:
    """End the reading of a body of which no more will come: aiohttp's parser tells only the next request."""
    for request in requests:
        # Before a body's end nothing can have come after it but the parser's complaint; aiohttp has no public name for
        # where that waits.
        if not request.content.is_eof() and getattr(request.protocol, "_messages", None):
            request.content.set_exception(ValueError("its chunks are malformed"))
