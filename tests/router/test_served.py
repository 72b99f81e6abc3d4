"""What the router says of each request: that it came, when a worker took it, and when it ended."""

from __future__ import annotations

import asyncio
import math

from routed import CLOSING, GET, Asked, Gate, answer, app, in_loop, status, until


def _ticking(running) -> None:
    """Let each look at the clock be one second later than the one before."""
    seconds = iter(range(1000, 9999))
    running.router.upstream.clock = lambda: float(next(seconds))


def test_of_one_that_was_served() -> None:
    """Once, in the order of time."""

    async def story():
        async with app(lambda asked: asked.say(answer())) as running:
            _ticking(running)
            first = status(await running.ask())
            await running.ask()
            return first, running.came, running.served

    said, arrived, served = in_loop(story)
    assert (200, 2) == (said, len(served))
    assert arrived == [came for came, _, _ in served]
    assert all(came < began < ended for came, began, ended in served)


def test_of_one_that_waited() -> None:
    """It was taken when the request before it ended."""

    async def story():
        gate = Gate()
        async with app(gate) as running:
            _ticking(running)
            asks = [asyncio.create_task(running.ask()) for _ in range(2)]
            await until(lambda: len(running.dispatcher) and gate.inside)
            gate.open.set()
            await asyncio.gather(*asks)
            return running.served

    (_, _, ended), (came, began, _) = in_loop(story)
    assert came < ended < began


def test_of_one_that_found_the_queue_full() -> None:
    """No worker ever took it, and it has no end."""

    async def story():
        async with app(limits={"queue": 0}) as running:
            return status(await running.ask()), running.came, running.served

    said, arrived, [(came, began, ended)] = in_loop(story)
    assert (503, None, math.inf) == (said, began, ended)
    assert [came] == arrived


def test_of_one_that_waited_too_long() -> None:
    """No worker ever took it; its end says how long it waited."""

    async def story():
        async with app(limits={"queue_time": 0.05}) as running:
            return status(await running.ask()), running.served

    said, [(came, began, ended)] = in_loop(story)
    assert (504, None) == (said, began)
    assert 0.04 < ended - came < 5


def test_of_one_whose_client_left_while_it_waited() -> None:
    """As of one that waited too long."""

    async def story():
        async with app() as running:
            _, writer = await running.connect()
            writer.write(GET)
            await until(lambda: len(running.dispatcher))
            writer.close()
            await until(lambda: running.served)
            return running.served

    [(came, began, ended)] = in_loop(story)
    assert began is None
    assert came <= ended < math.inf


def test_of_one_that_failed() -> None:
    """It was taken and ended, as one that was answered well."""

    async def story():
        async def behave(asked: Asked) -> None:
            await asked.say(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

        async with app(behave) as running:
            return status(await running.ask(CLOSING)), running.served

    said, [(came, began, ended)] = in_loop(story)
    assert 500 == said
    assert came <= began <= ended < math.inf
