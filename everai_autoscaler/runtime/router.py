"""Takes requests for the app over HTTP/1.1, and has each answered by a worker that has room.

What reaches a worker is the client's request less what is between client and router alone (the hop-by-hop headers),
plus ``X-Forwarded-For``, ``-Proto`` and ``-Host``; what reaches the client is the worker's answer, as it comes.
The connections to the workers are ours rather than those of aiohttp's client session, since much hangs on knowing
whether a connection was a kept one, and whether a byte has come over it. Parsing is aiohttp's, in both directions.

A worker may close a kept connection at the very moment at which a request is sent over it. A request that may be
repeated then goes over a fresh connection. One that may not (POST, where ``retry`` isn't ``always``) is given a kept
connection only if that has been idle for less than a second and isn't closed; what remains is the time between that
look and the worker's reading, some microseconds: then the client is answered 502.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Protocol

from aiohttp import ClientError, HttpVersion11, StreamReader, web
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage, StreamWriter
from multidict import MultiMapping

from everai_autoscaler.errors import StateError
from everai_autoscaler.log import SILENT, emit
from everai_autoscaler.runtime.dispatcher import Dispatcher, QueueFullError, Ticket
from everai_autoscaler.runtime.spec import Local
from everai_autoscaler.runtime.worker import LocalWorker

__all__ = ["Router", "RouterMetrics"]

SMALL = 64 * 1024
"""Bytes of a body that is read before its request queues."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
TRIES = 8
"""Connections that a request is refused until it is given up."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds for which a worker that refused is kept from further requests, so that somebody may see what became of it."""
DYING = 0.1
"""Seconds within which a worker that has died is seen to have: its connections break a little earlier."""
CONNECT_TIME = 5.0
KEPT_FOR_ANY = 1.0
"""Seconds of idleness after which a kept connection isn't used any more for a request that can't be repeated."""
SWEEP = 0.5
"""Seconds between two looks for clients that left unheard, and for sessions that are over."""
BACKLOG = 4096
"""Connections that the kernel keeps until they are accepted."""
IDLE_TIME = 75.0
"""Seconds that a client's connection stays while nothing is asked over it, or only half a head."""
LINGER = 5.0
"""Seconds for which the rest of a body is read, and dropped, after its request was answered."""


class RouterMetrics(Protocol):
    """What the router tells of, once per request."""

    def waited(self, seconds: float) -> None:
        """A worker has taken a request that waited so long."""

    def served(self, seconds: float, status: int) -> None:
        """A worker was busy for so long with a request; 499 where the client left."""

    def refused(self, reason: str) -> None:
        """A request was answered by us, for this reason."""


