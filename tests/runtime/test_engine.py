"""The shell round an engine that has no processes: all that it gives to local workers, any engine gets."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

import playing
from memory_engine import MemoryEngine
from playing import Always, Here

from everai_autoscaler.engine import Host
from everai_autoscaler.model import DecideResult, ScaleUpAction
from everai_autoscaler.runtime import clock as clock_module
from everai_autoscaler.runtime import runtime as runtime_module
from everai_autoscaler.runtime.store import Store

HOLD = {"workers": 2, "reason": "the demo", "by": "ann"}


@pytest.fixture
def engines() -> list[MemoryEngine]:
    """The engines that were made, in their order."""
    return []


@pytest.fixture
def play(tmp_path: Path, monkeypatch, engines) -> Callable[..., Here]:
    """Plays a story with an app in *tmp_path* whose engine is in memory."""
    monkeypatch.setattr(runtime_module, "HEARTBEAT", 0.02)
    monkeypatch.setattr(clock_module, "AT_LEAST", 0.02)

    def made(host: Host) -> MemoryEngine:
        engines.append(MemoryEngine(host))
        return engines[-1]

    return partial(playing.play, tmp_path, make_engine=made)


def test_lists_show_its_workers_and_its_queue(play, engines) -> None:
    """The admin side answers with what the engine says, in the forms of an engine."""

    async def story(here: Here) -> None:
        engines[0].ask()
        status, workers, queue = [await here.ask(f"/api/{path}") for path in ("status", "workers", "queue")]
        assert ("memory:app", {"inflight": 0, "free": 2, "busy": 0, "draining": 0}, {"WorkerBusy": 1}) == (
            status["app_url"],
            status["workers"],
            status["queue"],
        )
        assert ["w1", "w2"] == [one["id"] for one in workers]
        assert ["WorkerBusy"] == [one["reason"] for one in queue]
        assert all("pinned" not in one for one in workers)

    play(story, Always(more=2))


def test_a_tick_is_stored_with_what_was_done(play) -> None:
    """The decision, what the engine applied of it and why not more, the numbers before it, and each worker's row."""

    async def story(here: Here) -> None:
        await here.runtime.tick_soon()
        await here.decided(2)
        second, first = here.decisions()
        assert ({"up": 2, "down": [], "why": []}, "policy") == (first["applied"], first["by"])
        assert ["starts 1 of 2: the memory is full"] == second["shortfall"]
        assert [0, 2] == [sample["free"] for sample in here.store.samples("app", since=0)]
        assert [{"ann"}, {"ann"}, {"ann"}] == [set(row["pinned"]) for row in here.store.rows("app")]

    here = play(story, Always(more=2, max_workers=9))

    assert "starts 1 of 2: the memory is full" in here.told


def test_its_numbers_are_in_the_metrics(play) -> None:
    """What it counts itself stands beside what the shell counts of it."""

    async def story(here: Here) -> None:
        await here.until(lambda: b'everai_autoscaler_workers{status="free"} 2.0' in here.runtime.metrics.exposition())
        assert "memory_starts_total 2.0" in await here.ask("/metrics")

    play(story, Always(more=2))


def test_an_operator_can_hold_it_and_take_a_worker_away(play, engines) -> None:
    """A hold replaces what the policy says; a removal needs no decision."""

    async def story(here: Here) -> None:
        await here.ask("/api/hold", HOLD)
        await here.decided(2)
        assert 2 == len(engines[0].there)
        await here.ask("/api/workers/w1/remove", {"by": "ben"})
        assert ["w2"] == list(engines[0].there)
        assert "operator" == here.decisions()[0]["by"]

    here = play(story)

    assert ["held at 2 workers by ann: the demo", "worker w1 is removed by ben"] == here.told[:2]


def test_a_dry_run_applies_nothing_to_it(play, engines) -> None:
    """The decision is stored, and the engine isn't asked for anything."""

    async def story(here: Here) -> None:
        assert ({}, ["not applied: a dry run"]) == (engines[0].there, here.decisions()[0]["shortfall"])

    play(story, Always(more=2), dry_run=True)


def test_a_request_without_a_worker_is_decided_about_at_once(play, engines) -> None:
    """The engine says that a worker is wanted, and the next tick, an hour away, is made now."""

    async def story(here: Here) -> None:
        engines[0].ask()
        await here.decided(2)

    play(story)


def test_the_next_engine_is_given_the_last_samples(play, engines) -> None:
    """What an earlier runtime has seen is there for the histories of the next, the newest first."""

    async def story(here: Here) -> None:
        await here.runtime.tick_soon()
        await here.decided(2)

    play(story, Always(more=1))
    play(story)

    assert [1, 0] == [sample.free for sample in engines[1].host.samples]


def test_an_engine_that_fails_once_is_looked_at_again(play, engines) -> None:
    """The metrics follow the engine again as soon as it answers."""

    async def story(here: Here) -> None:
        engines[0].failures = [OSError("no answer")] * 3
        await here.until(lambda: not engines[0].failures)
        engines[0].apply(DecideResult(max_workers=3, actions=[ScaleUpAction(count=2)]))
        await here.until(lambda: b'everai_autoscaler_workers{status="free"} 2.0' in here.runtime.metrics.exposition())

    play(story)


def test_an_engine_that_cannot_end_leaves_the_rest_in_order(play, engines) -> None:
    """What it says against ending is raised, after the admin side has gone and the end was stored."""

    async def story(here: Here) -> None:
        engines[0].ask()
        await here.decided(2)
        engines[0].stop = None

    with pytest.raises(TypeError):
        play(story)
    with closing(Store(engines[0].host.rows.directory)) as store:
        assert [] == store.queue("app")


def test_it_drains_before_it_ends(play, engines) -> None:
    """It may take its own time for what is served, until an operator says once more that all is to end."""

    async def story(here: Here) -> None:
        here.runtime.stop()
        await here.until(lambda: engines[0].drains)

    play(story)

    assert [float("inf"), 0] == [engines[0].drains[0], engines[0].drains[-1]]


@pytest.mark.parametrize(
    "path",
    ["/api/workers?ended=1", "/api/workers/w1/logs", "/api/decisions", "/api/decisions/1", "/api/samples", "/readyz"],
)
def test_nothing_waits_for_the_disk_in_the_event_loop(play, path: str) -> None:
    """Whatever is asked, the store is read beside the event loop, which has requests to answer meanwhile."""

    async def story(here: Here) -> None:
        try:
            await here.ask(path)
        except OSError as error:
            assert "404" in str(error)  # noqa: PT017 - this engine has no logs
        await here.ask("/api/pause", {"reason": "the demo"})
        await here.ask("/api/resume", {})
        await here.ask("/api/tick", {})
        await here.until(lambda: len(here.told) == 2)

    play(story)


def test_a_store_that_hangs_holds_up_nobody_who_asks(play, tmp_path: Path) -> None:
    """While another process has the database to itself, the status is answered all the same."""

    async def story(here: Here) -> None:
        with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            await here.runtime.tick_soon()
            began = time.monotonic()
            for _ in range(20):
                await here.ask("/api/status")
            assert time.monotonic() - began < 4
            other.execute("ROLLBACK")

    play(story)
