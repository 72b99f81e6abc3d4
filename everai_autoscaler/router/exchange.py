"""One request, from its head to the end of its answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, HttpVersion11, StreamReader, web
from aiohttp.http import HttpProcessingError, RawResponseMessage, StreamWriter

from everai_autoscaler.router.connection import (
    SMALL,
    BrokenError,
    Connection,
    NeverMetError,
    SilentError,
    connect,
    one_line,
)
from everai_autoscaler.router.heads import answer_head, request_head, session_begun, session_of, tokens
from everai_autoscaler.router.refusal import CLOSED, KEPT, RefusalError, cut, stopping, too_large
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import QueueFullError, Ticket

if TYPE_CHECKING:
    from everai_autoscaler.router.router import Router

__all__ = ["Exchange"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
TRIES = 8
"""Connections that a request is refused until it is given up."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds for which a worker that refused is kept from further requests, so that somebody may see what became of it."""
DYING = 0.1
"""Seconds within which a worker that has died is seen to have: its connections break a little earlier."""


class Exchange:
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
        self.connection: Connection | None = None
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
        self.refusal: RefusalError | None = None
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
        self.ticket: Ticket[ListeningWorker]
        self.waiter: asyncio.Future[ListeningWorker] | None = None

    async def run(self) -> web.StreamResponse:
        """Have it answered."""
        router = self.router
        if router.stopping:
            raise stopping()
        self._check()
        if self.length and not self.streamed:
            await self._read_body()
        self.head = request_head(self.request, self.length)
        self.ticket = Ticket(router.clock(), self._given, session_of(self.request, router.settings.session))
        left = router.settings.limits.queue_time
        try:
            router.dispatcher.submit(self.ticket)
        except QueueFullError:
            words = f"{len(router.dispatcher)} requests wait already; come again later"
            raise RefusalError(503, words, "queue-full", retry_after=5, close=self.streamed) from None
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
            raise RefusalError(505, "speak HTTP/1.1", "bad-request", close=True)
        hosts = len(headers.getall("Host", ()))
        if hosts > 1 or (hosts == 0 and request.version == HttpVersion11):
            raise RefusalError(400, "a request names one Host", "bad-request", close=True)
        if request.method == "CONNECT":
            raise RefusalError(501, "CONNECT isn't supported: this is no proxy", "upgrade", close=True)
        upgrade = headers.get("Upgrade")
        if (
            upgrade is not None
            and not upgrade.lower().startswith("h2c")
            and b"upgrade" in tokens(headers.getall("Connection", ()))
        ):
            what = "WebSockets aren't" if upgrade.lower() == "websocket" else f"Upgrade: {upgrade[:40]!a} isn't"
            raise RefusalError(
                501, f"{what} supported here; use HTTP/1.1, e.g. server-sent events", "upgrade", close=True
            )
        self._check_body()

    def _check_body(self) -> None:
        request, headers, limit = self.request, self.request.headers, self.router.settings.limits.body
        encoding = headers.get("Transfer-Encoding")
        if encoding is not None:
            if request.version != HttpVersion11:
                raise RefusalError(400, "Transfer-Encoding needs HTTP/1.1", "bad-request", close=True)
            if encoding.strip().lower() != "chunked":
                words = "Transfer-Encoding can be chunked only; use Content-Encoding for the rest"
                raise RefusalError(501, words, "bad-request", close=True)
            self.length = None
        else:
            self.length = int(headers.get("Content-Length", 0))
        self.streamed = self.length is None or self.length > SMALL
        self.sent = not self.streamed
        expected = headers.get("Expect")
        if expected is not None and request.version == HttpVersion11:
            if expected.lower() != "100-continue":
                raise RefusalError(417, "of Expect, only 100-continue is supported", "bad-request", close=True)
            self.expects = self.length != 0
        if self.length is not None and self.length > limit:
            raise too_large(limit)

    async def _read_body(self) -> None:
        content = self.request.content
        if content.is_eof():
            self.body = content.read_nowait()
            return
        await self._say_continue()
        parts = []
        try:
            async with asyncio.timeout(self.router.settings.limits.request_time):
                while part := await content.readany():
                    parts.append(part)
        except TimeoutError:
            raise RefusalError(408, "the body didn't come in time; send it faster", "body-time", close=True) from None
        self.body = b"".join(parts)

    async def _say_continue(self) -> None:
        if self.expects:
            self.expects = False
            transport = self.request.transport
            if transport is not None:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- while it waits -----------------------------------------------------------------------------------------------

    def _given(self, worker: ListeningWorker) -> None:
        if self.waiter is None or not self.waiter.done():
            if not self.streamed:
                # Asked at once, before anybody else has the event loop: the worker needn't wait for us.
                self.connection = self.router.kept(worker, self._may_repeat())
                if self.connection is not None:
                    self.connection.ask(self.request.method, self.head + self.body if self.body else self.head)
            if self.waiter is not None:
                self.waiter.set_result(worker)

    async def _wait(self, seconds: float) -> ListeningWorker:
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
            limit = self.router.settings.limits.queue_time
            words = f"no worker was free within {limit:g} s; come again later"
            self.waiter.set_exception(RefusalError(504, words, "queue-time", close=self.streamed))
            self.over = True
            self.router.dispatcher.give_up(self.ticket, self.router.clock())

    # -- at the worker ------------------------------------------------------------------------------------------------

    async def _serve(self, worker: ListeningWorker, began: float) -> web.StreamResponse | None:
        """The answer of *worker*; ``None`` when the request was put back."""
        router = self.router
        limit = router.settings.limits.request_time
        timer = asyncio.get_running_loop().call_later(limit, self._too_late)
        try:
            return await self._ask(worker, began)
        except RefusalError as refusal:
            self._release(began, 499)
            if self.began:
                return cut(self.request)
            raise refusal from None
        except NeverMetError as error:
            timer.cancel()
            return await self._never_met(worker, str(error), began)
        except SilentError as error:
            timer.cancel()
            return await self._went(worker, f"{error} before any byte of an answer", began)
        except BrokenError as error:
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
        retry = self.router.settings.retry
        return retry == "always" or (retry == "safe" and self.request.method in SAFE)

    async def _went(self, worker: ListeningWorker, why: str, began: float) -> web.StreamResponse | None:
        """Put it back once, but not before *worker* had a chance to be seen dead: else it might get it again."""
        if not self._may_repeat():
            self.router.trouble(worker, why)
            return self._failed(worker, began, "ended the connection before it answered", 502)
        self.retried = True
        await self._seen_dead(worker, why, DYING, began)
        self.router.dispatcher.put_back(self.ticket)
        return None

    async def _never_met(self, worker: ListeningWorker, why: str, began: float) -> web.StreamResponse | None:
        """Put it back, but not before *worker* had a chance to be seen dead."""
        self.refusals += 1
        if self.refusals >= TRIES:
            self.router.trouble(worker, why)
            return self._failed(worker, began, "takes no connection", 502)
        await self._seen_dead(worker, why, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.refusals - 1)), began)
        self.router.dispatcher.put_back(self.ticket)
        return None

    async def _seen_dead(self, worker: ListeningWorker, why: str, patience: float, began: float) -> bool:
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

    def _failed(self, worker: ListeningWorker, began: float, why: str, status: int) -> web.StreamResponse:
        self._release(began, status)
        if self.began:
            return cut(self.request)
        name = worker.worker_id
        hint = "raise limits.request_time, or ask for less" if status == 504 else f"see: worker logs {name}"
        return RefusalError(status, f"worker {name} {why}; {hint}", "", close=self.streamed).answer()

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

    async def _ask(self, worker: ListeningWorker, began: float) -> web.StreamResponse:
        if self.connection is not None:
            try:
                return await self._hear(worker, self.connection, began)
            except SilentError as error:
                # It was closed while it was idle, most likely; but when its worker is dying, another one is asked.
                if not self._may_repeat() or await self._seen_dead(worker, str(error), DYING, began):
                    raise
                self.retried = True
            finally:
                self._drop()
        connection = self.connection = await connect(worker)
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

    def _done(self, worker: ListeningWorker, began: float, status: int) -> None:
        """The whole answer is here: both the worker and the connection to it are free for the next."""
        connection = self.connection
        if connection is not None and self.sent and not connection.should_close and worker.draining_at is None:
            self.connection = None
            self.router.keep(worker, connection)
        self._release(began, status)

    async def _send(self, connection: Connection) -> None:
        """Pass the body on as it comes."""
        content, limit, total = self.request.content, self.router.settings.limits.body, 0
        writer = StreamWriter(connection, asyncio.get_running_loop())
        if self.length is None:
            writer.enable_chunking()
        try:
            await self._say_continue()
            while part := await content.readany():
                total += len(part)
                if total > limit:
                    self._end_body(connection, too_large(limit))
                    return
                await writer.write(part)
            await writer.write_eof()
            self.sent = True
        except ConnectionError:
            return  # the worker doesn't want the rest: its answer says why
        except Exception as error:  # noqa: BLE001 - aiohttp's many ways to say that a body is malformed
            words = f"the body can't be read: {one_line(error)}"
            self._end_body(connection, RefusalError(400, words, "bad-request", close=True))

    def _end_body(self, connection: Connection, refusal: RefusalError) -> None:
        self.refusal = refusal
        connection.fail(ConnectionAbortedError(str(refusal)))

    async def _hear(self, worker: ListeningWorker, connection: Connection, began: float) -> web.StreamResponse:
        """Wait for the answer, and pass it on."""
        try:
            message, payload = await connection.read()
            while 100 <= message.code < 200:
                if message.code == 101:
                    raise BrokenError("switched protocols unasked")
                message, payload = await connection.read()
        except HttpProcessingError as error:
            raise self.refusal or BrokenError(f"answered what isn't HTTP: {one_line(error)}") from None
        except (ClientError, OSError) as error:
            if self.refusal is not None:
                raise self.refusal from None
            if connection.heard:
                raise BrokenError("ended the connection in the middle of an answer's head") from None
            raise SilentError(f"ended the connection ({one_line(error)})") from None
        connection.answer, connection.chunked = payload, message.chunked
        begun = session_begun(message, self.router.settings.session)
        if begun is not None:
            self.router.dispatcher.begin_session(self.ticket, begun, self.router.clock())
        return await self._relay(worker, message, payload, began)

    async def _relay(
        self, worker: ListeningWorker, message: RawResponseMessage, payload: StreamReader, began: float
    ) -> web.StreamResponse:
        """Pass the answer on as it comes."""
        writer = self.request.writer
        # After a chunked body aiohttp's parser takes the last of its trailers for a header of the next request.
        may_stay = self.length is not None and not self.router.stopping
        head, chunked, keep = answer_head(self.request, message, may_stay=may_stay)
        try:
            whole = payload.is_eof()
            part = payload.read_nowait()
        except (ClientError, OSError) as error:
            raise self.refusal or BrokenError(f"ended its answer early ({one_line(error)})") from None
        if chunked and part:
            part = b"%x\r\n%b\r\n" % (len(part), part)
        if whole:
            # The worker has done its part, even if the client takes its time.
            self._done(worker, began, message.code)
            self.began = True
            await writer.write(b"%b%b0\r\n\r\n" % (head, part) if chunked else head + part)
            await writer.drain()
            return KEPT if keep else CLOSED
        self.began = True
        await writer.write(head + part)
        while True:
            try:
                part = await payload.readany()
            except (ClientError, OSError) as error:
                if self.refusal is not None:
                    raise self.refusal from None
                raise BrokenError(f"ended its answer early ({one_line(error)})") from None
            if not part:
                break
            await writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        self._done(worker, began, message.code)
        if chunked:
            await writer.write(b"0\r\n\r\n")
        await writer.drain()
        return KEPT if keep else CLOSED
