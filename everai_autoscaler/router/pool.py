"""Connections to workers: new ones, and idle ones that wait for the next request."""

from __future__ import annotations

import asyncio
import socket

from everai_autoscaler.router.connection import Connection, NoConnectionError
from everai_autoscaler.router.refusal import RefusalError
from everai_autoscaler.router.worker import ListeningWorker

__all__ = ["Pool"]

CONNECT_TIME = 5.0


class Pool:
    """The connections of one router."""

    def __init__(self) -> None:
        self._idle: dict[ListeningWorker, list[Connection]] = {}

    def take(self, worker: ListeningWorker, *, used_within: float) -> Connection | None:
        """An idle connection to *worker* that was used within so many seconds, if there is an open one."""
        idle = self._idle.get(worker)
        while idle:
            connection = idle.pop()
            connection.idle_among = None
            if connection.is_open(used_within=used_within):
                return connection
            connection.fail()
        return None

    def give(self, worker: ListeningWorker, connection: Connection) -> None:
        """Let *connection* wait for the next request to *worker*."""
        connection.rest(self._idle.setdefault(worker, []))

    async def connect(self, worker: ListeningWorker) -> Connection:
        """A new connection to *worker*.

        Raises:
            NoConnectionError: the worker takes none.
            RefusalError: we can have no more.
        """
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in worker.host else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # too many files are open, which is no fault of the worker's
            raise RefusalError(503, f"{error.strerror}; come again later", "open-files", retry_after=5) from None
        try:
            sock.setblocking(False)
            async with asyncio.timeout(CONNECT_TIME):
                await loop.sock_connect(sock, (worker.host, worker.port))
            _, connection = await loop.create_connection(lambda: Connection(loop, sock), sock=sock)
        except BaseException as error:
            sock.close()
            if isinstance(error, TimeoutError):
                raise NoConnectionError(f"took no connection within {CONNECT_TIME:g} s") from None
            if isinstance(error, OSError):
                raise NoConnectionError(f"takes no connection: {error.strerror or error}") from None
            raise
        return connection

    def forget(self) -> None:
        """Drop the workers that have no idle connection: most of them are gone."""
        for worker in [worker for worker, idle in self._idle.items() if not idle]:
            del self._idle[worker]

    def close(self) -> None:
        """Close all idle connections."""
        for idle in self._idle.values():
            for connection in tuple(idle):
                connection.fail()