class Router:
    """The app's address.

    Everything happens in the event loop in which it was started.
    """

    def __init__(
        self,
        local: Local,
        dispatcher: Dispatcher,
        *,
        trouble: Callable[[LocalWorker, str], None],
        metrics: RouterMetrics | None,
        changed: Callable[[], None],
        wanted: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.local = local
        self.dispatcher = dispatcher
        self.trouble = trouble
        self.metrics: RouterMetrics = _Nobody() if metrics is None else metrics
        self.changed = changed
        self.wanted = wanted
        self.clock = clock
        self.stopping = False
        self._idle: dict[LocalWorker, list[_Connection]] = {}
        self._open: set[_Exchange] = set()
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
        self.stopping = True
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
        for connections in tuple(self._idle.values()):
            for connection in tuple(connections):
                connection.fail()
        self._web = None

    def kept(self, worker: LocalWorker, repeatable: bool) -> _Connection | None:  # noqa: FBT001 - of the request
        """A kept connection to *worker*, if there is one over which to send a request that is *repeatable* or not."""
        idle = self._idle.get(worker)
        while idle:
            connection = idle.pop()
            connection.home = None
            if connection.open() if repeatable else connection.surely_open():
                return connection
            connection.fail()
        return None

    def keep(self, worker: LocalWorker, connection: _Connection) -> None:
        """Keep *connection* for the next request to *worker*."""
        connection.rest(self._idle.setdefault(worker, []))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        exchange = _Exchange(self, request)
        self._open.add(exchange)
        try:
            return await exchange.run()
        except _RefusalError as refusal:
            self.metrics.refused(refusal.reason)
            return refusal.answer()
        except asyncio.CancelledError:
            if not exchange.stopped:
                raise
            exchange.task.uncancel()
            if exchange.began:
                return _cut(request)
            self.metrics.refused("stopping")
            return _stopping().answer()
        except ConnectionError:
            return _cut(request)
        except Exception as error:  # noqa: BLE001 - a request must be answered, whatever we did wrong
            emit(logging.ERROR, "router failed", path=request.path, error=repr(error))
            return (
                _cut(request) if exchange.began else _RefusalError(500, "the router failed; see its log", "").answer()
            )
        finally:
            self._open.discard(exchange)
            if not self._open and self._empty is not None and not self._empty.done():
                self._empty.set_result(None)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            _end_those_that_left([exchange.request for exchange in self._open])
            _end_malformed_bodies([exchange.request for exchange in self._open if exchange.streamed])
            for worker in [worker for worker, idle in self._idle.items() if not idle]:
                del self._idle[worker]
            if self.local.session.header or self.local.session.cookie:
                self.dispatcher.expire(self.clock() - self.local.session.timeout)


class _Exchange:
    """One request, from its head to the end of its answer."""

    __slots__ = (
        "began",
        "body",
        "connection",
        "expects",
        "head",
        "late",
        "length",
        "over",
        "refusal",
        "refusals",
        "request",
        "retried",
        "router",
        "sent",
        "stopped",
        "streamed",
        "task",
        "ticket",
        "waiter",
    )

    def __init__(self, router: Router, request: web.BaseRequest) -> None:
        self.router = router
        self.request = request
        self.task: asyncio.Task[Any] = asyncio.current_task() or request.task
        self.began = False
        """Whether a byte of the answer went to the client."""
        self.body = b""
        self.connection: _Connection | None = None
        """To the worker, while it isn't anybody else's."""
        self.expects = False
        """Whether the client waits for a word before it sends its body."""
        self.head = b""
        """For the worker."""
        self.late = False
        """Whether its worker took too long."""
        self.length: int | None = 0
        """Bytes of the body; ``None`` where it is chunked."""
        self.over = True
        """Whether the dispatcher is done with it."""
        self.refusal: _RefusalError | None = None
        """Why the body can't be passed on."""
        self.refusals = 0
        """Connections that were refused."""
        self.retried = False
        """Whether it has been sent for the last time."""
        self.sent = True
        """Whether the worker has all of the body."""
        self.stopped = False
        self.streamed = False
        """Whether the body goes to the worker as it comes."""
        self.ticket: Ticket
        self.waiter: asyncio.Future[LocalWorker] | None = None

    async def run(self) -> web.StreamResponse:
        """Have it answered."""
        router = self.router
        if router.stopping:
            raise _stopping()
        self._check()
        if self.length and not self.streamed:
            await self._read_body()
        self.head = self._head()
        self.ticket = Ticket(router.clock(), self._given, _session(self.request, router.local))
        left = router.local.limits.queue_time
        try:
            router.dispatcher.submit(self.ticket)
        except QueueFullError:
            words = f"{len(router.dispatcher)} requests wait already; come again later"
            raise _RefusalError(503, words, "queue-full", retry_after=5, close=self.streamed) from None
        self.over = False
        since = router.clock()
        first = True
        try:
            while True:
                router.changed()
                worker = self.ticket.worker or await self._wait(left)
                now = router.clock()
                left -= now - since
                if first:
                    router.metrics.waited(now - since)
                    first = False
                answer = await self._serve(worker, now)
                if answer is not None:
                    return answer
                since = router.clock()
        finally:
            self._drop()
            if not self.over:
                self.over = True
                router.dispatcher.give_up(self.ticket, router.clock())
            router.changed()

    def stop(self) -> None:
        """Answer at once that the app stops, or cut the answer off."""
        self.stopped = True
        self.task.cancel()

    # -- before it queues ---------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Refuse what isn't supported."""
        request, headers = self.request, self.request.headers
        if request.version[0] != 1:
            raise _RefusalError(505, "speak HTTP/1.1", "bad-request", close=True)
        hosts = len(headers.getall("Host", ()))
        if hosts > 1 or (hosts == 0 and request.version == HttpVersion11):
            raise _RefusalError(400, "a request names one Host", "bad-request", close=True)
        if request.method == "CONNECT":
            raise _RefusalError(501, "CONNECT isn't supported: this is no proxy", "upgrade", close=True)
        upgrade = headers.get("Upgrade")
        if (
            upgrade is not None
            and not upgrade.lower().startswith("h2c")
            and b"upgrade" in _tokens(headers.getall("Connection", ()))
        ):
            what = "WebSockets aren't" if upgrade.lower() == "websocket" else f"Upgrade: {upgrade[:40]!a} isn't"
            raise _RefusalError(
                501, f"{what} supported here; use HTTP/1.1, e.g. server-sent events", "upgrade", close=True
            )
        self._check_body()

    def _check_body(self) -> None:
        request, headers, limit = self.request, self.request.headers, self.router.local.limits.body
        encoding = headers.get("Transfer-Encoding")
        if encoding is not None:
            if request.version != HttpVersion11:
                raise _RefusalError(400, "Transfer-Encoding needs HTTP/1.1", "bad-request", close=True)
            if encoding.strip().lower() != "chunked":
                words = "Transfer-Encoding can be chunked only; use Content-Encoding for the rest"
                raise _RefusalError(501, words, "bad-request", close=True)
            self.length = None
        else:
            self.length = int(headers.get("Content-Length", 0))
        self.streamed = self.length is None or self.length > SMALL
        self.sent = not self.streamed
        expected = headers.get("Expect")
        if expected is not None and request.version == HttpVersion11:
            if expected.lower() != "100-continue":
                raise _RefusalError(417, "of Expect, only 100-continue is supported", "bad-request", close=True)
            self.expects = self.length != 0
        if self.length is not None and self.length > limit:
            raise _too_large(limit)

    async def _read_body(self) -> None:
        content = self.request.content
        if content.is_eof():
            self.body = content.read_nowait()
            return
        await self._say_continue()
        parts = []
        try:
            async with asyncio.timeout(self.router.local.limits.request_time):
                while part := await content.readany():
                    parts.append(part)
        except TimeoutError:
            raise _RefusalError(408, "the body didn't come in time; send it faster", "body-time", close=True) from None
        self.body = b"".join(parts)

    async def _say_continue(self) -> None:
        if self.expects:
            self.expects = False
            transport = self.request.transport
            if transport is not None:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- while it waits -----------------------------------------------------------------------------------------------

    def _given(self, worker: LocalWorker) -> None:
        if self.waiter is None or not self.waiter.done():
            if not self.streamed:
                # Asked at once, before anybody else has the event loop: the worker needn't wait for us.
                self.connection = self.router.kept(worker, self._may_repeat())
                if self.connection is not None:
                    self.connection.ask(self.request.method, self.head + self.body if self.body else self.head)
            if self.waiter is not None:
                self.waiter.set_result(worker)

    async def _wait(self, seconds: float) -> LocalWorker:
        router, loop = self.router, asyncio.get_running_loop()
        if not router.dispatcher.anybody:
            router.wanted()
            if self.ticket.worker is not None:
                return self.ticket.worker
        self.waiter = loop.create_future()
        timer = loop.call_later(seconds, self._overdue)
        try:
            return await self.waiter
        finally:
            timer.cancel()
            self.waiter = None

    def _overdue(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            limit = self.router.local.limits.queue_time
            words = f"no worker was free within {limit:g} s; come again later"
            self.waiter.set_exception(_RefusalError(504, words, "queue-time", close=self.streamed))
            self.over = True
            self.router.dispatcher.give_up(self.ticket, self.router.clock())

    # -- at the worker ------------------------------------------------------------------------------------------------

    async def _serve(self, worker: LocalWorker, began: float) -> web.StreamResponse | None:
        """The answer of *worker*; ``None`` when the request was put back."""
        router = self.router
        limit = router.local.limits.request_time
        timer = asyncio.get_running_loop().call_later(limit, self._too_late)
        try:
            return await self._ask(worker, began)
        except _RefusalError as refusal:
            self._release(began, 499)
            if self.began:
                return _cut(self.request)
            raise refusal from None
        except _NeverMetError as error:
            timer.cancel()
            return await self._never_met(worker, str(error), began)
        except _SilentError as error:
            timer.cancel()
            return await self._went(worker, f"{error} before any byte of an answer", began)
        except _BrokenError as error:
            router.trouble(worker, str(error))
            return self._failed(worker, began, str(error), 502)
        except asyncio.CancelledError:
            if self.late and not self.task.uncancel():
                return self._failed(worker, began, f"didn't answer within {limit:g} s", 504)
            self._release(began, 499)
            raise
        except ConnectionError:
            self._release(began, 499)
            raise
        finally:
            timer.cancel()

    def _too_late(self) -> None:
        self.late = True
        self.task.cancel()

    def _may_repeat(self) -> bool:
        return not self.retried and not self.streamed and self._repeatable()

    def _repeatable(self) -> bool:
        retry = self.router.local.retry
        return retry == "always" or (retry == "safe" and self.request.method in SAFE)

    async def _went(self, worker: LocalWorker, why: str, began: float) -> web.StreamResponse | None:
        """Put it back once, but not before *worker* had a chance to be seen dead: else it might get it again."""
        if not self._may_repeat():
            self.router.trouble(worker, why)
            return self._failed(worker, began, "ended the connection before it answered", 502)
        self.retried = True
        await self._seen_dead(worker, why, DYING, began)
        self.router.dispatcher.put_back(self.ticket)
        return None

    async def _never_met(self, worker: LocalWorker, why: str, began: float) -> web.StreamResponse | None:
        """Put it back, but not before *worker* had a chance to be seen dead."""
        self.refusals += 1
        if self.refusals >= TRIES:
            self.router.trouble(worker, why)
            return self._failed(worker, began, "takes no connection", 502)
        await self._seen_dead(worker, why, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.refusals - 1)), began)
        self.router.dispatcher.put_back(self.ticket)
        return None

    async def _seen_dead(self, worker: LocalWorker, why: str, patience: float, began: float) -> bool:
        """Whether *worker*, with which there was trouble, is found to be gone within *patience* seconds."""
        self.router.trouble(worker, why)
        end = time.monotonic() + patience
        try:
            while worker.ended_at is None and worker.draining_at is None and time.monotonic() < end:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a worker has no event that says that it ended
        except asyncio.CancelledError:
            self._release(began, 499)
            raise
        return worker.ended_at is not None or worker.draining_at is not None

    def _failed(self, worker: LocalWorker, began: float, why: str, status: int) -> web.StreamResponse:
        self._release(began, status)
        if self.began:
            return _cut(self.request)
        name = worker.worker_id
        hint = "raise limits.request_time, or ask for less" if status == 504 else f"see: worker logs {name}"
        return _RefusalError(status, f"worker {name} {why}; {hint}", "", close=self.streamed).answer()

    def _release(self, began: float, status: int) -> None:
        """The worker is free for the next."""
        if self.over:
            return
        self.over = True
        router, now = self.router, self.router.clock()
        seconds = max(0.0, now - began)
        if status == 499:
            router.dispatcher.give_up(self.ticket, now)
        else:
            router.dispatcher.answered(self.ticket, now, seconds=seconds, well=status < 500)
        router.metrics.served(seconds, status)

    async def _ask(self, worker: LocalWorker, began: float) -> web.StreamResponse:
        if self.connection is not None:
            try:
                return await self._hear(worker, self.connection, began)
            except _SilentError as error:
                # It was closed while it was idle, most likely; but when its worker is dying, another one is asked.
                if not self._may_repeat() or await self._seen_dead(worker, str(error), DYING, began):
                    raise
                self.retried = True
            finally:
                self._drop()
        connection = self.connection = await _connect(worker)
        sender = None
        try:
            connection.ask(self.request.method, self.head + self.body if self.body else self.head)
            if self.streamed:
                sender = asyncio.get_running_loop().create_task(self._send(connection))
            return await self._hear(worker, connection, began)
        finally:
            if sender is not None:
                sender.cancel()
            self._drop()

    def _drop(self) -> None:
        """Close the connection to the worker, unless it was well and is kept."""
        if self.connection is not None:
            self.connection.fail()
            self.connection = None

    def _done(self, worker: LocalWorker, began: float, status: int) -> None:
        """The whole answer is here: both the worker and the connection to it are free for the next."""
        connection = self.connection
        if connection is not None and self.sent and not connection.should_close and worker.draining_at is None:
            self.connection = None
            self.router.keep(worker, connection)
        self._release(began, status)

    async def _send(self, connection: _Connection) -> None:
        """Pass the body on as it comes."""
        content, limit, total = self.request.content, self.router.local.limits.body, 0
        writer = StreamWriter(connection, asyncio.get_running_loop())
        if self.length is None:
            writer.enable_chunking()
        try:
            await self._say_continue()
            while part := await content.readany():
                total += len(part)
                if total > limit:
                    self._end_body(connection, _too_large(limit))
                    return
                await writer.write(part)
            await writer.write_eof()
            self.sent = True
        except ConnectionError:
            return  # the worker doesn't want the rest: its answer says why
        except Exception as error:  # noqa: BLE001 - aiohttp's many ways to say that a body is malformed
            words = f"the body can't be read: {_one_line(error)}"
            self._end_body(connection, _RefusalError(400, words, "bad-request", close=True))

    def _end_body(self, connection: _Connection, refusal: _RefusalError) -> None:
        self.refusal = refusal
        connection.fail(ConnectionAbortedError(str(refusal)))

    async def _hear(self, worker: LocalWorker, connection: _Connection, began: float) -> web.StreamResponse:
        """Wait for the answer, and pass it on."""
        try:
            message, payload = await connection.read()
            while 100 <= message.code < 200:
                if message.code == 101:
                    raise _BrokenError("switched protocols unasked")
                message, payload = await connection.read()
        except HttpProcessingError as error:
            raise self.refusal or _BrokenError(f"answered what isn't HTTP: {_one_line(error)}") from None
        except (ClientError, OSError) as error:
            if self.refusal is not None:
                raise self.refusal from None
            if connection.heard:
                raise _BrokenError("ended the connection in the middle of an answer's head") from None
            raise _SilentError(f"ended the connection ({_one_line(error)})") from None
        connection.answer, connection.chunked = payload, message.chunked
        begun = _session_begun(message, self.router.local)
        if begun is not None:
            self.router.dispatcher.begin_session(self.ticket, begun, self.router.clock())
        return await self._relay(worker, message, payload, began)

    async def _relay(
        self, worker: LocalWorker, message: RawResponseMessage, payload: StreamReader, began: float
    ) -> web.StreamResponse:
        """Pass the answer on as it comes."""
        writer = self.request.writer
        head, chunked, keep = self._answer_head(message)
        try:
            whole = payload.is_eof()
            part = payload.read_nowait()
        except (ClientError, OSError) as error:
            raise self.refusal or _BrokenError(f"ended its answer early ({_one_line(error)})") from None
        if chunked and part:
            part = b"%x\r\n%b\r\n" % (len(part), part)
        if whole:
            # The worker has done its part, even if the client takes its time.
            self._done(worker, began, message.code)
            self.began = True
            await writer.write(b"%b%b0\r\n\r\n" % (head, part) if chunked else head + part)
            await writer.drain()
            return _KEPT if keep else _CLOSED
        self.began = True
        await writer.write(head + part)
        while True:
            try:
                part = await payload.readany()
            except (ClientError, OSError) as error:
                if self.refusal is not None:
                    raise self.refusal from None
                raise _BrokenError(f"ended its answer early ({_one_line(error)})") from None
            if not part:
                break
            await writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        self._done(worker, began, message.code)
        if chunked:
            await writer.write(b"0\r\n\r\n")
        await writer.drain()
        return _KEPT if keep else _CLOSED

    # -- heads --------------------------------------------------------------------------------------------------------

    def _head(self) -> bytes:
        """The request's head for the worker."""
        request, headers = self.request, self.request.headers
        names = _REQUEST_ONLY_HERE
        if hops := _hops(headers):
            names |= hops - {b"host"}
        lines = [b"%b: %b\r\n" % line for line in request.raw_headers if line[0].lower() not in names]
        if "Cookie" in headers:
            lines += _cookies(headers.getall("Cookie"))
        if "Host" not in headers:
            lines.append(b"Host: %b\r\n" % _own_address(request))
        came_by = headers.getall("X-Forwarded-For", ())
        lines.append(b"X-Forwarded-For: %b\r\n" % ", ".join((*came_by, request.remote or "unknown")).encode(*_WIRE))
        if "X-Forwarded-Proto" not in headers:
            lines.append(b"X-Forwarded-Proto: http\r\n")
        if "X-Forwarded-Host" not in headers and "Host" in headers:
            lines.append(b"X-Forwarded-Host: %b\r\n" % headers["Host"].encode(*_WIRE))
        if self.length is None:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        elif self.length or "Content-Length" in headers:
            lines.append(b"Content-Length: %d\r\n" % self.length)
        path = request.raw_path
        if not path.startswith("/") and path != "*":
            path = request.rel_url.raw_path_qs
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode(), path.encode(*_WIRE), b"".join(lines))

    def _answer_head(self, message: RawResponseMessage) -> tuple[bytes, bool, bool]:
        """The answer's head for the client, whether its body is chunked, and whether the connection stays."""
        request, headers, code = self.request, message.headers, message.code
        names = _ANSWER_ONLY_HERE
        if hops := _hops(headers):
            names |= hops
        _check_answer(message)
        # aiohttp lets a space pass between a name and its colon.
        lines = [b"%b: %b\r\n" % line for line in message.raw_headers if line[0].rstrip().lower() not in names]
        modern = request.version == HttpVersion11
        # After chunks aiohttp's parser takes the last of their trailers for a header of the next request.
        keep, chunked = request.keep_alive and self.length is not None and not self.router.stopping, False
        length = None if message.chunked else headers.get("Content-Length")
        bodiless = request.method == "HEAD" or code in {204, 304}
        if length is not None:
            if code != 204:
                lines.append(b"Content-Length: %b\r\n" % length.encode(*_WIRE))
        elif not bodiless:
            if modern:
                chunked = True
                lines.append(b"Transfer-Encoding: chunked\r\n")
            else:
                keep = False
        if not keep:
            lines.append(b"Connection: close\r\n")
        elif not modern:
            lines.append(b"Connection: keep-alive\r\n")
        version = b"1.1" if modern else b"1.0"
        head = b"HTTP/%b %d %b\r\n%b" % (version, code, message.reason.encode(*_WIRE), b"".join(lines))
        # aiohttp reads answers leniently: what it let pass must not become two heads here.
        if not head.count(b"\n") == head.count(b"\r") == len(lines) + 1:
            raise _BrokenError("answered what isn't HTTP: a line break inside a header")
        return head + b"\r\n", chunked, keep


