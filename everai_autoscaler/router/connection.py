"""A connection to a worker.

``aiohttp.ClientSession`` hides two facts that decide whether a failed request may be repeated: was the connection used
before, and has any byte of the answer come? So connections are our own; parsing is aiohttp's.

A worker may close an idle connection at the very moment at which a request is sent over it. A request that may be
repeated then goes over a new connection. One that may not (POST, where ``retry`` isn't ``always``) is sent over an idle
connection only if that was used within the last second and isn't closed; what remains are the microseconds between that
check and the worker's reading: then the client is answered 502.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from math import inf

from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler

__all__ = ["SMALL", "BrokenAnswerError", "Connection", "NoAnswerError", "NoConnectionError", "one_line"]

SMALL = 64 * 1024
"""Bytes that are read at a time, and the longest body that is read before its request queues."""


class NoConnectionError(Exception):
    """There is no connection to the worker."""


class NoAnswerError(Exception):
    """The worker ended the connection before any byte of its answer."""


class BrokenAnswerError(Exception):
    """What the worker answered isn't HTTP, or isn't the whole answer."""


class Connection(ResponseHandler):
    """A connection to a worker."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        super().__init__(loop)
        self.answer: StreamReader | None = None
        self.heard = False
        """Whether a byte of the present answer has come."""
        self.chunked = False
        """Whether the last answer was chunked."""
        self.idle_among: list[Connection] | None = None
        """The idle connections of its worker, while it is one of them."""
        self._idle_since = 0.0
        self._sock = sock
        self._bodiless: bool | None = None

    def ask(self, method: str, text: bytes) -> None:
        """Send *text*, a request or its head, and expect an answer to *method*."""
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
            self.transport.write(text)

    def is_open(self, *, used_within: float = inf) -> bool:
        """Whether it was used within so many seconds and the worker hasn't closed it, as the kernel has it now."""
        if time.monotonic() - self._idle_since >= used_within:
            return False
        if self.transport is None or self.transport.is_closing() or self.should_close:
            return False
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # closed, or the worker speaks unasked

    def rest(self, among: list[Connection]) -> None:
        """Wait *among* the idle connections of its worker, until it is used or lost."""
        self._idle_since = time.monotonic()
        self.idle_among = among
        among.append(self)

    def fail(self, error: ConnectionError | None = None) -> None:
        """Close it at once; whatever reads from it gets the *error*."""
        if error is not None:
            if self.answer is not None and not self.answer.is_eof():
                self.answer.set_exception(error)
            elif self.answer is None:
                self.set_exception(error)
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """A part of an answer has come; or something unasked, which must not be taken for an answer."""
        if data:  # aiohttp calls it with nothing, too, to go on with what it has
            if self.idle_among is not None:
                self.fail()
                return
            self.heard = True
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The worker has closed it, or it broke."""
        if self.idle_among is not None:
            with suppress(ValueError):
                self.idle_among.remove(self)
            self.idle_among = None
        if exc is not None:
            # A worker may answer without reading the body, and close: sending breaks before its answer was read.
            with suppress(OSError):
                while text := self._sock.recv(SMALL):
                    self.data_received(text)
        answer = self.answer
        if exc is not None and answer is not None and not answer.is_eof():
            # An answer that ends with its connection isn't whole when that breaks.
            answer.set_exception(ConnectionResetError("connection broken"))
        super().connection_lost(exc)
        if answer is not None and not answer.is_eof() and answer.exception() is None:
            answer.set_exception(ConnectionResetError("connection lost"))


def one_line(error: BaseException) -> str:
    """What aiohttp or the system says, shortened to a line."""
    # In aiohttp's own text, the first line of its errors says nothing but 400.
    text = str(getattr(error, "message", "") or error).strip()
    return (text or type(error).__name__).splitlines()[0].rstrip(":")[:120]
