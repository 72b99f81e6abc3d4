"""Workers that fail: what a client is answered, and which requests are repeated."""

from __future__ import annotations

import asyncio
import socket

import pytest
from routed import CLOSING, GET, Asked, always, answer, app, hello, in_loop, parts_of, post, status, until


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
        monkeypatch.setattr("everai_autoscaler.router.exchange.USED_WITHIN", 0.0)

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