class _Connection(ResponseHandler):
    """A connection to a worker."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        super().__init__(loop)
        self.answer: StreamReader | None = None
        self.heard = False
        """Whether a byte of the present answer has come."""
        self.home: list[_Connection] | None = None
        """Where it is kept, while nobody uses it."""
        self._sock = sock
        self._bodiless: bool | None = None
        self.chunked = False
        """Whether its last answer was."""
        self._idle_since = 0.0

    def ask(self, method: str, words: bytes) -> None:
        """Send *words*, and expect an answer to *method*."""
        self.heard = False
        self.answer = None
        bodiless = method == "HEAD"
        if bodiless or self.chunked or self._bodiless is not False:
            # A parser reads one answer after the other, but one that has read a HEAD's may wait for its body, and one
            # that has read trailers takes the last of them for a header of the next answer.
            self._bodiless, self.chunked = bodiless, False
            self.set_response_params(
                skip_payload=bodiless, read_until_eof=True, auto_decompress=False, read_bufsize=SMALL
            )
        if self.transport is not None:
            self.transport.write(words)

    def open(self) -> bool:
        """Whether the worker hasn't closed it, even if we haven't heard of that yet."""
        if self.transport is None or self.transport.is_closing() or self.should_close:
            return False
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # closed, or it talks unasked

    def surely_open(self) -> bool:
        """Whether the worker hasn't closed it, and isn't likely to be about to."""
        return time.monotonic() - self._idle_since < KEPT_FOR_ANY and self.open()

    def rest(self, home: list[_Connection]) -> None:
        """Nobody uses it for now."""
        self._idle_since = time.monotonic()
        self.home = home
        home.append(self)

    def fail(self, error: ConnectionError | None = None) -> None:
        """Close it at once; who reads from it gets the *error*."""
        if error is not None:
            if self.answer is not None and not self.answer.is_eof():
                self.answer.set_exception(error)
            elif self.answer is None:
                self.set_exception(error)
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """A part of an answer has come; or a word that nobody asked for, which nobody may take for an answer."""
        if data:  # aiohttp calls it with nothing, too, to go on with what it has
            if self.home is not None:
                self.fail()
                return
            self.heard = True
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The worker has closed it, or it broke."""
        if self.home is not None:
            with suppress(ValueError):
                self.home.remove(self)
            self.home = None
        if exc is not None:
            # A worker may answer without reading the body, and close: sending breaks before its answer was read.
            with suppress(OSError):
                while said := self._sock.recv(SMALL):
                    self.data_received(said)
        answer = self.answer
        if exc is not None and answer is not None and not answer.is_eof():
            # An answer that ends with its connection isn't whole when that breaks.
            answer.set_exception(ConnectionResetError("connection broken"))
        super().connection_lost(exc)
        if answer is not None and not answer.is_eof() and answer.exception() is None:
            answer.set_exception(ConnectionResetError("connection lost"))


