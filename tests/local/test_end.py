"""Workers of one app end: removed, killed, or with the runtime; and nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.local.process import marked
from everai_autoscaler.local.spec import Local

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("local.conftest"))]
COMMAND, LOCAL, Here, Rows, until = CONFTEST.COMMAND, CONFTEST.LOCAL, CONFTEST.Here, CONFTEST.Rows, CONFTEST.until


def test_an_idle_worker_is_ended_when_it_is_removed(play) -> None:
    """It is told to go and goes; its row says why and when."""

    async def story(here: Here) -> None:
        worker, other = await here.ready(2)
        here.fleet.remove(worker.worker_id, "idle for 60 s")
        assert worker.draining_at is not None
        await here.over(worker)
        assert ["worker W goes: idle for 60 s", "worker W has ended"] == here.said(worker)[1:]
        assert ("TERMINATED", "idle for 60 s") == (here.row(worker)["status"], here.row(worker)["why"])
        assert not psutil.pid_exists(worker.pid)
        assert [other.worker_id] == list(here.fleet.workers)

    play(story)


def test_a_busy_worker_finishes_what_it_serves(play) -> None:
    """It is given nothing more, and ends only after what it serves."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        served, waits = here.request(), here.request()
        here.fleet.remove(worker.worker_id, "removed by ada")
        await asyncio.sleep(0.1)
        assert (None, None) == (worker.ended_at, waits.worker)
        here.dispatcher.answered(served, time.time(), seconds=1.0, well=True)
        await here.over(worker)
        assert None is waits.worker
        assert "worker W goes when it has finished what it serves: removed by ada" == here.said(worker)[1]
        assert (1, 0) == (here.row(worker)["successes"], here.row(worker)["requests"])

    play(story)


def test_draining_has_an_end(play) -> None:
    """One that still serves after the drain timeout is ended, and this is said."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.request()
        here.fleet.remove(worker.worker_id, "")
        await here.over(worker)
        told, ended = here.said(worker)[2:]
        assert re.fullmatch(r"worker W still serves 1 request after \d+ s: it is ended nevertheless", told)
        assert "worker W has ended" == ended

    play(story, drain_timeout=0.05)


def test_one_that_ignores_sigterm_is_killed(play) -> None:
    """After its grace it is killed, and this is said."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.fleet.remove(worker.worker_id, "idle")
        await here.over(worker)
        assert [
            "worker W goes: idle",
            "worker W didn't end within 0.1 s of SIGTERM: it is killed",
            "worker W has ended",
        ] == here.said(worker)[1:]

    play(story, "deaf", stop_grace=0.1)


def test_a_starting_worker_may_be_removed(play) -> None:
    """It goes at once, and starts don't wait for its sake."""

    async def story(here: Here) -> None:
        (worker,) = here.start()
        await until(lambda: worker.pid)
        here.fleet.remove(worker.worker_id, "not needed")
        await here.over(worker)
        assert (None, None) == (here.fleet.back_off_until, worker.ready_at)

    play(story, "never")


def test_one_that_is_removed_before_it_has_a_process_gets_none(play) -> None:
    """What isn't wanted any more isn't started."""

    async def story(here: Here) -> None:
        (worker,) = here.start()
        here.fleet.remove(worker.worker_id, "not needed")
        await here.over(worker)
        assert (None, "TERMINATED") == (worker.pid, here.row(worker)["status"])

    play(story)


def test_only_a_worker_that_is_here_can_be_removed(play) -> None:
    """Another name is an error; one that goes already goes as it did."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.request()
        here.fleet.remove(worker.worker_id, "first")
        here.fleet.remove(worker.worker_id, "second")
        assert "first" == worker.why
        with pytest.raises(UnknownNameError, match=r"worker 'nobody' is not one of"):
            here.fleet.remove("nobody", "")

    play(story)


def test_an_idle_worker_that_is_killed_is_gone(play) -> None:
    """It is neither here any more nor started again; starts don't wait."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        os.kill(worker.pid, signal.SIGKILL)
        await here.over(worker)
        await asyncio.sleep(0.05)
        assert ({}, None) == (here.fleet.workers, here.fleet.back_off_until)
        assert "was killed by SIGKILL while it was free" == here.row(worker)["why"]
        # Its port may be seen closed before it is seen to be gone, which is told as well.
        told = "worker W was killed by SIGKILL while it was free; its log ends: begins"
        assert here.said(worker)[-1].startswith(told)
        assert here.request().worker is None

    play(story)


