"""What the router promises to clients and workers, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count

import psutil
import pytest

from everai_autoscaler.errors import StateError
from everai_autoscaler.local.spec import Local
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.model import QueueReason, WorkerStatus
from everai_autoscaler.router import router as router_module
from everai_autoscaler.router.router import Router
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

    async def start(self) -> int:
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=1000)
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

    def __init__(self, **options) -> None:
        self.local = Local(command=["true"], **options)
        self.dispatcher = Dispatcher(self.local.dispatch, longest=self.local.limits.queue)
        self.troubles: list[tuple[str, str]] = []
        self.wants = self.changes = 0
        self.metrics = Metrics()
        self.backends: list[Backend] = []
        self.names = count(1)
        self.on_trouble: Callable[[LocalWorker], None] = lambda worker: None
        self.router = Router(
            self.local,
            self.dispatcher,
            trouble=self._trouble,
            metrics=self.metrics,
            changed=self._changed,
            wanted=self._wanted,
        )

    def _trouble(self, worker: LocalWorker, why: str) -> None:
        self.troubles.append((worker.worker_id, why))
        self.on_trouble(worker)

    def _changed(self) -> None:
        self.changes += 1

    def _wanted(self) -> None:
        self.wants += 1

    async def add(self, behaviour: Callable[[Asked], Awaitable[None]] = hello) -> LocalWorker:
        """One more worker, which is ready."""
        backend = Backend(behaviour)
        self.backends.append(backend)
        return self.admit(await backend.start())

    def admit(self, port: int) -> LocalWorker:
        """A worker that is said to listen at *port*."""
        worker = LocalWorker(f"w{next(self.names)}", started_at=0, port=port, concurrency=self.local.concurrency)
        self.dispatcher.add(worker)
        self.dispatcher.ready(worker, 0)
        return worker

    def end(self, worker: LocalWorker) -> None:
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


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port on which nobody listens, and that nobody is given meanwhile."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def in_loop(story: Callable[[], Awaitable[object]]):
    return asyncio.run(story())


class TestPassesOn:
    """What the worker sees, and what the client."""

    def test_request_and_answer(self) -> None:
        """The worker gets method, path, headers and body; the client status, reason, headers and body."""

        async def behave(asked: Asked) -> None:
            assert b"the body" == await asked.body()
            await asked.say(answer(b"made", b"X-Kind: A", status=b"201 Well Made"))

        async def story():
            async with app(behave) as running:
                text = await running.ask(
                    b"PUT /a%20b/../c?x=1&y=%2F HTTP/1.1\r\nHost: example.org:81\r\nX-Mine: 1\r\n"
                    b"Connection: close\r\nContent-Length: 8\r\n\r\nthe body"
                )
                return running.backends[0].seen[0], text

        asked, text = in_loop(story)
        head, body = parts_of(text)

        assert ("PUT", "/a%20b/../c?x=1&y=%2F", "HTTP/1.1") == (asked.method, asked.path, asked.version)
        assert ["example.org:81"] == asked.get("Host")
        assert ["1"] == asked.get("X-Mine")
        assert head.startswith(b"HTTP/1.1 201 Well Made\r\n")
        assert b"X-Kind: A" in head
        assert b"made" == body

    def test_who_asked(self) -> None:
        """The worker is told for whom the router asks; what a proxy before it said is kept."""

        async def story():
            async with app(hello) as running:
                await running.ask()
                await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
                    b"X-Forwarded-Host: front\r\nConnection: close\r\n\r\n"
                )
                return running.backends[0].seen

        names = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
        plain, behind = ([asked.get(name) for name in names] for asked in in_loop(story))

        assert [["127.0.0.1"], ["http"], ["app"]] == plain
        assert [["10.0.0.1, 127.0.0.1"], ["https"], ["front"]] == behind

    def test_hop_by_hop_headers_end_here(self) -> None:
        """What is between two neighbours goes no further, in either direction; the client's ``close`` is its own."""
        said = answer(b"x", b"Keep-Alive: timeout=5", b"Connection: X-Inner", b"X-Inner: 1", b"X-Outer: 1")

        async def story():
            async with app(always(said)) as running:
                text = await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nConnection: close, X-Hop, Host\r\nX-Hop: 1\r\nX-End: 1\r\n"
                    b"Keep-Alive: 1\r\nTE: trailers\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\n\r\n"
                )
                return running.backends[0].seen[0], text

        asked, text = in_loop(story)

        assert {"Host", "X-End", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} == dict(asked.lines).keys()
        assert b"X-Outer" in text
        assert b"X-Inner" not in text
        assert b"Keep-Alive" not in text
        assert b"Connection: close" in text

    def test_connection_may_come_twice(self) -> None:
        """Whatever either line names goes no further."""
        said = answer(b"x", b"Connection: keep-alive", b"Connection: X-Inner", b"X-Inner: 1")

        async def story():
            async with app(always(said)) as running:
                text = await running.ask(CLOSING.replace(b"\r\n\r\n", b"\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"))
                return running.backends[0].seen[0].get("X-Hop"), b"X-Inner" in text

        assert ([], False) == in_loop(story)

    def test_the_admin_sides_pass_reaches_no_app(self) -> None:
        """A browser sends a host's cookies to all of its ports; the app gets its own ones only."""

        async def story():
            async with app(hello) as running:
                await running.ask(
                    b"GET / HTTP/1.1\r\nHost: x\r\nCookie: everai_autoscaler_81=x; a=1; everai_autoscaler_1=y; b=2\r\n"
                    b"Cookie: c=3\r\nConnection: close\r\n\r\n"
                )
                return running.backends[0].seen[0]

        assert ["a=1; b=2", "c=3"] == in_loop(story).get("Cookie")

    def test_headers_that_come_twice(self) -> None:
        """Each is passed on, in its order, with bytes that are no UTF-8 as they are."""
        said = answer(b"", b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X-Odd: \xff\xfe")

        async def story():
            async with app(always(said)) as running:
                text = await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nX-Twice: 1\r\nX-Odd: \xff\r\nX-Twice: 2\r\n"
                    b"Connection: close\r\n\r\n"
                )
                return running.backends[0].seen[0], text

        asked, text = in_loop(story)

        assert ["1", "2"] == asked.get("X-Twice")
        assert ["\xff"] == asked.get("X-Odd")
        assert b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Odd: \xff\xfe\r\n" in text

    def test_encodings_and_redirects(self) -> None:
        """A compressed body stays as it is, in both directions, and where a redirect leads is the client's affair."""
        packed = b"\x1f\x8b not really gzip"
        said = answer(packed, b"Content-Encoding: gzip", b"Location: /elsewhere", status=b"302 Found")
        bodies = []

        async def behave(asked: Asked) -> None:
            bodies.append(await asked.body())
            await asked.say(said)

        async def story():
            async with app(behave) as running:
                return await running.ask(post(packed, b"Content-Encoding: gzip", b"Connection: close"))

        head, body = parts_of(in_loop(story))

        assert 302 == status(head)
        assert b"Location: /elsewhere" in head
        assert [packed] == bodies
        assert packed == body

    @pytest.mark.parametrize(
        ("method", "said", "length"),
        [
            (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", True),
            (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", False),
            (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", False),
            (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 500\r\n\r\n", False),
            (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: x\r\n\r\n", True),
        ],
    )
    def test_answers_without_a_body(self, method: bytes, said: bytes, length: bool) -> None:
        """They have none here either, and both connections stay."""

        async def behave(asked: Asked) -> None:
            await asked.say(said)

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                heads = []
                for _ in range(2):
                    writer.write(method + b" / HTTP/1.1\r\nHost: app\r\n\r\n")
                    heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.close()
                return heads, running.backends[0].connections

        heads, connections = in_loop(story)

        assert heads[0] == heads[1]
        assert length == (b"Content-Length: 500" in heads[0])
        assert b"Transfer-Encoding" not in heads[0]
        assert 1 == connections

    def test_an_answer_that_ends_with_its_connection(self) -> None:
        """A worker of HTTP/1.0 needn't say how long its answer is: the client gets chunks."""

        async def story():
            async with app(always(b"HTTP/1.0 200 OK\r\n\r\nto the end")) as running:
                return await running.ask()

        head, body = parts_of(in_loop(story))

        assert b"Transfer-Encoding: chunked" in head
        assert b"a\r\nto the end\r\n0\r\n\r\n" == body

    def test_interim_answers(self) -> None:
        """A worker's 100 or 103 is for us; the client gets the answer."""

        async def story():
            said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer()
            async with app(always(said)) as running:
                return await running.ask()

        assert in_loop(story).startswith(b"HTTP/1.1 200 OK\r\n")

    def test_kept_connections(self) -> None:
        """A client's connection serves many requests, and so does the worker's."""

        async def story():
            async with app(hello) as running:
                reader, writer = await running.connect()
                bodies = []
                for _ in range(5):
                    writer.write(GET)
                    bodies.append((await read_answer(reader))[1])
                writer.close()
                return bodies, running.backends[0].connections

        assert ([b"hello"] * 5, 1) == in_loop(story)

    def test_pipelined_requests(self) -> None:
        """Are answered one after the other."""

        async def behave(asked: Asked) -> None:
            await asked.say(answer(asked.path.encode()))

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: app\r\n\r\n" % number for number in range(5)))
                bodies = [(await read_answer(reader))[1] for _ in range(5)]
                writer.close()
                return bodies

        assert [b"/0", b"/1", b"/2", b"/3", b"/4"] == in_loop(story)

    def test_a_workers_trailers_are_not_the_next_clients_headers(self) -> None:
        """What one client's answer ends with isn't shown to another, although the connection to the worker is kept."""

        async def behave(asked: Asked) -> None:
            if asked.path == "/first":
                await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: mine\r\n\r\n")
            else:
                await asked.say(answer())

        async def story():
            async with app(behave) as running:
                await running.ask(CLOSING.replace(b" / ", b" /first "))
                return await running.ask(), running.backends[0].connections

        text, connections = in_loop(story)

        assert 200 == status(text)
        assert b"mine" not in text
        assert 1 == connections

    def test_a_clients_trailers_are_not_its_next_requests_headers(self) -> None:
        """A connection over which chunks came is closed, whatever came after them."""

        async def story():
            async with app(hello) as running:
                text = await running.ask(
                    b"POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-User: root\r\n\r\n" + GET
                )
                return text, running.backends[0].seen

        text, seen = in_loop(story)

        assert b"Connection: close" in text
        assert ["POST"] == [asked.method for asked in seen]

    def test_a_target_with_its_host(self) -> None:
        """A client that takes us for a proxy is understood."""

        async def story():
            async with app(hello) as running:
                await running.ask(b"GET http://app/a?b HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
                return running.backends[0].seen[0].path

        assert "/a?b" == in_loop(story)


class TestOldClients:
    """HTTP/1.0, ab among them."""

    @pytest.mark.parametrize("kept", [False, True])
    def test_get_no_chunks(self, kept: bool) -> None:
        """An answer of unknown length ends with the connection, whatever the client asked for."""
        said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

        async def story():
            async with app(always(said)) as running:
                extra = b"Connection: Keep-Alive\r\n" if kept else b""
                return await running.ask(b"GET / HTTP/1.0\r\nHost: app\r\n" + extra + b"\r\n")

        assert (b"HTTP/1.0 200 OK\r\nConnection: close", b"abcde") == parts_of(in_loop(story))

    def test_keep_their_connection_where_they_ask_for_it(self) -> None:
        """With a length, a connection serves many requests; one that isn't asked to be kept is closed."""

        async def story():
            async with app(hello) as running:
                reader, writer = await running.connect()
                kept = []
                for _ in range(3):
                    writer.write(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                    kept.append(await read_answer(reader))
                writer.close()
                return kept, await running.ask(b"GET / HTTP/1.0\r\n\r\n"), running.backends[0].seen

        kept, closed, seen = in_loop(story)

        assert [b"hello"] * 3 == [body for _, body in kept]
        assert b"Connection: keep-alive" in kept[0][0]
        assert b"Connection: close" in closed
        assert 1 == len(seen[0].get("Host"))

    def test_an_answer_cut_short_looks_cut(self) -> None:
        """Without a length or chunks, only a broken connection says that there was more."""

        async def chunks(asked: Asked) -> None:
            await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await until(lambda: got)
            asked.break_off()

        got = []

        async def story():
            async with app(chunks) as running:
                reader, writer = await running.connect()
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                await reader.readuntil(b"abc")
                got.append(True)
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()
                return running.troubles

        assert 1 == len(in_loop(story))


class TestStreams:
    """Nothing is held that can be passed on."""

    def test_events_one_by_one(self) -> None:
        """The client has each server-sent event before the worker makes the next."""

        async def story():
            turn = asyncio.Semaphore(0)

            async def behave(asked: Asked) -> None:
                await asked.say(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                for number in range(3):
                    await turn.acquire()
                    event = b"data: %d\n\n" % number
                    await asked.say(b"%x\r\n%b\r\n" % (len(event), event))
                await asked.say(b"0\r\n\r\n")

            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(GET)
                await reader.readuntil(b"\r\n\r\n")
                for number in range(3):
                    turn.release()
                    assert b"9\r\ndata: %d\n\n\r\n" % number == await reader.readuntil(b"\n\n\r\n")
                end = await reader.readexactly(5)
                writer.close()
                return end, running.dispatcher.completions

        assert (b"0\r\n\r\n", 1) == in_loop(story)

    def test_both_ways_at_once(self) -> None:
        """A worker answers while the body still comes: an echo is heard word by word."""

        async def behave(asked: Asked) -> None:
            await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            async for part in asked.parts():
                await asked.say(b"%x\r\n%b\r\n" % (len(part), part))
            await asked.say(b"0\r\n\r\n")

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
                for word in (b"one", b"two", b"three"):
                    writer.write(b"%x\r\n%b\r\n" % (len(word), word))
                    assert b"%x\r\n%b\r\n" % (len(word), word) == await reader.readuntil(word + b"\r\n")
                writer.write(b"0\r\n\r\n")
                end = await reader.readexactly(5)
                writer.close()
                again = await running.ask(post(b"", b"Connection: close"))
                return end, status(again), running.backends[0].connections

        assert (b"0\r\n\r\n", 200, 1) == in_loop(story)

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_large_bodies_take_no_memory(self, framing: str) -> None:
        """200 MB up and 200 MB down, and the process stays as small as it was."""
        part, parts = bytes(MEBIBYTE), 200
        chunk = b"%x\r\n%b\r\n" % (len(part), part)
        head = b"Content-Length: %d\r\n\r\n" % (parts * MEBIBYTE)
        if framing == "chunked":
            head = b"Transfer-Encoding: chunked\r\n\r\n"
        piece = chunk if framing == "chunked" else part
        end = b"0\r\n\r\n" if framing == "chunked" else b""
        sizes = []

        async def behave(asked: Asked) -> None:
            sizes.append(0)
            async for one in asked.parts():
                sizes[0] += len(one)
            await asked.say(b"HTTP/1.1 200 OK\r\n" + head)
            for _ in range(parts):
                await asked.say(piece)
            await asked.say(end)
            asked.writer.close()

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                process, before = psutil.Process(), psutil.Process().memory_info().rss
                most, got = 0, 0
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n" + head)
                for _ in range(parts):
                    writer.write(piece)
                    await writer.drain()
                writer.write(end)
                await reader.readuntil(b"\r\n\r\n")
                while text := await reader.read(1 << 16):
                    got += len(text)
                    most = max(most, process.memory_info().rss)
                writer.close()
                return got, most - before

        got, grown = in_loop(story)

        assert [parts * MEBIBYTE] == sizes
        assert parts * MEBIBYTE <= got <= parts * MEBIBYTE * 1.01
        assert grown < 40 * MEBIBYTE

    def test_a_client_that_reads_slowly(self) -> None:
        """The worker is made to wait; nothing piles up here."""
        written = 0

        async def behave(asked: Asked) -> None:
            nonlocal written
            await asked.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (100 * MEBIBYTE))
            for _ in range(100):
                await asked.say(bytes(MEBIBYTE))
                written += 1

        async def story():
            async with app(behave) as running:
                sock = socket.create_connection(("127.0.0.1", running.port))
                sock.sendall(GET)
                seen = -1
                # Until nothing moves any more.
                while seen != written:
                    seen = written
                    for _ in range(30):
                        await asyncio.sleep(0.005)
                sock.close()
                await until(lambda: not len(running.dispatcher) and not running.router._open)
                return seen

        assert in_loop(story) < 20

    def test_a_client_that_asks_on_without_reading(self) -> None:
        """Answers to requests that come one after the other don't pile up either."""

        async def behave(asked: Asked) -> None:
            await asked.say(answer(bytes(60_000)))

        async def story():
            async with app(behave) as running:
                sock = socket.create_connection(("127.0.0.1", running.port))
                sock.sendall(GET * 500)
                before = -1
                while before != len(running.backends[0].seen):
                    before = len(running.backends[0].seen)
                    for _ in range(30):
                        await asyncio.sleep(0.005)
                sock.close()
                return before

        assert 0 < in_loop(story) < 250

    def test_a_client_that_is_slow_holds_no_worker_with_what_is_small(self) -> None:
        """The worker is free once its answer is here; and it isn't bothered before a small body is here."""

        async def behave(asked: Asked) -> None:
            await asked.body()
            await asked.say(answer(bytes(60_000)))

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(post(b"0123456789")[:-5])
                await until(lambda: running.router._open)
                quick = await running.ask()
                assert not running.backends[0].seen[1:]
                writer.write(b"56789")
                await until(lambda: running.dispatcher.completions == 2)
                body = (await read_answer(reader))[1]
                writer.close()
                return status(quick), len(body)

        assert (200, 60_000) == in_loop(story)

    def test_an_answer_before_the_body_was_sent(self) -> None:
        """A worker that refuses a large body at once is heard."""

        async def behave(asked: Asked) -> None:
            await asked.say(answer(b"no", b"Connection: close", status=b"403 Forbidden"))

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\n")
                writer.write(bytes(1000))
                found = await read_answer(reader)
                writer.close()
                await until(lambda: not running.backends[0].present)
                return status(found[0]), found[1]

        assert (403, b"no") == in_loop(story)

    def test_an_answer_before_a_connection_breaks(self) -> None:
        """A worker that refuses a large body and closes without reading it is heard, each time."""

        def refuse(listening: socket.socket) -> None:
            sock, _ = listening.accept()
            while len(sock.recv(1 << 20, socket.MSG_PEEK)) < 100_000:
                time.sleep(0.001)
            sock.sendall(answer(b"no", b"Connection: close", status=b"413 Too Large"))
            sock.close()

        async def ask(running: App, listening: socket.socket) -> int:
            reader, writer = await running.connect()
            writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10000000\r\n\r\n" + bytes(9_000_000))
            refusing = asyncio.to_thread(refuse, listening)
            (head, _), _ = await asyncio.wait_for(asyncio.gather(read_answer(reader), refusing), PATIENCE)
            writer.close()
            return status(head)

        async def story():
            async with app() as running:
                with socket.create_server(("127.0.0.1", 0)) as listening:
                    running.admit(listening.getsockname()[1])
                    return {await ask(running, listening) for _ in range(20)}

        assert {413} == in_loop(story)

    def test_a_connection_over_which_half_a_body_went_is_not_kept(self) -> None:
        """The worker would take the next request for the rest of that body."""

        async def behave(asked: Asked) -> None:
            await asked.say(answer(b"no", status=b"403 Forbidden"))
            await asked.reader.read()

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\n")
                writer.write(bytes(1000))
                found = await read_answer(reader)
                await until(lambda: not running.backends[0].present)
                writer.close()
                return status(found[0])

        assert 403 == in_loop(story)


class TestQueue:
    """Who waits for what."""

    def test_first_come_first_served(self) -> None:
        """A worker of concurrency 1 has one request at a time, in the order in which they came."""
        most = 0

        async def story():
            gate = Gate()

            async def behave(asked: Asked) -> None:
                nonlocal most
                most = max(most, sum(worker.serving for worker in running.dispatcher._here))
                await gate(asked)

            async with app(behave) as running:
                asks = []
                for number in range(5):
                    asks.append(
                        asyncio.create_task(
                            running.ask(b"GET /%d HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n" % number)
                        )
                    )
                    await until(lambda: len(running.dispatcher) == number and gate.inside)  # noqa: B023
                reasons = running.dispatcher.summary()
                gate.open.set()
                texts = await asyncio.gather(*asks)
                return reasons, {status(text) for text in texts}, [asked.path for asked in running.backends[0].seen]

        assert ({QueueReason.QueueDueBusy: 4}, {200}, ["/0", "/1", "/2", "/3", "/4"]) == in_loop(story)
        assert 1 == most

    def test_waits_for_the_first_worker(self) -> None:
        """Without a worker a request waits as NotDispatch, says that one is wanted, and is served once there is one."""

        async def story():
            async with app() as running:
                asking = asyncio.create_task(running.ask())
                await until(lambda: len(running.dispatcher))
                before = running.dispatcher.summary(), running.wants
                await running.add(hello)
                return before, status(await asking), running.wants, len(running.metrics.waits)

        assert (({QueueReason.NotDispatch: 1}, 1), 200, 1, 1) == in_loop(story)

    @pytest.mark.parametrize(
        ("session", "line"), [({"header": "X-Session"}, b"x-session: %b"), ({"cookie": "sid"}, b"Cookie: a=b; sid=%b")]
    )
    def test_sessions(self, session: dict[str, str], line: bytes) -> None:
        """A session's requests are its worker's alone, and wait for it as SessionWorkerBusy."""

        def request(name: bytes) -> bytes:
            return b"GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n" + line % name + b"\r\n\r\n"

        async def story():
            gates = Gate(), Gate()
            async with app(*gates, session=session) as running:
                asks = [asyncio.create_task(running.ask(request(b"one")))]
                await until(lambda: sum(gate.inside for gate in gates))
                asks.append(asyncio.create_task(running.ask(request(b"one"))))
                await until(lambda: len(running.dispatcher))
                reasons = running.dispatcher.summary()
                asks.append(asyncio.create_task(running.ask(request(b"two"))))
                await until(lambda: sum(gate.inside for gate in gates) == 2)
                for gate in gates:
                    gate.open.set()
                await asyncio.gather(*asks)
                pinned = sorted(len(worker.sessions) for worker in running.dispatcher._here)
                return reasons, sorted(gate.inside for gate in gates), pinned

        assert ({QueueReason.QueueDueSession: 1}, [1, 2], [1, 1]) == in_loop(story)

    @pytest.mark.parametrize(
        ("session", "said", "line"),
        [
            ({"header": "Mcp-Session-Id"}, b"mcp-session-id: 7", b"Mcp-Session-Id: 7"),
            ({"cookie": "sid"}, b"Set-Cookie: sid=7; Path=/; HttpOnly", b"Cookie: a=b; sid=7"),
        ],
    )
    def test_sessions_that_a_worker_begins(self, session: dict[str, str], said: bytes, line: bytes) -> None:
        """Who was given a session by a worker's answer comes to that worker again, and pins it."""

        async def begins(asked: Asked) -> None:
            await asked.say(answer(b"first", b"Set-Cookie: other=1", said))

        async def story():
            async with app(begins, hello, session=session, dispatch="longest-idle") as running:
                await running.ask()
                again = await running.ask(CLOSING.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n"))
                return again, [len(worker.sessions) for worker in running.dispatcher._here]

        again, pinned = in_loop(story)

        assert b"first" in again
        assert [1, 0] == pinned

    @pytest.mark.parametrize("said", [b"sid=; Path=/", b'sid=""; Max-Age=0; Path=/', b"sidney=7", b"sid"])
    def test_cookies_that_begin_no_session(self, said: bytes) -> None:
        """A cookie that is taken back, or another one, pins nobody."""

        async def story():
            async with app(always(answer(b"", b"Set-Cookie: " + said)), session={"cookie": "sid"}) as running:
                await running.ask()
                return [len(worker.sessions) for worker in running.dispatcher._here]

        assert [0] == in_loop(story)

    def test_an_empty_session_is_none(self) -> None:
        """Whoever names no session is pinned to nobody: neither by an empty header nor by an empty cookie."""

        async def story():
            async with app(hello, session={"header": "X-Session", "cookie": "sid"}) as running:
                await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\nX-Session:\r\nCookie: sid=\r\n\r\n"
                )
                (worker,) = running.dispatcher._here
                return worker.sessions

        assert {} == in_loop(story)

    def test_a_session_ends(self) -> None:
        """After its timeout the worker is nobody's."""

        async def story():
            async with app(hello, session={"header": "X-Session", "timeout": 0.01}) as running:
                await running.ask(CLOSING.replace(b"\r\n\r\n", b"\r\nX-Session: one\r\n\r\n"))
                (worker,) = running.dispatcher._here
                held = len(worker.sessions)
                await until(lambda: not worker.sessions)
                return held

        assert 1 == in_loop(story)


class TestClientsThatLeave:
    """Nobody works for a client that is gone."""

    def test_while_it_waits(self) -> None:
        """It leaves the queue."""

        async def story():
            async with app() as running:
                _, writer = await running.connect()
                writer.write(GET)
                await until(lambda: len(running.dispatcher))
                writer.close()
                await until(lambda: not len(running.dispatcher))
                return running.dispatcher.completions, running.metrics.services

        assert (0, []) == in_loop(story)

    @pytest.mark.parametrize("sent", [1_000, 200_000])
    def test_while_it_waits_with_a_body_that_nobody_reads_yet(self, sent: int) -> None:
        """It leaves the queue, too, although its going stands behind bytes that aren't read."""

        async def story():
            async with app() as running:
                _, writer = await running.connect()
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\n" + bytes(sent))
                await until(lambda: len(running.dispatcher) and not writer.transport.get_write_buffer_size())
                writer.close()
                await until(lambda: not len(running.dispatcher))
                return running.dispatcher.completions

        assert 0 == in_loop(story)

    def test_while_it_waits_with_more_requests_than_are_read(self) -> None:
        """It leaves the queue, too, although its going stands behind requests that it has sent ahead."""

        async def story():
            async with app() as running:
                _, writer = await running.connect()
                writer.write(GET * 200)
                await until(lambda: len(running.dispatcher))
                writer.close()
                await until(lambda: not len(running.dispatcher))
                return running.dispatcher.completions

        assert 0 == in_loop(story)

    @pytest.mark.parametrize("began", [False, True])
    def test_while_it_is_served(self, began: bool) -> None:
        """The worker is free for the next at once, and sees the connection close."""

        async def story():
            inside, left = asyncio.Event(), asyncio.Event()

            async def behave(asked: Asked) -> None:
                if asked.path == "/next":
                    await asked.say(answer())
                    return
                if began:
                    await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
                inside.set()
                await asked.reader.read()
                left.set()

            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(GET)
                if began:
                    await reader.readuntil(b"x\r\n")
                await inside.wait()
                asking = asyncio.create_task(running.ask(CLOSING.replace(b" / ", b" /next ")))
                await until(lambda: len(running.dispatcher))
                writer.close()
                text = await asking
                await asyncio.wait_for(left.wait(), PATIENCE)
                return status(text), running.dispatcher.completions, running.metrics.services, running.troubles

        assert (200, 1, [499, 200], []) == in_loop(story)

    def test_while_it_sends(self) -> None:
        """A worker that has half a body is free at once, and isn't left to think that it was all."""

        async def story():
            cut = []

            async def behave(asked: Asked) -> None:
                try:
                    await asked.body()
                except asyncio.IncompleteReadError:
                    cut.append(True)
                    raise

            async with app(behave) as running:
                _, writer = await running.connect()
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
                await until(lambda: running.backends[0].seen)
                writer.close()
                await until(lambda: cut)
                (worker,) = running.dispatcher._here
                await until(lambda: not worker.serving)
                return worker.status

        assert WorkerStatus.Free is in_loop(story)


class TestLimits:
    """Each has its clear answer."""

    def test_queue_length(self) -> None:
        """One more than may wait is answered 503, with a hint when to come again."""

        async def story():
            async with app(limits={"queue": 1}) as running:
                waiting = asyncio.create_task(running.ask())
                await until(lambda: len(running.dispatcher))
                text = await running.ask()
                await running.add(hello)
                return text, status(await waiting), running.metrics.refusals

        text, served, refusals = in_loop(story)

        assert 503 == status(text)
        assert b"Retry-After: 5" in text
        assert text.endswith(b"\r\n\r\n1 requests wait already; come again later\n")
        assert 200 == served
        assert ["queue-full"] == refusals

    def test_time_in_the_queue(self) -> None:
        """Who waits too long is answered 504, and waits no more; the connection stays."""

        async def story():
            async with app(limits={"queue_time": 0.02}) as running:
                reader, writer = await running.connect()
                found = []
                for _ in range(2):
                    writer.write(GET)
                    found.append(await read_answer(reader))
                writer.close()
                return found, len(running.dispatcher), running.metrics.refusals

        found, waiting, refusals = in_loop(story)

        assert [504, 504] == [status(head) for head, _ in found]
        assert b"no worker was free within 0.02 s; come again later\n" == found[0][1]
        assert 0 == waiting
        assert ["queue-time"] * 2 == refusals

    def test_time_in_the_queue_of_what_was_put_back(self) -> None:
        """What a request has waited before its worker died counts: it isn't given its time anew."""

        async def dying(asked: Asked) -> None:
            asked.break_off()

        async def story():
            now = 0.0
            async with app(limits={"queue_time": 60}) as running:
                running.router.clock = lambda: now
                running.on_trouble = running.end
                asking = asyncio.create_task(running.ask())
                await until(lambda: len(running.dispatcher))
                now = 59.99
                await running.add(dying)
                return status(await asking), running.metrics.waits

        assert (504, [59.99]) == in_loop(story)

    def test_request_time_before_the_first_byte(self) -> None:
        """A worker that takes too long is left alone: 504, and it is free."""

        async def story():
            async with app(Gate(), limits={"request_time": 0.02}) as running:
                text = await running.ask()
                (worker,) = running.dispatcher._here
                return text, worker.serving, worker.failures, running.metrics.services

        text, *rest = in_loop(story)

        assert 504 == status(text)
        assert b"didn't answer within 0.02 s" in text
        assert [0, 1, [504]] == rest

    def test_request_time_after_the_first_byte(self) -> None:
        """Then it is too late for words: the connection is cut."""

        async def behave(asked: Asked) -> None:
            await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
            await asked.reader.read()

        async def story():
            async with app(behave, limits={"request_time": 1}) as running:
                with pytest.raises(ConnectionResetError):
                    await running.ask()
                (worker,) = running.dispatcher._here
                return worker.serving, worker.failures

        assert (0, 1) == in_loop(story)

    def test_body_size_that_is_told(self) -> None:
        """A body that says that it is too large is answered 413 before it is read, and never queues."""

        async def story():
            async with app(hello, limits={"body": 10}) as running:
                text = await running.ask(post(bytes(11)))
                fits = await running.ask(post(bytes(10), b"Connection: close"))
                return text, status(fits), running.dispatcher.arrivals, running.metrics.refusals

        text, fits, arrivals, refusals = in_loop(story)

        assert 413 == status(text)
        assert text.endswith(b"\r\n\r\nthe body is larger than 10 bytes; send less\n")
        assert (200, 1, ["body-size"]) == (fits, arrivals, refusals)

    @pytest.mark.parametrize("said", [b"", GET[:-4], GET + GET[:-4]])
    def test_whoever_falls_silent_is_hung_up_on(self, said: bytes, monkeypatch) -> None:
        """A connection over which nothing is asked, or only half a head, doesn't stay for ever."""
        monkeypatch.setattr(router_module, "IDLE_TIME", 0.05)

        async def story():
            async with app(hello) as running:
                reader, writer = await running.connect()
                writer.write(said)
                async with asyncio.timeout(PATIENCE):
                    await reader.read()
                writer.close()

        in_loop(story)

    def test_a_refusal_is_heard_by_whoever_sends_on(self) -> None:
        """A client that reads only when it has sent all of a body has its answer, not a broken connection."""

        async def story():
            async with app(limits={"body": 10}) as running:
                reader, writer = await running.connect()
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: %d\r\n\r\n" % (20 * MEBIBYTE))
                for _ in range(20):
                    writer.write(bytes(MEBIBYTE))
                    await writer.drain()
                text = await reader.read()
                writer.close()
                return status(text)

        assert 413 == in_loop(story)

    def test_chunks_that_are_just_as_many_as_may_be(self) -> None:
        """A body of as many bytes as are allowed isn't too large."""

        async def story():
            async with app(hello, limits={"body": 10}) as running:
                return status(
                    await running.ask(
                        b"POST / HTTP/1.1\r\nHost: app\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"8\r\n12345678\r\n2\r\n90\r\n0\r\n\r\n"
                    )
                )

        assert 200 == in_loop(story)

    def test_body_size_that_is_found_out(self) -> None:
        """Chunks that become too many are answered 413; the worker is free, and doesn't take them for all."""

        async def story():
            whole = []

            async def behave(asked: Asked) -> None:
                whole.append(await asked.body())

            async with app(behave, limits={"body": 10}) as running:
                reader, writer = await running.connect()
                writer.write(
                    b"POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n3\r\n123\r\n"
                )
                head, _ = await read_answer(reader)
                writer.close()
                await until(lambda: not running.backends[0].present)
                (worker,) = running.dispatcher._here
                return status(head), whole, worker.serving, running.troubles, running.metrics.services

        assert (413, [], 0, [], [499]) == in_loop(story)

    def test_a_small_body_that_never_comes(self) -> None:
        """Is waited for no longer than a request may take, and costs no worker's time."""

        async def story():
            async with app(hello, limits={"request_time": 0.02}) as running:
                reader, writer = await running.connect()
                writer.write(post(b"0123456789")[:-5])
                head, _ = await read_answer(reader)
                writer.close()
                return status(head), running.dispatcher.arrivals

        assert (408, 0) == in_loop(story)


class TestExpect:
    """A client may ask before it sends its body."""

    @pytest.mark.parametrize("size", [10, 100_000])
    def test_is_told_to_go_on(self, size: int) -> None:
        """It hears 100 Continue, once, from the router; the worker needn't know."""

        async def story():
            async with app(hello) as running:
                reader, writer = await running.connect()
                writer.write(
                    b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % size
                )
                interim = await reader.readuntil(b"\r\n\r\n")
                writer.write(bytes(size))
                head, body = await read_answer(reader)
                writer.close()
                return interim, status(head), body, running.backends[0].seen[0].get("Expect")

        assert (b"HTTP/1.1 100 Continue\r\n\r\n", 200, b"hello", []) == in_loop(story)

    def test_is_told_no(self) -> None:
        """What would be too large needn't be sent."""

        async def story():
            async with app(hello, limits={"body": 5}) as running:
                reader, writer = await running.connect()
                writer.write(post(bytes(6), b"Expect: 100-continue")[:-6])
                head, _ = await read_answer(reader)
                writer.close()
                return head

        head = in_loop(story)

        assert head.startswith(b"HTTP/1.1 413")
        assert b"Connection: close" in head

    def test_waits_for_a_worker(self) -> None:
        """A large body isn't asked for before somebody can take it."""

        async def story():
            async with app() as running:
                reader, writer = await running.connect()
                writer.write(post(bytes(100_000), b"Expect: 100-continue")[:-100_000])
                await until(lambda: len(running.dispatcher))
                early = bytes(reader._buffer)
                await running.add(hello)
                interim = await reader.readuntil(b"\r\n\r\n")
                writer.close()
                return early, interim

        assert (b"", b"HTTP/1.1 100 Continue\r\n\r\n") == in_loop(story)

    def test_something_else(self) -> None:
        """Is answered 417."""

        async def story():
            async with app(hello) as running:
                return status(await running.ask(post(b"1", b"Expect: a miracle", b"Connection: close")))

        assert 417 == in_loop(story)


class TestRefuses:
    """What isn't supported, or isn't HTTP."""

    def test_websockets(self) -> None:
        """One line says so, and what else would do."""

        async def story():
            async with app(hello) as running:
                text = await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
                )
                return text, running.backends[0].seen, running.metrics.refusals

        text, seen, refusals = in_loop(story)

        assert 501 == status(text)
        assert text.endswith(b"\r\n\r\nWebSockets aren't supported here; use HTTP/1.1, e.g. server-sent events\n")
        assert [] == seen
        assert ["upgrade"] == refusals

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
            (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", 501),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n12345", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n12345", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
            (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\nHost: a\n\n", 400),
            (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            (b"rubbish\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", 400),
        ],
    )
    def test_what_could_be_read_in_two_ways(self, text: bytes, expected: int) -> None:
        """It is answered with an error, the connection is closed, and no worker hears of it."""

        async def story():
            async with app(hello) as running:
                return status(await running.ask(text)), running.backends[0].seen

        assert (expected, []) == in_loop(story)

    def test_chunks_that_are_none(self) -> None:
        """A body that breaks in the middle is answered 400; the worker is free, and doesn't take it for whole."""

        async def story():
            whole = []

            async def behave(asked: Asked) -> None:
                whole.append(await asked.body())

            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(b"POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
                await until(lambda: running.backends[0].seen)
                writer.write(b"nonsense\r\n\r\n")
                head, body = await read_answer(reader)
                writer.close()
                await until(lambda: not running.backends[0].present)
                (worker,) = running.dispatcher._here
                return status(head), body, whole, worker.serving, running.troubles

        assert (400, b"the body can't be read: its chunks are malformed\n", [], 0, []) == in_loop(story)


class TestWorkersThatFail:
    """No request is lost without an answer."""

    def test_die_before_an_answer(self) -> None:
        """A request that may be repeated goes to the next worker."""
        first = []

        async def behave(asked: Asked) -> None:
            if not first:
                first.append(asked)
                asked.break_off()
            else:
                await asked.say(answer())

        async def story():
            async with app(behave, behave) as running:
                running.on_trouble = running.end
                text = await running.ask()
                return (
                    status(text),
                    len(running.troubles),
                    len(running.dispatcher._here),
                    running.dispatcher.completions,
                    len(running.metrics.waits),
                )

        assert (200, 1, 1, 1, 1) == in_loop(story)

    def test_die_with_a_request_that_was_first(self) -> None:
        """It is put back at the head of the queue."""

        async def story():
            order = []
            inside, go = asyncio.Event(), asyncio.Event()

            async def dying(asked: Asked) -> None:
                inside.set()
                await go.wait()
                asked.break_off()

            async def noting(asked: Asked) -> None:
                order.append(asked.path)
                await asked.say(answer())

            async with app(dying) as running:
                running.on_trouble = running.end
                asks = []
                for number in range(3):
                    text = b"GET /%d HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n" % number
                    asks.append(asyncio.create_task(running.ask(text)))
                    await inside.wait()
                    await until(lambda: len(running.dispatcher) == number)  # noqa: B023
                go.set()
                await until(lambda: len(running.dispatcher) == 3)
                await running.add(noting)
                await asyncio.gather(*asks)
                return order

        assert ["/0", "/1", "/2"] == in_loop(story)

    @pytest.mark.parametrize(
        ("method", "retry", "sent"),
        [
            (b"GET", "safe", 2),
            (b"HEAD", "safe", 2),
            (b"POST", "safe", 1),
            (b"POST", "always", 2),
            (b"GET", "never", 1),
        ],
    )
    def test_are_tried_once_more_at_most(self, method: bytes, retry: str, sent: int) -> None:
        """A request that kills is sent twice at most, and only where that can't do harm; then it is answered 502."""

        async def behave(asked: Asked) -> None:
            await asked.body()
            asked.break_off()

        async def story():
            async with app(behave, behave, behave, retry=retry) as running:
                text = await running.ask(
                    method + b" / HTTP/1.1\r\nHost: app\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
                )
                return text, sum(len(backend.seen) for backend in running.backends), running.metrics.services

        text, times, services = in_loop(story)

        assert 502 == status(text)
        assert (sent, [502]) == (times, services)

    def test_close_early(self) -> None:
        """An answer that ends too soon is cut at the client, too, and the worker is looked at."""

        async def story():
            got = asyncio.Event()

            async def behave(asked: Asked) -> None:
                await asked.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
                await got.wait()
                asked.writer.close()

            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(GET)
                await reader.readuntil(b"abc")
                got.set()
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()
                (worker,) = running.dispatcher._here
                return len(running.troubles), worker.serving, worker.failures

        assert (1, 0, 1) == in_loop(story)

    def test_close_a_last_chunk_early(self) -> None:
        """A chunked answer without its end isn't given one."""

        async def behave(asked: Asked) -> None:
            await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await until(lambda: running_up)
            asked.writer.close()

        running_up = []

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(GET)
                await reader.readuntil(b"abc\r\n")
                running_up.append(True)
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()

        in_loop(story)

    def test_break_an_answer_of_unknown_length(self) -> None:
        """Ending the connection ends such an answer well; a broken one doesn't."""

        async def story():
            got = asyncio.Event()

            async def behave(asked: Asked) -> None:
                await asked.say(b"HTTP/1.0 200 OK\r\n\r\nabc")
                await got.wait()
                sock = asked.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                asked.break_off()

            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(GET)
                await reader.readuntil(b"abc\r\n")
                got.set()
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()

        in_loop(story)

    @pytest.mark.parametrize(
        "said",
        [
            b"rubbish rubbish\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            b"HTTP/1.1 200 O",
            b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        ],
    )
    def test_answer_garbage(self, said: bytes) -> None:
        """502, the worker is looked at, and the request isn't repeated: it may have done its work."""

        async def story():
            async with app(always(said)) as running:
                text = await running.ask()
                return text, running.troubles, len(running.backends[0].seen)

        text, troubles, seen = in_loop(story)

        assert 502 == status(text)
        assert b"worker w1 " in text
        assert text.endswith(b"; see: worker logs w1\n")
        assert (1, 1) == (len(troubles), seen)

    def test_answer_garbage_and_are_told_what_is_wrong_with_it(self) -> None:
        """The client and the log hear what of the answer can't be read."""

        async def story():
            twice = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"
            async with app(always(twice)) as running:
                return await running.ask(), running.troubles

        text, troubles = in_loop(story)

        assert b"worker w1 answered what isn't HTTP: Duplicate Content-Length; see: worker logs w1\n" in text
        assert [("w1", "answered what isn't HTTP: Duplicate Content-Length")] == troubles

    @pytest.mark.parametrize("chunk", [b"zz\r\nabc\r\n", b"3\r\nabcdef\r\n"])
    def test_answer_garbage_in_the_middle(self, chunk: bytes) -> None:
        """Chunks that are none cut the client's connection, at once."""

        async def story():
            got = asyncio.Event()

            async def behave(asked: Asked) -> None:
                await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
                await got.wait()
                await asked.say(chunk)
                await asked.reader.read()

            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(GET)
                await reader.readuntil(b"abc\r\n")
                got.set()
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()
                return len(running.troubles)

        assert 1 == in_loop(story)

    def test_say_their_length_with_a_space(self) -> None:
        """An answer has one framing here, even where a client would read the name more leniently than we do."""

        async def story():
            async with app(always(b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi")) as running:
                return await running.ask()

        head, body = parts_of(in_loop(story))

        assert b"Content-Length" not in head
        assert b"2\r\nhi\r\n0\r\n\r\n" == body

    def test_say_more_than_was_asked(self) -> None:
        """What comes after an answer is nobody's answer."""

        async def behave(asked: Asked) -> None:
            if asked.path == "/twice":
                await asked.say(answer(b"first") + answer(b"smuggled"))
            else:
                await asked.say(answer(b"mine"))

        async def story():
            async with app(behave) as running:
                first = await running.ask(CLOSING.replace(b" / ", b" /twice "))
                return parts_of(first)[1], parts_of(await running.ask())[1]

        assert (b"first", b"mine") == in_loop(story)

    @pytest.mark.parametrize("words", [answer(b"smuggled"), b"HTTP/1.1 2", b"\0"])
    def test_talk_unasked(self, words: bytes) -> None:
        """What a worker says while nobody asks ends the connection, and is nobody's answer."""

        async def story():
            go, said = asyncio.Event(), asyncio.Event()

            async def behave(asked: Asked) -> None:
                await asked.say(answer(b"mine"))
                if asked.path == "/":
                    await go.wait()
                    await asked.say(words)
                    said.set()

            async with app(behave) as running:
                await running.ask()
                go.set()
                await said.wait()
                await until(lambda: not running.backends[0].present)
                text = await running.ask(CLOSING.replace(b" / ", b" /other "))
                return parts_of(text)[1], running.backends[0].connections

        assert (b"mine", 2) == in_loop(story)

    def test_refuse_connections(self, unused_port: int) -> None:
        """Whatever its method, a request that never met a worker is put back, and served by the next."""

        async def story():
            async with app() as running:
                running.admit(unused_port)
                running.on_trouble = running.end
                asking = asyncio.create_task(running.ask(post(b"once", b"Connection: close")))
                await until(lambda: running.troubles and len(running.dispatcher))
                await running.add(hello)
                return status(await asking), running.troubles

        served, troubles = in_loop(story)

        assert 200 == served
        assert [("w1", "takes no connection: Connect call failed ('127.0.0.1'")] == [
            (name, why.split(",")[0]) for name, why in troubles
        ] or [("w1", "takes no connection: Connection refused")] == troubles

    def test_refuse_connections_for_ever(self, monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
        """It isn't tried for ever: 502."""
        monkeypatch.setattr("everai_autoscaler.router.exchange.FIRST_PAUSE", 0.001)
        monkeypatch.setattr("everai_autoscaler.router.exchange.LONGEST_PAUSE", 0.002)

        async def story():
            async with app() as running:
                running.admit(unused_port)
                text = await running.ask()
                return status(text), len(running.troubles), len(running.dispatcher)

        served, troubles, waiting = in_loop(story)

        assert (502, 0) == (served, waiting)
        assert 3 < troubles < 20

    def test_close_kept_connections(self) -> None:
        """A worker that closes after each answer without saying so costs no client its answer, whatever the method."""

        async def behave(asked: Asked) -> None:
            await asked.body()
            await asked.say(answer())
            asked.writer.close()

        async def story():
            async with app(behave) as running:
                found = []
                for number in range(50):
                    text = post(b"x", b"Connection: close") if number % 2 else CLOSING
                    found.append(status(await running.ask(text)))
                    await until(lambda: not running.backends[0].present)
                return set(found), len(running.backends[0].seen), running.troubles

        assert ({200}, 50, []) == in_loop(story)

    def test_close_a_kept_connection_as_it_is_used(self) -> None:
        """A request that may be repeated goes over a fresh one, once somebody has looked whether the worker lives."""

        async def behave(asked: Asked) -> None:
            if len(running.backends[0].seen) == 2:
                asked.break_off()
            else:
                await asked.say(answer())

        running = None

        async def story():
            nonlocal running
            async with app(behave) as running:
                found = [status(await running.ask()) for _ in range(3)]
                return found, len(running.backends[0].seen), len(running.troubles)

        assert ([200] * 3, 4, 1) == in_loop(story)

    def test_kept_connections_that_have_been_idle_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request that can't be repeated goes over a fresh one, since the worker may be about to close it."""
        monkeypatch.setattr("everai_autoscaler.router.connection.KEPT_FOR_ANY", 0.0)

        async def story():
            async with app(hello) as running:
                connections = []
                for text in (CLOSING, CLOSING, post(b"x", b"Connection: close")):
                    await running.ask(text)
                    connections.append(running.backends[0].connections)
                return connections

        assert [1, 1, 2] == in_loop(story)

    def test_that_drain_are_left_alone(self) -> None:
        """No connection to a worker that goes is kept."""

        async def story():
            async with app(hello) as running:
                (worker,) = running.dispatcher._here
                worker.draining_at = 1.0
                await running.ask()
                await until(lambda: not running.backends[0].present)
                return running.backends[0].connections

        assert 1 == in_loop(story)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_thousand_requests(seed: int, concurrency: int) -> None:  # noqa: C901, PLR0915 - one story
    """With clients that leave and workers that die, each request is answered once, or its client has left."""
    dice = random.Random(seed)

    async def story():  # noqa: C901, PLR0915
        async with app(concurrency=concurrency, session={"header": "X-Session"}) as running:
            most: list[int] = []
            served: dict[str, int] = {}

            async def behave(asked: Asked) -> None:
                body = await asked.body()
                number = asked.get("X-Number")[0]
                served[number] = served.get(number, 0) + 1
                most.append(max(worker.serving for worker in running.dispatcher._here))
                for _ in range(dice.randrange(4)):
                    await asyncio.sleep(0)
                fate = dice.random()
                backend = next(one for one in running.backends if asked.writer in one.writers)
                text = f"{number}:{len(body)}".encode()
                if fate < 0.02:
                    backend.die()
                elif fate < 0.04:
                    await asked.say(answer(text)[:-3])
                    backend.die()
                elif fate < 0.3:
                    await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for byte in text:
                        await asyncio.sleep(0)
                        await asked.say(b"1\r\n%c\r\n" % byte)
                    await asked.say(b"0\r\n\r\n")
                elif fate < 0.4:
                    await asked.say(answer(text, b"Connection: close"))
                    asked.writer.close()
                else:
                    await asked.say(answer(text))

            def replace(worker: LocalWorker) -> None:
                if running.backends[int(worker.worker_id[1:]) - 1].dead and worker.ended_at is None:
                    running.end(worker)
                    arriving.append(asyncio.create_task(running.add(behave)))

            arriving: list[asyncio.Task[LocalWorker]] = []
            running.on_trouble = replace
            for _ in range(4):
                await running.add(behave)

            async def client(number: int) -> str:
                size = dice.choice([0, 0, 10, 1000, 100_000])
                lines = [b"Host: app", b"Connection: close", b"X-Number: %d" % number]
                if dice.random() < 0.3:
                    lines.append(b"X-Session: %d" % dice.randrange(5))
                lines.append(b"Content-Length: %d" % size)
                method = dice.choice([b"GET", b"POST"])
                text = method + b" / HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + bytes(size)
                leaves = dice.random() < 0.15
                reader, writer = await running.connect()
                try:
                    writer.write(text[: dice.randrange(len(text))] if leaves and dice.random() < 0.3 else text)
                    for _ in range(dice.randrange(30) if leaves else 0):
                        await asyncio.sleep(0)
                    if leaves:
                        writer.transport.abort()
                        return "left"
                    found = await asyncio.wait_for(reader.read(), 30)
                except ConnectionError:
                    return "cut"
                finally:
                    writer.close()
                head, body = parts_of(found)
                if status(head) != 200:
                    return str(status(head))
                if b"chunked" in head:
                    assert body.endswith(b"0\r\n\r\n")
                    body = b"".join(body.split(b"\r\n")[1:-3:2])
                assert f"{number}:{size}".encode() == body
                return "200"

            found: list[str] = []
            numbers = iter(range(1000))

            async def clients() -> None:
                for number in numbers:
                    found.append(await client(number))  # noqa: PERF401 - many do so at once

            async with asyncio.timeout(PATIENCE * 6):
                await asyncio.gather(*(clients() for _ in range(25)))
            await asyncio.gather(*arriving)
            await until(lambda: not running.router._open)
            here = list(running.dispatcher._here)
            return found, most, served, len(running.dispatcher), [worker.serving for worker in here], running

    found, most, served, waiting, serving, running = in_loop(story)
    counts = {kind: found.count(kind) for kind in sorted(set(found))}

    assert 1000 == len(found), counts
    assert {"200", "502", "cut", "left"} >= counts.keys(), counts
    assert counts["200"] > 700
    assert (0, {0}) == (waiting, set(serving))
    assert max(most) <= concurrency
    assert 2 >= max(served.values())
    assert counts["200"] <= running.dispatcher.completions <= 1000


class TestStarts:
    """And says why it can't."""

    def test_at_any_free_port(self) -> None:
        """Port 0 is for whichever is free; the real one is told."""

        async def story():
            async with app() as running:
                return running.port

        assert 0 < in_loop(story) < 65536

    def test_not_at_a_port_that_is_taken(self) -> None:
        """One line says which, and what to give instead."""

        async def story():
            async with app() as running:
                with pytest.raises(StateError) as error:
                    await App().router.start("127.0.0.1", running.port)
                return running.port, str(error.value)

        port, words = in_loop(story)

        assert f"port {port} is taken on 127.0.0.1, give another --port" == words

    def test_when_there_are_too_many_open_files(self) -> None:
        """Who comes then waits in the kernel until others have gone; nothing stands still over saying so."""

        async def story():
            complaints: list[dict] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            async with app(hello) as running:
                address = ("127.0.0.1", running.port)
                clients = [socket.socket() for _ in range(20)]
                resource.setrlimit(resource.RLIMIT_NOFILE, (clients[-1].fileno() + 4, hard))
                try:
                    for client in clients:
                        client.connect(address)
                    await until(lambda: complaints)
                    await asyncio.sleep(0.1)
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                    for client in clients:
                        client.close()
                return len(complaints), status(await running.ask())

        complaints, answered = in_loop(story)

        assert complaints <= 2
        assert 200 == answered

    def test_not_at_a_host_that_is_none(self) -> None:
        """An address that isn't this machine's is named."""

        async def story():
            with pytest.raises(StateError) as error:
                await App().router.start("192.0.2.1", 0)
            return str(error.value)

        assert in_loop(story).startswith("can't listen on 192.0.2.1 port 0: ")


class TestStops:
    """Nobody is cut off who can be finished."""

    def test_finishes_what_is_there(self) -> None:
        """What is served and what waits is answered; what comes anew is refused with a hint."""

        async def story():
            gate = Gate()
            async with app(gate) as running:
                asks = [asyncio.create_task(running.ask(GET)) for _ in range(2)]
                await until(lambda: gate.inside and len(running.dispatcher))
                stopping = asyncio.create_task(running.router.stop(drain=PATIENCE))
                await until(lambda: running.router.stopping)
                refused = await running.ask(GET)
                gate.open.set()
                texts = await asyncio.gather(*asks)
                await stopping
                with pytest.raises(ConnectionRefusedError):
                    await running.connect()
                return refused, texts

        refused, texts = in_loop(story)

        assert 503 == status(refused)
        assert b"Retry-After: 5" in refused
        assert b"Connection: close" in refused
        assert [200, 200] == [status(text) for text in texts]
        assert all(b"Connection: close" in text for text in texts)

    def test_when_its_patience_ends(self) -> None:
        """Who has no byte yet is answered 503; an answer that has begun is cut; kept connections close."""

        async def story():
            async def behave(asked: Asked) -> None:
                if asked.path == "/begun":
                    await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
                await asked.reader.read()

            async with app(behave, concurrency=2) as running:
                idle = await running.connect()
                reader, writer = await running.connect()
                writer.write(GET.replace(b" / ", b" /begun "))
                await reader.readuntil(b"x\r\n")
                served = asyncio.create_task(running.ask(GET))
                await until(lambda: len(running.backends[0].seen) == 2)
                waits = asyncio.create_task(running.ask(GET))
                await until(lambda: len(running.dispatcher))
                await running.router.stop(drain=0.01)
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                found = [status(await served), status(await waits), await idle[0].read()]
                writer.close()
                idle[1].close()
                return found, len(running.dispatcher), [worker.serving for worker in running.dispatcher._here]

        assert ([503, 503, b""], 0, [0]) == in_loop(story)