class _Written(web.StreamResponse):
    """An answer that has been written already."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to do."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to do."""


class _Nobody:
    """Whom one may tell of everything."""

    def waited(self, seconds: float) -> None:
        pass

    def served(self, seconds: float, status: int) -> None:
        pass

    def refused(self, reason: str) -> None:
        pass


class _NeverMetError(Exception):
    """There is no connection to the worker."""


class _SilentError(Exception):
    """The worker went before any byte of its answer."""


class _BrokenError(Exception):
    """What the worker answered is no answer, or not all of it."""


class _RefusalError(Exception):
    """A request that we answer ourselves."""

    def __init__(self, status: int, words: str, reason: str, *, retry_after: int = 0, close: bool = False) -> None:
        super().__init__(words)
        self.reason = reason
        self._status = status
        self._retry_after = retry_after
        self._close = close

    def answer(self) -> web.Response:
        """One line that says what to do."""
        headers = {"Server": "everai-autoscaler"}
        if self._retry_after:
            headers["Retry-After"] = str(self._retry_after)
        answer = web.Response(status=self._status, text=f"{self}\n", headers=headers)
        if self._close:
            answer.force_close()
        return answer


_KEPT = _Written()
_KEPT._keep_alive = True  # noqa: SLF001
_CLOSED = _Written()
_CLOSED.force_close()

