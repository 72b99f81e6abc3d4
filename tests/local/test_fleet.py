"""Logs and rows of workers, and many workers at once."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from everai_autoscaler.local import fleet as fleet_module
from everai_autoscaler.runtime.store import Store

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("local.conftest"))]
Here, Rows, until = CONFTEST.Here, CONFTEST.Rows, CONFTEST.until


def test_a_long_log_is_put_aside(play, tmp_path: Path, monkeypatch) -> None:
    """A log that has become too long begins anew, and this is said."""
    monkeypatch.setattr("everai_autoscaler.local.logs.LONGEST", 5)

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        log = tmp_path / "logs" / f"{worker.worker_id}.log"
        await until(lambda: log.stat().st_size == 0)
        assert 5 == (tmp_path / "logs" / f"{worker.worker_id}.log.1").stat().st_size

    here = play(story)

    assert 1 == sum(line.startswith("the log of worker ") for line in here.notes)


def test_rows_that_can_not_be_written_stop_nobody(play, monkeypatch) -> None:
    """Workers are started and ended while the disk is full; it is said once, and made good when there is room."""
    monkeypatch.setattr("everai_autoscaler.local.rows.KEEP_AGAIN", 0.05)

    async def story(here: Here) -> None:
        here.rows.failure = "state.db: the disk is full"
        first, second = await here.ready(2)
        here.fleet.remove(first.worker_id, "idle")
        await here.over(first)
        assert [] == here.rows.all
        here.rows.failure = ""
        await until(lambda: len(here.rows.latest()) == 2)
        assert ("TERMINATED", "RUNNING") == (here.row(first)["status"], here.row(second)["status"])

    here = play(story)

    said = [line for line in here.notes if line.startswith("what becomes")]
    assert [
        "what becomes of workers isn't kept for now: state.db: the disk is full",
        "what becomes of workers is kept again",
    ] == said


def test_rows_are_in_the_real_store(tmp_path: Path, play, rows: Rows) -> None:
    """The store that ships keeps what becomes of workers."""
    store = Store(tmp_path)
    rows.save_worker, rows.rows = store.save_worker, store.rows

    async def story(here: Here) -> None:
        removed, kept = await here.ready(2)
        here.fleet.remove(removed.worker_id, "idle")
        await until(lambda: [kept.worker_id] == [row["id"] for row in store.workers("app")])

    play(story)

    assert ([], ["idle", "the runtime stops"]) == (
        store.workers("app"),
        [row["why"] for row in store.workers("app", ended=True)],
    )
    store.close()


def test_without_room_for_a_log_there_is_none(play, tmp_path: Path) -> None:
    """A log that can't be opened is no reason not to start a worker."""
    (tmp_path / "logs").write_text("in the way", "utf-8")

    async def story(here: Here) -> None:
        await here.ready()

    play(story)


@pytest.mark.slow
def test_two_hundred_workers_are_started_and_ended(play, monkeypatch) -> None:
    """So many come and go without holding up the event loop, and cost next to nothing while they are idle."""
    seen: dict[str, float] = {}

    async def story(here: Here) -> None:
        began = time.thread_time()  # what it takes, whatever else the machine has to do
        workers = here.start(200)
        seen["start"] = time.thread_time() - began
        assert {None} == {worker.pid for worker in workers}
        await until(lambda: all(worker.ready_at for worker in workers), 120)
        began, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(3)
        seen["idle"] = (time.process_time() - used) / (time.perf_counter() - began)

    monkeypatch.setattr(fleet_module, "TICK", 0.1)
    monkeypatch.setattr(fleet_module, "CUT_LOGS_EVERY", 2.0)
    monkeypatch.setattr("everai_autoscaler.local.health.STOP_CHECK_EVERY", 2.0)
    play(story, readiness={"path": "/ready"})

    assert 0.5 > seen["start"]
    assert 0.2 > seen["idle"]
