"""Health checks of real processes: which ones hang, and which ones get no requests."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time

import aiohttp
import pytest

from everai_autoscaler.local.health import Health, check_health
from everai_autoscaler.local.launcher import free_port
from everai_autoscaler.local.spec import Readiness

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("local.conftest"))]
Here, ask, until = CONFTEST.Here, CONFTEST.ask, CONFTEST.until


@pytest.mark.parametrize("busy", [False, True])
def test_a_stopped_worker_is_hung(play, busy: bool) -> None:
    """One that is stopped for longer than a look may take is killed, also while it serves."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        if busy:
            here.request()
        os.kill(worker.pid, signal.SIGSTOP)
        await here.over(worker)
        why = "somebody has stopped its process (SIGSTOP) for more than 0.2 s"
        assert [f"worker W is hung, and is killed: {why}", "worker W has ended"] == here.said(worker)[1:]
        assert f"hung: {why}" == here.row(worker)["why"]

    play(story, readiness={"path": "/ready", "timeout": 0.2})


def test_a_worker_that_is_stopped_while_it_starts_makes_starts_wait(play) -> None:
    """A hung start is a failed one."""

    async def story(here: Here) -> None:
        (worker,) = here.start()
        await until(lambda: worker.pid)
        os.kill(worker.pid, signal.SIGSTOP)
        await here.over(worker)
        assert here.said(worker)[0].endswith("; the next start waits 1 s")

    play(story, "never", readiness={"path": "/ready", "timeout": 0.1})


def test_one_that_was_stopped_for_a_moment_goes_on(play) -> None:
    """A stop that is shorter than a look may take is nothing."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        os.kill(worker.pid, signal.SIGSTOP)
        await asyncio.sleep(0.1)
        os.kill(worker.pid, signal.SIGCONT)
        await asyncio.sleep(0.2)
        assert ([worker.worker_id], None) == (list(here.fleet.workers), worker.draining_at)

    play(story, readiness={"path": "/ready", "interval": 60, "timeout": 5})


def test_a_worker_that_is_not_well_gets_nothing_and_is_killed(play) -> None:
    """After the first look that fails it gets no requests; after as many as are allowed it is hung."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        await until(lambda: len(here.said(worker)) == 2)
        assert here.request().worker is None
        await here.over(worker)
        assert [
            "worker W isn't well, and gets no requests until it is: /ready answers 503",
            "worker W is hung, and is killed: 3 looks failed, the last since /ready answers 503",
            "worker W has ended",
        ] == here.said(worker)[1:]

    play(story, "sick=99")


def test_a_worker_that_gets_well_serves_again(play) -> None:
    """After a look that succeeds it gets what waits, and failures count from zero."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        await until(lambda: len(here.said(worker)) == 2)
        ticket = here.request()
        await until(lambda: ticket.worker)
        assert "worker W answers again" == here.said(worker)[2]

    play(story, "sick=2")


def test_a_worker_that_refuses_connections_is_hung(play) -> None:
    """The router's trouble makes it be looked at although it is busy; what waits isn't given to it."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        await ask(worker, "/mute")
        ticket = here.request()
        here.fleet.trouble(worker, "connection refused")
        await until(lambda: len(here.said(worker)) == 2)
        here.dispatcher.put_back(ticket)
        assert ticket.worker is None
        await here.over(worker)
        assert re.fullmatch(
            r"worker W is hung, and is killed: 3 looks failed, the last since nothing listens on port \d+",
            here.said(worker)[2],
        )

    play(story, readiness={"path": "/ready", "interval": 60})


def test_trouble_with_a_worker_that_is_well_changes_nothing(play) -> None:
    """One broken connection is no reason to take a worker away."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.request(session="ada")
        here.fleet.trouble(worker, "closed early")
        await asyncio.sleep(0.2)
        assert (1, ["ada"]) == (len(here.said(worker)), list(worker.sessions))

    play(story)


def test_a_busy_worker_is_not_looked_at(play) -> None:
    """One that serves one request at a time can't answer a look: while it serves, it isn't asked."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        ticket = here.request()
        await until(lambda: here.fleet._roster.lives[worker.worker_id].check is None)  # one that was on its way is over
        before = await ask(worker, "/looks")
        await asyncio.sleep(0.2)
        assert before == await ask(worker, "/looks")
        here.dispatcher.answered(ticket, time.time(), seconds=0.3, well=True)
        async with asyncio.timeout(30):
            while before == await ask(worker, "/looks"):  # noqa: ASYNC110 - a process has no events
                await asyncio.sleep(0.005)

    play(story, readiness={"path": "/ready", "interval": 0.02})


def test_a_look_that_a_request_overtook_does_not_count(play) -> None:
    """A look that fails when the worker has been given a request meanwhile says nothing about it."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        asked = asyncio.ensure_future(ask(worker, "/sleep/1.6"))
        while not asked.done():  # whenever a look is made, and waits behind the sleep
            here.dispatcher.give_up(here.request(), time.time())
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        assert 1 == len(here.said(worker))

    play(story, readiness={"path": "/ready", "interval": 0.02, "timeout": 1.2, "failures": 1})


# One check.


async def _answer(status: str, *, path: str | None = "/ready", **readiness: float) -> Health:
    """What a health check says of a server that answers *status*, for ever the same."""

    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if status:
            writer.write(f"{status}\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        served.set()

    async with aiohttp.ClientSession() as session:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            seen = await check_health(
                session, "127.0.0.1", server.sockets[0].getsockname()[1], Readiness(path=path, **readiness)
            )
            await served.wait()
            return seen
        finally:
            server.close()
            await server.wait_closed()


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("HTTP/1.1 200 OK", ""),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/", ""),
        ("HTTP/1.1 404 Not Found", "/ready answers 404"),
        ("HTTP/1.1 503 Service Unavailable", "/ready answers 503"),
    ],
)
def test_any_status_below_400_means_ready(status: str, why: str) -> None:
    """The status says whether it is ready; a redirection isn't followed."""
    assert Health(why) == asyncio.run(_answer(status))


def test_garbage_is_no_answer() -> None:
    """What isn't HTTP isn't ready."""
    seen = asyncio.run(_answer("what do you want?"))

    assert seen.why.startswith("/ready gives no answer: ")
    assert (False, False) == (seen.refused, seen.slow)


def test_no_answer_in_time_is_slow() -> None:
    """Who accepts and says nothing has the timeout to do so."""
    assert Health("no answer within 0.05 s", slow=True) == asyncio.run(_answer("", timeout=0.05))


def test_without_a_path_a_connection_is_enough() -> None:
    """Who accepts a connection is ready, where no path is given."""
    assert asyncio.run(_answer("", path=None))


@pytest.mark.parametrize("path", [None, "/ready"])
def test_where_nobody_listens_the_check_is_refused(path: str | None) -> None:
    """A port without a listener is told as such."""

    async def story() -> Health:
        async with aiohttp.ClientSession() as session:
            return await check_health(session, "127.0.0.1", free_port(), Readiness(path=path))

    assert asyncio.run(story()).refused