_WIRE = ("utf-8", "surrogateescape")
"""How aiohttp makes text of what is on the wire."""
_ONLY_HERE = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
    }
)
_REQUEST_ONLY_HERE = _ONLY_HERE | {b"cookie", b"expect", b"x-forwarded-for"}
_ANSWER_ONLY_HERE = _ONLY_HERE
_PLAIN = frozenset({"keep-alive", "close"})
_PASS = re.compile("(?:^|;) *everai_autoscaler_[0-9]+=[^;]*")
_LEFT = getattr(select, "POLLRDHUP", 0)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken on {host}, give another --port"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"port {port} needs more rights than we have, give another --port, from 1024 up"
    return f"can't listen on {host} port {port}: {error.strerror or error}"


async def _connect(worker: LocalWorker) -> _Connection:
    loop = asyncio.get_running_loop()
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:  # too many files are open, which is no fault of the worker's
        raise _RefusalError(503, f"{error.strerror}; come again later", "open-files", retry_after=5) from None
    try:
        sock.setblocking(False)
        async with asyncio.timeout(CONNECT_TIME):
            await loop.sock_connect(sock, ("127.0.0.1", worker.port))
        _, connection = await loop.create_connection(lambda: _Connection(loop, sock), sock=sock)
    except TimeoutError:
        sock.close()
        raise _NeverMetError(f"took no connection within {CONNECT_TIME:g} s") from None
    except OSError as error:
        sock.close()
        raise _NeverMetError(f"takes no connection: {error.strerror or error}") from None
    except BaseException:
        sock.close()
        raise
    return connection


