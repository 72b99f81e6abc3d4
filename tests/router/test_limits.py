"""What the router refuses, and the limits beyond which it does."""

from __future__ import annotations

import asyncio

import pytest
from routed import GET, MEBIBYTE, PATIENCE, Asked, Gate, app, hello, in_loop, post, read_answer, status, until

from everai_autoscaler.router import router as router_module


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
                running.router.upstream.clock = lambda: now
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
