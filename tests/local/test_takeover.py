"""What becomes of the workers of a runtime that was killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from everai_autoscaler.local.process import Process, marked
from everai_autoscaler.local.worker import LocalWorker

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("local.conftest"))]
Here, Rows, until = CONFTEST.Here, CONFTEST.Rows, CONFTEST.until


def test_workers_that_still_answer_are_taken_over(play, abandon) -> None:
    """They are the same processes, with the same ids and numbers, and serve on; later they end like any other."""
    for row in (left := abandon()):
        row |= {"successes": 3, "failures": 1, "average_response_time": 2.5, "last_served_at": 77.5}

    async def story(here: Here) -> None:
        assert [(row["id"], row["pid"], row["ready_at"]) for row in left] == [
            (worker.worker_id, worker.pid, worker.ready_at) for worker in here.fleet.workers.values()
        ]
        first, second = here.fleet.workers.values()
        assert (3, 1, 2.5) == (first.successes, first.failures, first.average_response_time)
        assert first.last_served_at > left[0]["last_served_at"]  # it is idle from now on
        ticket = here.request()
        assert ticket.worker in {first, second}
        here.dispatcher.give_up(ticket, time.time())
        here.fleet.remove(first.worker_id, "idle")
        os.kill(second.pid, signal.SIGKILL)
        await here.over(first, second)
        assert ("idle", "ended while it was free") == (first.why, second.why)

    here = play(story)

    ids = ", ".join(row["id"] for row in left)
    assert f"took over 2 workers that an earlier runtime had left: {ids}" == here.notes[0]


def test_how_long_starts_took_is_still_known(play, abandon) -> None:
    """The starts of workers that are taken over stand in the snapshot, as those of this runtime's own will."""
    left = abandon()

    async def story(here: Here) -> None:
        took = [row["ready_at"] - row["created_at"] for row in reversed(left)]
        assert took == pytest.approx(list(here.dispatcher.start_times))
        await here.ready()
        assert 3 == len(here.dispatcher.start_times)

    play(story)


def test_a_worker_that_was_still_starting_goes_on_starting(play, abandon) -> None:
    """One that has time left to become ready is taken over as starting."""
    (left,) = abandon("PENDING", "slow=0.5", count=1)

    async def story(here: Here) -> None:
        (worker,) = here.fleet.workers.values()
        await until(lambda: worker.ready_at)
        assert left["pid"] == worker.pid

    play(story, "slow=0.5")


def test_a_start_that_was_taken_over_has_the_rest_of_its_time(play, abandon) -> None:
    """A runtime that comes back doesn't give it all of its time once more."""
    (left,) = abandon("PENDING", "slow=60", count=1)
    left["created_at"] -= 28

    async def story(here: Here) -> None:
        await until(lambda: not here.fleet.workers, 15)

    play(story, "slow=60")


@pytest.mark.parametrize(
    ("row", "local", "why"),
    [
        ({}, {"env": {"FAKE": "", "NEW": "1"}}, "it was started in another way"),
        ({"draining_at": 5.0, "why": "idle"}, {}, "it was on its way out"),
        ({}, {"readiness": {"path": "/sleep/60", "timeout": 0.1}}, "no answer within 0.1 s"),
        ({"ready_at": None, "created_at": 5.0}, {"readiness": {"path": "/sleep/60", "timeout": 0.1}}, "no answer .+"),
    ],
)
def test_workers_that_can_not_be_taken_over_are_ended(play, abandon, row, local, why: str) -> None:
    """Those that answer no more, are of another plan or were on their way out are ended, and it is said why."""
    (left,) = abandon(count=1)
    left |= row

    async def story(here: Here) -> None:
        await until(lambda: not here.fleet.workers)

    here = play(story, **local)

    assert re.fullmatch(
        rf"ends 1 worker that an earlier runtime had left: {left['id']} \({why}\)",
        here.notes[0],
    )
    assert ("TERMINATED", row.get("why") or f"left by an earlier runtime: {here.notes[0].split('(')[1][:-1]}") == (
        here.rows.latest()[left["id"]]["status"],
        here.rows.latest()[left["id"]]["why"],
    )
    assert row.get("draining_at") in {None, here.rows.latest()[left["id"]]["draining_at"]}