def _session(request: web.BaseRequest, local: Local) -> str | None:
    wanted = local.session
    if wanted.header and (found := request.headers.get(wanted.header)):
        return _digest(found)
    if wanted.cookie:
        for line in request.headers.getall("Cookie", ()):
            for pair in line.split(";"):
                name, _, value = pair.strip().partition("=")
                if name == wanted.cookie and value:
                    return _digest(value)
    return None


def _session_begun(message: RawResponseMessage, local: Local) -> str | None:
    """The session that a worker names in its answer, which its client will name from now on."""
    wanted = local.session
    if wanted.header and (found := message.headers.get(wanted.header)):
        return _digest(found)
    if wanted.cookie:
        for line in message.headers.getall("Set-Cookie", ()):
            pair, *attributes = line.split(";")
            name, _, value = pair.strip().partition("=")
            taken_back = any(one.strip().lower() == "max-age=0" for one in attributes)
            if name == wanted.cookie and value and not taken_back:
                return _digest(value)
    return None


def _digest(session: str) -> str:
    """By what a session is known here: its name lets whoever has it in, so it is kept nowhere."""
    return blake2b(session.encode(*_WIRE), digest_size=8).hexdigest()


def _hops(headers: MultiMapping[str]) -> set[bytes]:
    """The headers that end here because their sender says so."""
    said = headers.getall("Connection", ())
    return set() if all(value.lower() in _PLAIN for value in said) else _tokens(said)


