"""Answers and bodies that are passed on as they come."""

from __future__ import annotations

import asyncio
import socket
import time

import psutil
import pytest
from routed import GET, MEBIBYTE, PATIENCE, App, Asked, answer, app, hello, in_loop, post, read_answer, status, until


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
