"""Answers of the router itself, and how a connection is cut where no answer is possible any more."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

from aiohttp import web

__all__ = ["CLOSED", "KEPT", "RefusalError", "cut", "stopping", "too_large"]


class RefusalError(Exception):
    """A request that the router answers itself."""

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


def too_large(limit: int) -> RefusalError:
    """Refuses a body of more than *limit* bytes."""
    return RefusalError(413, f"the body is larger than {limit} bytes; send less", "body-size", close=True)


def stopping() -> RefusalError:
    """Refuses any request while the app ends."""
    return RefusalError(503, "the app stops; come again later", "stopping", retry_after=5, close=True)


def cut(request: web.BaseRequest) -> web.StreamResponse:
    """Cut the client's connection, so that it can't take what it has for the whole answer."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        with suppress(OSError):
            # A plain end would be the right one for an answer without a length.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return CLOSED


class _Written(web.StreamResponse):
    """An answer that has been written already."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to do."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to do."""


KEPT = _Written()
KEPT._keep_alive = True  # noqa: SLF001
CLOSED = _Written()
CLOSED.force_close()
