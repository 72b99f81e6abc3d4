"""How the router starts, lives through a day of trouble, and stops."""

from __future__ import annotations

import asyncio
import random
import resource
import socket

import pytest
from routed import GET, PATIENCE, App, Asked, Gate, answer, app, hello, in_loop, parts_of, status, until

from everai_autoscaler.errors import StateError
from everai_autoscaler.router.worker import ListeningWorker


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

            def replace(worker: ListeningWorker) -> None:
                if running.backends[int(worker.worker_id[1:]) - 1].dead and worker.ended_at is None:
                    running.end(worker)
                    arriving.append(asyncio.create_task(running.add(behave)))

            arriving: list[asyncio.Task[ListeningWorker]] = []
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
                await until(lambda: running.router.upstream.stopping)
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
