"""A router with small workers, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

from everai_autoscaler.model import Dispatch
from everai_autoscaler.router.router import Router
from everai_autoscaler.router.settings import Settings
from everai_autoscaler.router.upstream import Upstream
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher

PATIENCE = 10
"""Seconds after which something that should happen never will."""
GET = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n"
MEBIBYTE = 1 << 20


class Asked:
    """A request as the worker gets it."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head, self.reader, self.writer = head, reader, writer
        line, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, self.version = line.split(" ")
        self.lines = [tuple(one.split(": ", 1)) for one in lines if one]

    def get(self, name: str) -> list[str]:
        return [value for key, value in self.lines if key.lower() == name.lower()]

    async def parts(self):
        """The body, piece by piece."""
        if self.get("Transfer-Encoding"):
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
        else:
            left = int((self.get("Content-Length") or ["0"])[0])
            while left:
                part = await self.reader.read(min(left, 1 << 16))
                if not part:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(part)
                yield part

    async def body(self) -> bytes:
        return b"".join([part async for part in self.parts()])

    async def say(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()

    def break_off(self) -> None:
        """As the kernel does for a process that was killed."""
        self.writer.transport.abort()


def answer(body: bytes = b"hello", *lines: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"".join(line + b"\r\n" for line in (*lines, b"Content-Length: %d" % len(body)))
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, head, body)


async def hello(asked: Asked) -> None:
    """Answers hello, and keeps the connection."""
    await asked.body()
    await asked.say(answer())


def always(text: bytes):
    """Answers *text*, whatever is asked, and closes."""

    async def speak(asked: Asked) -> None:
        await asked.body()
        await asked.say(text)
        asked.writer.close()

    return speak


class Backend:
    """A small worker: *behaviour* is called for each request."""

    def __init__(self, behaviour: Callable[[Asked], Awaitable[None]]) -> None:
        self.behaviour = behaviour
        self.seen: list[Asked] = []
        self.connections = 0
        self.present = 0
        """Connections that are open."""
        self.writers: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.dead = False

    async def start(self, host: str = "127.0.0.1") -> int:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.create_server((host, 0), family=family, backlog=1000)
        self.sock.setblocking(False)
        # asyncio's own servers forget connections that they accept while they are closed.
        asyncio.get_running_loop().add_reader(self.sock, self._accept)
        return self.sock.getsockname()[1]

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            task = asyncio.create_task(self._serve(self.sock.accept()[0]))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _serve(self, sock: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=sock)
        self.connections += 1
        self.present += 1
        self.writers.add(writer)
        if self.dead:
            writer.transport.abort()
        try:
            while not writer.is_closing():
                asked = Asked((await reader.readuntil(b"\r\n\r\n"))[:-4], reader, writer)
                self.seen.append(asked)
                await self.behaviour(asked)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.present -= 1
            self.writers.discard(writer)
            writer.close()

    def die(self) -> None:
        """As the kernel does for a process that was killed: nobody listens, every connection is gone."""
        if not self.dead:
            self.dead = True
            asyncio.get_running_loop().remove_reader(self.sock)
            self.sock.close()
        for writer in tuple(self.writers):
            writer.transport.abort()


class Metrics:
    def __init__(self) -> None:
        self.waits: list[float] = []
        self.services: list[int] = []
        self.refusals: list[str] = []

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def served(self, seconds: float, status: int) -> None:
        self.services.append(status)

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)


class App:
    """A router with its workers."""

    def __init__(self, *, concurrency: int = 1, dispatch: str = "most-recently-used", **options) -> None:
        self.concurrency = concurrency
        self.settings = Settings(**options)
        self.dispatcher = Dispatcher[ListeningWorker](Dispatch(dispatch), longest=self.settings.limits.queue)
        self.troubles: list[tuple[str, str]] = []
        self.wants = self.changes = 0
        self.metrics = Metrics()
        self.came: list[float] = []
        self.served: list[tuple[float, float | None, float]] = []
        self.backends: list[Backend] = []
        self.names = count(1)
        self.on_trouble: Callable[[ListeningWorker], None] = lambda worker: None
        self.router = Router(
            Upstream(
                settings=self.settings,
                dispatcher=self.dispatcher,
                trouble=self._trouble,
                metrics=self.metrics,
                changed=self._changed,
                wanted=self._wanted,
                came=self.came.append,
                served=lambda *times: self.served.append(times),
            )
        )

    def _trouble(self, worker: ListeningWorker, why: str) -> None:
        self.troubles.append((worker.worker_id, why))
        self.on_trouble(worker)

    def _changed(self) -> None:
        self.changes += 1

    def _wanted(self) -> None:
        self.wants += 1

    async def add(self, behaviour: Callable[[Asked], Awaitable[None]] = hello) -> ListeningWorker:
        """One more worker, which is ready."""
        backend = Backend(behaviour)
        self.backends.append(backend)
        return self.admit(await backend.start())

    def admit(self, port: int, host: str = "127.0.0.1") -> ListeningWorker:
        """A worker that is said to listen at *port* of *host*."""
        worker = ListeningWorker(
            f"w{next(self.names)}", started_at=0, host=host, port=port, concurrency=self.concurrency
        )
        self.dispatcher.add(worker)
        self.dispatcher.ready(worker, 0)
        return worker

    def end(self, worker: ListeningWorker) -> None:
        """*worker* was seen dead."""
        worker.ended_at = 1.0
        self.dispatcher.withdraw(worker)

    async def ask(self, text: bytes = CLOSING) -> bytes:
        """All that is answered until the connection ends."""
        reader, writer = await self.connect()
        writer.write(text)
        try:
            return await reader.read()
        finally:
            writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def app(*behaviours: Callable[[Asked], Awaitable[None]], **options):
    made = App(**options)
    for behaviour in behaviours:
        await made.add(behaviour)
    made.port = await made.router.start("127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE * 6):
            yield made
    finally:
        await made.router.stop(drain=0)
        for backend in made.backends:
            backend.die()
            for task in backend.tasks:
                task.cancel()
        await asyncio.gather(*(task for backend in made.backends for task in backend.tasks), return_exceptions=True)
        for _ in range(3):
            await asyncio.sleep(0)  # sockets close a turn after their tasks


async def until(fact: Callable[[], object]) -> None:
    """Wait until *fact* is true."""
    async with asyncio.timeout(PATIENCE):
        while not fact():  # noqa: ASYNC110 - other people's facts have no events
            await asyncio.sleep(0.001)


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """An answer with a length: its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    )
    return head, await reader.readexactly(length)


def status(text: bytes) -> int:
    return int(text.split(b" ", 2)[1])


def parts_of(text: bytes) -> tuple[bytes, bytes]:
    head, _, body = text.partition(b"\r\n\r\n")
    return head, body


def post(body: bytes, *lines: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"Host: app", *lines, b"Content-Length: %d" % len(body)))
    return b"POST / HTTP/1.1\r\n%b\r\n%b" % (head, body)


class Gate:
    """A worker that answers when it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.inside = 0

    async def __call__(self, asked: Asked) -> None:
        await asked.body()
        self.inside += 1
        await self.open.wait()
        await asked.say(answer())


def in_loop(story: Callable[[], Awaitable[object]]):
    return asyncio.run(story())
