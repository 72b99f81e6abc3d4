"""One request, from its head to the end of its answer."""

from __future__ import annotations

import asyncio
import time
from math import inf
from typing import Any

from aiohttp import ClientError, StreamReader, web
from aiohttp.http import HttpProcessingError, RawResponseMessage
from attrs import Factory, define, field

from everai_autoscaler.router.body import Body
from everai_autoscaler.router.connection import (
    BrokenAnswerError,
    Connection,
    NoAnswerError,
    NoConnectionError,
    one_line,
)
from everai_autoscaler.router.heads import answer_head, check_request, request_head, session_begun, session_of
from everai_autoscaler.router.refusal import CLOSED, KEPT, RefusalError, cut, stopping
from everai_autoscaler.router.upstream import Upstream
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import QueueFullError, Ticket

__all__ = ["Exchange"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
TRIES = 8
"""Connections that a request is refused until it is given up."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds for which a worker that refused a connection gets no further requests, so that it can be found dead."""
DYING = 0.1
"""Seconds within which a worker that has died is found dead: its connections break a little earlier."""
USED_WITHIN = 1.0
"""Seconds of idleness after which a connection isn't used any more for a request that can't be repeated."""


@define(eq=False)
class Exchange:
    """One request, from its head to the end of its answer."""

    upstream: Upstream
    request: web.BaseRequest
    body: Body = field(
        default=Factory(lambda self: Body(self.request, self.upstream.settings.limits), takes_self=True), init=False
    )
    task: asyncio.Task[Any] = field(
        default=Factory(lambda self: asyncio.current_task() or self.request.task, takes_self=True), init=False
    )
    began: bool = False
    """Whether a byte of the answer went to the client."""
    stopped: bool = False
    """Whether it was cut short because the app stops."""
    _head: bytes = b""
    """For the worker."""
    _ticket: Ticket[ListeningWorker] = field(init=False)
    _is_over: bool = True
    """Whether the dispatcher is done with it."""
    _waiter: asyncio.Future[ListeningWorker] | None = None
    _worker: ListeningWorker = field(init=False)
    """The worker that serves it, or did so last."""
    _taken_at: float = 0.0
    """When that worker took it."""
    _is_late: bool = False
    """Whether that worker took too long."""
    _connection: Connection | None = None
    """To the worker, while it is this request's alone."""
    _refusals: int = 0
    """Connections that were refused."""
    _retried: bool = False
    """Whether it has been sent for the last time."""

    async def run(self) -> web.StreamResponse:
        """Have it answered."""
        upstream = self.upstream
        if upstream.stopping:
            raise stopping()
        check_request(self.request)
        self.body.check()
        await self.body.read()
        self._head = request_head(self.request, self.body.length)
        self._ticket = Ticket(upstream.clock(), self._given, session_of(self.request, upstream.settings.session))
        left = upstream.settings.limits.queue_time
        upstream.came(self._ticket.came_at)
        try:
            upstream.dispatcher.submit(self._ticket)
        except QueueFullError:
            upstream.served(self._ticket.came_at, None, inf)
            words = f"{len(upstream.dispatcher)} requests wait already; come again later"
            raise RefusalError(503, words, "queue-full", retry_after=5, close=self.body.streamed) from None
        self._is_over = False
        since = upstream.clock()
        first = True
        try:
            while True:
                upstream.changed()
                self._worker = self._ticket.worker or await self._wait(left)
                self._taken_at = upstream.clock()
                left -= self._taken_at - since
                if first:
                    upstream.metrics.waited(self._taken_at - since)
                    first = False
                answer = await self._serve()
                if answer is not None:
                    return answer
                since = upstream.clock()
        finally:
            self._drop()
            if not self._is_over:
                self._give_up()
            upstream.changed()

    def stop(self) -> None:
        """Answer at once that the app stops, or cut the answer off."""
        self.stopped = True
        self.task.cancel()

    # -- while it waits -----------------------------------------------------------------------------------------------

    def _given(self, worker: ListeningWorker) -> None:
        if self._waiter is None or not self._waiter.done():
            if not self.body.streamed:
                # Sent at once, before anything else has the event loop: the worker needn't wait for us.
                used_within = inf if self._may_repeat() else USED_WITHIN
                self._connection = self.upstream.pool.take(worker, used_within=used_within)
                if self._connection is not None:
                    self._connection.ask(self.request.method, self._head + self.body.text)
            if self._waiter is not None:
                self._waiter.set_result(worker)

    async def _wait(self, seconds: float) -> ListeningWorker:
        upstream, loop = self.upstream, asyncio.get_running_loop()
        if not upstream.dispatcher.anybody:
            upstream.wanted()
            if self._ticket.worker is not None:
                return self._ticket.worker
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._overdue)
        try:
            return await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _overdue(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            limit = self.upstream.settings.limits.queue_time
            words = f"no worker was free within {limit:g} s; come again later"
            self._waiter.set_exception(RefusalError(504, words, "queue-time", close=self.body.streamed))
            self._give_up()

    def _give_up(self) -> None:
        self._is_over = True
        now = self.upstream.clock()
        self.upstream.dispatcher.give_up(self._ticket, now)
        self.upstream.served(self._ticket.came_at, None, now)

    # -- at the worker ------------------------------------------------------------------------------------------------

    async def _serve(self) -> web.StreamResponse | None:
        """The worker's answer; ``None`` when the request was put back."""
        upstream, worker = self.upstream, self._worker
        limit = upstream.settings.limits.request_time
        timer = asyncio.get_running_loop().call_later(limit, self._too_late)
        try:
            return await self._ask()
        except (RefusalError, ConnectionError):
            self._release(499)
            if self.began:
                return cut(self.request)
            raise
        except NoConnectionError as error:
            timer.cancel()
            self._refusals += 1
            if self._refusals < TRIES:
                await self._put_back(str(error), min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._refusals - 1)))
                return None
            upstream.trouble(worker, str(error))
            return self._failed("takes no connection", 502)
        except NoAnswerError as error:
            timer.cancel()
            why = f"{error} before any byte of an answer"
            if self._may_repeat():
                self._retried = True
                await self._put_back(why, DYING)
                return None
            upstream.trouble(worker, why)
            return self._failed("ended the connection before it answered", 502)
        except BrokenAnswerError as error:
            upstream.trouble(worker, str(error))
            return self._failed(str(error), 502)
        except asyncio.CancelledError:
            if self._is_late and not self.task.uncancel():
                return self._failed(f"didn't answer within {limit:g} s", 504)
            self._release(499)
            raise
        finally:
            timer.cancel()

    def _too_late(self) -> None:
        self._is_late = True
        self.task.cancel()

    def _may_repeat(self) -> bool:
        retry = self.upstream.settings.retry
        is_repeatable = retry == "always" or (retry == "safe" and self.request.method in SAFE)
        return is_repeatable and not self._retried and not self.body.streamed

    async def _put_back(self, why: str, patience: float) -> None:
        """Let it wait again, but not before its worker could be found dead: else it might get it once more."""
        await self._is_dead(why, patience)
        self.upstream.dispatcher.put_back(self._ticket)

    async def _is_dead(self, why: str, patience: float) -> bool:
        """Whether the worker, with which there was trouble, is found to be gone within *patience* seconds."""
        worker = self._worker
        self.upstream.trouble(worker, why)
        end = time.monotonic() + patience
        try:
            while worker.ended_at is None and worker.draining_at is None and time.monotonic() < end:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a worker has no event that says that it ended
        except asyncio.CancelledError:
            self._release(499)
            raise
        return worker.ended_at is not None or worker.draining_at is not None

    def _failed(self, why: str, status: int) -> web.StreamResponse:
        self._release(status)
        if self.began:
            return cut(self.request)
        name = self._worker.worker_id
        hint = "raise limits.request_time, or ask for less" if status == 504 else f"see: worker logs {name}"
        return RefusalError(status, f"worker {name} {why}; {hint}", "", close=self.body.streamed).answer()

    def _release(self, status: int) -> None:
        """The worker is free for the next."""
        if self._is_over:
            return
        self._is_over = True
        upstream, now = self.upstream, self.upstream.clock()
        seconds = max(0.0, now - self._taken_at)
        if status == 499:
            upstream.dispatcher.give_up(self._ticket, now)
        else:
            upstream.dispatcher.answered(self._ticket, now, seconds=seconds, well=status < 500)
        upstream.metrics.served(seconds, status)
        upstream.served(self._ticket.came_at, self._taken_at, now)

    async def _ask(self) -> web.StreamResponse:
        if self._connection is not None:
            try:
                return await self._hear(self._connection)
            except NoAnswerError as error:
                # It was closed while it was idle, most likely; but when its worker is dying, another one is asked.
                if not self._may_repeat() or await self._is_dead(str(error), DYING):
                    raise
                self._retried = True
            finally:
                self._drop()
        connection = self._connection = await self.upstream.pool.connect(self._worker)
        sender = None
        try:
            connection.ask(self.request.method, self._head + self.body.text)
            if self.body.streamed:
                sender = asyncio.get_running_loop().create_task(self.body.send(connection))
            return await self._hear(connection)
        finally:
            if sender is not None:
                sender.cancel()
            self._drop()

    def _drop(self) -> None:
        """Close the connection to the worker, unless it was given back to the pool."""
        if self._connection is not None:
            self._connection.fail()
            self._connection = None

    async def _hear(self, connection: Connection) -> web.StreamResponse:
        """Wait for the answer, and pass it on."""
        try:
            message, payload = await connection.read()
            while 100 <= message.code < 200:
                if message.code == 101:
                    raise BrokenAnswerError("switched protocols unasked")
                message, payload = await connection.read()
        except HttpProcessingError as error:
            raise self.body.refusal or BrokenAnswerError(f"answered what isn't HTTP: {one_line(error)}") from None
        except (ClientError, OSError) as error:
            if self.body.refusal is not None:
                raise self.body.refusal from None
            if connection.heard:
                raise BrokenAnswerError("ended the connection in the middle of an answer's head") from None
            raise NoAnswerError(f"ended the connection ({one_line(error)})") from None
        connection.answer, connection.chunked = payload, message.chunked
        begun = session_begun(message, self.upstream.settings.session)
        if begun is not None:
            self.upstream.dispatcher.begin_session(self._ticket, begun, self.upstream.clock())
        return await self._relay(message, payload)

    async def _relay(self, message: RawResponseMessage, payload: StreamReader) -> web.StreamResponse:
        """Pass the answer on as it comes."""
        writer = self.request.writer
        # After a chunked body aiohttp's parser takes the last of its trailers for a header of the next request.
        may_stay = self.body.length is not None and not self.upstream.stopping
        head, chunked, keep = answer_head(self.request, message, may_stay=may_stay)
        try:
            whole = payload.is_eof()
            part = payload.read_nowait()
        except (ClientError, OSError) as error:
            raise self._ended_early(error) from None
        if chunked and part:
            part = b"%x\r\n%b\r\n" % (len(part), part)
        if whole:
            # The worker has done its part, even if the client takes its time.
            self._done(message.code)
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
                raise self._ended_early(error) from None
            if not part:
                break
            await writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        self._done(message.code)
        if chunked:
            await writer.write(b"0\r\n\r\n")
        await writer.drain()
        return KEPT if keep else CLOSED

    def _ended_early(self, error: Exception) -> Exception:
        return self.body.refusal or BrokenAnswerError(f"ended its answer early ({one_line(error)})")

    def _done(self, status: int) -> None:
        """The whole answer is here: both the worker and the connection to it are free for the next."""
        connection, worker = self._connection, self._worker
        if connection is not None and self.body.sent and not connection.should_close and worker.draining_at is None:
            self._connection = None
            self.upstream.pool.give(worker, connection)
        self._release(status)
