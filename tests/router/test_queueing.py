"""Requests that wait, their sessions, and clients that leave."""

from __future__ import annotations

import asyncio

import pytest
from routed import CLOSING, GET, PATIENCE, Asked, Gate, always, answer, app, hello, in_loop, status, until

from everai_autoscaler.model import QueueReason, WorkerStatus


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
