"""Connections to workers.

They are ours rather than those of aiohttp's client session, since much hangs on knowing whether a connection was a kept
one, and whether a byte has come over it. Parsing is aiohttp's.

A worker may close a kept connection at the very moment at which a request is sent over it. A request that may be
repeated then goes over a fresh connection. One that may not (POST, where ``retry`` isn't ``always``) is given a kept
connection only if that has been idle for less than a second and isn't closed; what remains is the time between that
look and the worker's reading, some microseconds: then the client is answered 502.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler

from everai_autoscaler.router.refusal import RefusalError
from everai_autoscaler.router.worker import ListeningWorker

__all__ = ["SMALL", "BrokenError", "Connection", "NeverMetError", "SilentError", "connect", "one_line"]

SMALL = 64 * 1024
"""Bytes that are read at a time, and of a body that is read before its request queues."""
CONNECT_TIME = 5.0
KEPT_FOR_ANY = 1.0
"""Seconds of idleness after which a kept connection isn't used any more for a request that can't be repeated."""


class NeverMetError(Exception):
    """There is no connection to the worker."""


class SilentError(Exception):
    """The worker went before any byte of its answer."""


class BrokenError(Exception):
    """What the worker answered is no answer, or not all of it."""


class Connection(ResponseHandler):
    """A connection to a worker."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        super().__init__(loop)
        self.answer: StreamReader | None = None
        self.heard = False
        """Whether a byte of the present answer has come."""
        self.home: list[Connection] | None = None
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

    def rest(self, home: list[Connection]) -> None:
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


async def connect(worker: ListeningWorker) -> Connection:
    """A new connection to *worker*.

    Raises:
        NeverMetError: it takes none.
        RefusalError: we can have no more.
    """
    loop = asyncio.get_running_loop()
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:  # too many files are open, which is no fault of the worker's
        raise RefusalError(503, f"{error.strerror}; come again later", "open-files", retry_after=5) from None
    try:
        sock.setblocking(False)
        async with asyncio.timeout(CONNECT_TIME):
            await loop.sock_connect(sock, (worker.host, worker.port))
        _, connection = await loop.create_connection(lambda: Connection(loop, sock), sock=sock)
    except TimeoutError:
        sock.close()
        raise NeverMetError(f"took no connection within {CONNECT_TIME:g} s") from None
    except OSError as error:
        sock.close()
        raise NeverMetError(f"takes no connection: {error.strerror or error}") from None
    except BaseException:
        sock.close()
        raise
    return connection


def one_line(error: BaseException) -> str:
    """What aiohttp or the system says, shortened to a line."""
    # In aiohttp's own words, the first line of its errors says nothing but 400.
    words = str(getattr(error, "message", "") or error).strip()
    return (words or type(error).__name__).splitlines()[0].rstrip(":")[:120]