def _cookies(sent: Iterable[str]) -> Iterator[bytes]:
    """The lines of cookies that are the app's: a browser sends all of a host, so also the pass to the admin side."""
    for line in sent:
        if own := _PASS.sub("", line).strip("; "):
            yield b"Cookie: %b\r\n" % own.encode(*_WIRE)


def _tokens(values: Iterable[str]) -> set[bytes]:
    return {token.strip().lower().encode(*_WIRE) for value in values for token in value.split(",")}


def _check_answer(message: RawResponseMessage) -> None:
    """Refuse what aiohttp reads, but a client wouldn't."""
    if message.code < 100:
        raise _BrokenError(f"answered what isn't HTTP: status {message.code:03}")
    if message.headers.get("Transfer-Encoding", "chunked").lower() not in {"chunked", "identity"}:
        raise _BrokenError("answered with a Transfer-Encoding that isn't chunked")


def _own_address(request: web.BaseRequest) -> bytes:
    transport = request.transport
    host, port = (transport.get_extra_info("sockname") if transport is not None else ("localhost", 80))[:2]
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()


def _one_line(error: BaseException) -> str:
    # In aiohttp's own words, the first line of its errors says nothing but 400.
    words = str(getattr(error, "message", "") or error).strip()
    return (words or type(error).__name__).splitlines()[0].rstrip(":")[:120]


def _too_large(limit: int) -> _RefusalError:
    return _RefusalError(413, f"the body is larger than {limit} bytes; send less", "body-size", close=True)


def _stopping() -> _RefusalError:
    return _RefusalError(503, "the app stops; come again later", "stopping", retry_after=5, close=True)


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    """Cut the client's connection, so that it can't take what it has for the whole answer."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        with suppress(OSError):
            # A plain end would be the right one for an answer without a length.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return _CLOSED


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
    """Tell who reads a body that no more of it will come: aiohttp's parser only tells whoever comes next."""
    for request in requests:
        # Before a body's end nothing can have come after it but the parser's complaint.
        if not request.content.is_eof() and _complained(request.protocol):
            request.content.set_exception(ValueError("its chunks are malformed"))


def _complained(protocol: Any) -> bool:  # aiohttp has no public word for it
    return bool(getattr(protocol, "_messages", None))