def test_a_busy_worker_that_is_killed_is_told_at_once(play) -> None:
    """The router's trouble with a connection finds it gone; its last numbers are kept when they are known."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        ticket = here.request()
        os.kill(worker.pid, signal.SIGKILL)
        # Not in turns with the fleet, which might see it first.
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222
        here.fleet.trouble(worker, "the connection broke")
        assert "was killed by SIGKILL while it served 1 request" == worker.why
        here.dispatcher.answered(ticket, time.time(), seconds=1.0, well=False)
        here.fleet.trouble(worker, "the connection broke")
        await until(lambda: here.row(worker)["failures"])
        assert ("TERMINATED", 0) == (here.row(worker)["status"], here.row(worker)["requests"])

    play(story)


def test_a_starting_worker_that_is_killed_makes_starts_wait(play) -> None:
    """A death while starting is a failed start, whoever killed it."""

    async def story(here: Here) -> None:
        (worker,) = here.start()
        await until(lambda: worker.pid)
        os.kill(worker.pid, signal.SIGKILL)
        await here.over(worker)
        assert "was killed by SIGKILL while it was starting" == worker.why
        assert here.fleet.back_off_until is not None

    play(story, "never")


def test_a_worker_that_dies_while_it_drains_is_told(play) -> None:
    """One that is to go when it has finished, and dies before, is told as what it is."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.request()
        here.fleet.remove(worker.worker_id, "removed by ada")
        os.kill(worker.pid, signal.SIGKILL)
        await here.over(worker)
        told = "worker W was killed by SIGKILL while it served 1 request, before it was told to end"
        assert (told, "removed by ada") == (here.said(worker)[-1], here.row(worker)["why"])

    play(story)


def test_what_a_worker_started_has_its_time_too(play, tmp_path: Path) -> None:
    """A child that still has something to do when its worker has heeded SIGTERM is given the rest of the grace."""
    child = "trap 'sleep 0.3; echo bye > bye; exit' TERM; while :; do sleep 0.05; done"

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.fleet.remove(worker.worker_id, "idle")
        await here.over(worker)

    play(story, command=["sh", "-c", f'({child}) & exec "$@"', "sh", *COMMAND])

    assert "bye\n" == (tmp_path / "bye").read_text()


@pytest.mark.parametrize("faults", ["child", "daemon", "child,daemon,deaf"])
def test_what_a_worker_started_ends_with_it(play, rows: Rows, faults: str) -> None:
    """Children in its group and such as left it are ended when it is removed, or dies."""

    async def story(here: Here) -> None:
        removed, killed = await here.ready(2)
        assert 4 <= len(marked(str(rows.directory)))
        here.fleet.remove(removed.worker_id, "idle")
        os.kill(killed.pid, signal.SIGKILL)
        await here.over(removed, killed)
        await until(lambda: not marked(str(rows.directory)))

    here = play(story, faults, stop_grace=0.1)

    if "daemon" in faults:
        assert 2 == sum(bool(re.search(r"had left \d process(es)? behind: killed", line)) for line in here.notes)


def test_the_end_leaves_nothing(play, rows: Rows) -> None:
    """Whatever state workers are in, all are gone when the fleet has ended, and none is started any more."""

    async def story(here: Here) -> None:
        await here.ready(2)
        here.request()
        here.start(2)
        await here.fleet.end(drain=0)
        assert ({}, 0) == (here.fleet.workers, here.fleet.start(1)[0])

    here = play(story, "slow=0.3,daemon,deaf", stop_grace=0.1)

    assert [] == rows.rows("app")
    assert {"the runtime stops"} == {row["why"] for row in rows.latest().values()}
    assert {} == here.fleet.workers


def test_the_end_lets_requests_be_finished(play) -> None:
    """What is served when all ends is finished within the time that there is."""

    async def story(here: Here) -> None:
        worker, idle = await here.ready(2)
        ticket = here.request()
        worker, idle = (worker, idle) if worker.serving else (idle, worker)
        ending = asyncio.ensure_future(here.fleet.end(drain=60))
        await here.over(idle)
        assert worker.ended_at is None
        here.dispatcher.answered(ticket, time.time(), seconds=0.1, well=True)
        await ending
        assert worker.ended_at is not None

    play(story)


def test_the_end_can_be_hurried(play) -> None:
    """An end that is waited for can be given up, and made again with less time."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.request()
        ending = asyncio.ensure_future(here.fleet.end(drain=60))
        await until(lambda: worker.draining_at)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
        await here.fleet.end(drain=0)
        assert worker.ended_at is not None

    play(story)


def test_an_end_without_a_beginning_is_nothing(tmp_path: Path, rows: Rows) -> None:
    """A fleet that never began has nothing to end."""
    here = Here(tmp_path, rows, Local.read(LOCAL, "local"), "app")
    asyncio.run(here.fleet.end(drain=0))

    assert [] == here.notes