def test_a_worker_without_a_mark_is_ended(play, abandon) -> None:
    """One that has written over its environment is known by its pid and its beginning, and is not trusted."""
    (left,) = abandon(faults="shy", count=1)
    assert psutil.pid_exists(left["pid"])

    async def story(here: Here) -> None:
        await until(lambda: not here.fleet.workers)

    here = play(story, "shy")

    assert "its process doesn't say which worker it is" in here.notes[0]
    assert None is Process.find(left["pid"])


@pytest.mark.parametrize(
    ("row", "why"), [({}, "it was gone when the runtime came back"), ({"draining_at": 5.0, "why": "idle"}, "idle")]
)
def test_a_worker_that_is_gone_has_ended(play, abandon, row, why: str) -> None:
    """One that doesn't live any more is ended in the store, and this is said; why it was to go stays."""
    (left,) = abandon(count=1)
    left |= row
    os.kill(left["pid"], signal.SIGKILL)
    asyncio.run(until(lambda: Process.find(left["pid"]) is None))

    async def story(here: Here) -> None:
        assert {} == here.fleet.workers

    here = play(story)

    assert [f"1 worker that an earlier runtime had started did not live any more: {left['id']}"] == here.notes
    assert why == here.rows.latest()[left["id"]]["why"]


def test_a_worker_whose_row_knows_no_process_is_found_by_its_mark(play, abandon) -> None:
    """A runtime that was killed between making a process and writing so left it nevertheless."""
    (left,) = abandon(faults="daemon", count=1)
    pid = left["pid"]
    left |= {"pid": None, "process_created_at": None, "ready_at": None, "status": "PENDING"}

    async def story(here: Here) -> None:
        assert [pid] == [worker.pid for worker in here.fleet.workers.values()]
        await until(lambda: all(worker.ready_at for worker in here.fleet.workers.values()))

    play(story, "daemon")


def test_somebody_who_has_got_the_number_is_left_alone(play, rows: Rows) -> None:
    """A process that has a worker's old pid, and isn't it, is nobody's business."""
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=-1, start_new_session=True) as stranger:
        worker = LocalWorker("w1", started_at=5.0, ready_at=6.0, pid=stranger.pid, process_created_at=5.5)
        rows.save_worker("app", worker.form().row())

        async def story(here: Here) -> None:
            assert {} == here.fleet.workers

        play(story)

        assert None is stranger.poll()
        assert "TERMINATED" == rows.latest()["w1"]["status"]
        stranger.kill()


def test_what_a_gone_worker_has_left_is_ended(play, abandon, rows: Rows) -> None:
    """Processes that left their worker's group are found by their mark."""
    (left,) = abandon(faults="daemon", count=1)
    os.killpg(left["pid"], signal.SIGKILL)
    asyncio.run(until(lambda: Process.find(left["pid"]) is None))

    async def story(here: Here) -> None:
        await until(lambda: not marked(str(rows.directory)))

    here = play(story, stop_grace=0.05)

    assert f"ends 1 process that an earlier runtime had left: of worker {left['id']}" == here.notes[0]


def test_workers_of_another_app_are_ended(play, abandon) -> None:
    """Whoever ran in this state directory before, runs no more: its workers are ended, in the store as well."""
    (left,) = abandon(app="other", count=1)

    async def story(here: Here) -> None:
        await until(lambda: not here.rows.rows("other"))

    here = play(story)

    assert f"ends 1 process that an earlier runtime had left: of worker {left['id']}" == here.notes[0]
    assert "left by an earlier runtime, and ended by app's" == here.rows.latest()[left["id"]]["why"]
