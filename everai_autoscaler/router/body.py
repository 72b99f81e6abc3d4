"""The body of a request, on its way from the client to the worker."""

from __future__ import annotations

import asyncio

from aiohttp import HttpVersion11, web
from aiohttp.http import StreamWriter
from attrs import define

from everai_autoscaler.router.connection import SMALL, Connection, one_line
from everai_autoscaler.router.refusal import RefusalError, too_large
from everai_autoscaler.router.settings import Limits

__all__ = ["Body"]


@define(eq=False)
class Body:
    """The body of *request*: read before the request queues where it is small, else passed on as it comes."""

    request: web.BaseRequest
    limits: Limits
    length: int | None = 0
    """Its bytes; ``None`` where it is chunked."""
    streamed: bool = False
    """Whether it goes to the worker as it comes."""
    sent: bool = True
    """Whether the worker has all of it, or is sent all of it with the head."""
    text: bytes = b""
    """All of it, where it was read before the request queued."""
    refusal: RefusalError | None = None
    """Why it can't be passed on."""
    _expects: bool = False
    """Whether the client waits for ``100 Continue`` before it sends it."""

    def check(self) -> None:
        """Find out how long it is.

        Raises:
            RefusalError: it is too large, or framed in a way that isn't supported.
        """
        request, headers = self.request, self.request.headers
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
            self._expects = self.length != 0
        if self.length is not None and self.length > self.limits.body:
            raise too_large(self.limits.body)

    async def read(self) -> None:
        """Read it, where it isn't streamed.

        Raises:
            RefusalError: it didn't come in time.
        """
        content = self.request.content
        if self.streamed or not self.length:
            return
        if content.is_eof():
            self.text = content.read_nowait()
            return
        self._say_continue()
        parts = []
        try:
            async with asyncio.timeout(self.limits.request_time):
                while part := await content.readany():
                    parts.append(part)
        except TimeoutError:
            raise RefusalError(408, "the body didn't come in time; send it faster", "body-time", close=True) from None
        self.text = b"".join(parts)

    async def send(self, connection: Connection) -> None:
        """Pass it on as it comes."""
        content, limit, total = self.request.content, self.limits.body, 0
        writer = StreamWriter(connection, asyncio.get_running_loop())
        if self.length is None:
            writer.enable_chunking()
        try:
            self._say_continue()
            while part := await content.readany():
                total += len(part)
                if total > limit:
                    self._refuse(connection, too_large(limit))
                    return
                await writer.write(part)
            await writer.write_eof()
            self.sent = True
        except ConnectionError:
            return  # the worker doesn't want the rest: its answer says why
        except Exception as error:  # noqa: BLE001 - aiohttp's many ways to say that a body is malformed
            words = f"the body can't be read: {one_line(error)}"
            self._refuse(connection, RefusalError(400, words, "bad-request", close=True))

    def _say_continue(self) -> None:
        if self._expects:
            self._expects = False
            transport = self.request.transport
            if transport is not None:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, connection: Connection, refusal: RefusalError) -> None:
        self.refusal = refusal
        connection.fail(ConnectionAbortedError(str(refusal)))
