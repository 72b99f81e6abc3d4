"""An app under autoscaling in this process: what its parts do together."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("aiohttp")

import playing
from playing import Always, Here

from everai_autoscaler.decision import Decider
from everai_autoscaler.local.engine import LocalEngine
from everai_autoscaler.local.spec import Local
from everai_autoscaler.runtime import clock as clock_module
from everai_autoscaler.runtime import runtime as runtime_module
from everai_autoscaler.runtime.override import Override

LOCAL = Local.read({"command": "true", "port": 0, "admin_port": 0}, "local")
WORD = {"word": "hold", "workers": 0, "until": None, "reason": "the demo", "by": "ann", "since": 0.0}


@pytest.fixture
def play(tmp_path: Path, monkeypatch) -> Callable[..., Here]:
    """Plays a story with an app in *tmp_path* whose workers are processes."""
    monkeypatch.setattr(runtime_module, "HEARTBEAT", 0.02)
    monkeypatch.setattr(clock_module, "AT_LEAST", 0.02)
    return partial(playing.play, tmp_path, make_engine=partial(LocalEngine, local=LOCAL, home=tmp_path))


async def nothing(here: Here) -> None:
    """No more happens."""


def test_a_dry_run_keeps_what_would_be_done(play) -> None:
    """A decision is made, and nobody is started."""

    async def story(here: Here) -> None:
        (decision,) = here.decisions()
        assert (2, None) == (decision["up"], decision["applied"])
        assert [] == await asyncio.to_thread(here.runtime.view.workers, ended=True)

    play(story, Always(more=2), dry_run=True)


def test_whoever_comes_while_nobody_is_there_is_decided_about_at_once(play) -> None:
    """A request doesn't wait for the next beat, an hour away."""

    async def story(here: Here) -> None:
        place = urlsplit(here.runtime.app_url)
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
        await here.decided(2)
        writer.close()

    play(story)


def test_the_bound_maximum_is_shown(play) -> None:
    """The status and the metrics have the maximum of the last decision."""

    async def story(here: Here) -> None:
        await here.until(lambda: b"everai_autoscaler_max_workers 3.0" in here.runtime.metrics.exposition())
        assert 3 == here.runtime.view.status().max_workers

    play(story)


def test_what_is_kept_of_a_moment_is_what_was_seen_then(play) -> None:
    """The sample is that of the observation, not of what the decision has made of it."""

    async def story(here: Here) -> None:
        (sample,) = here.store.samples("app", since=0)
        assert (0, 2) == (sample["inflight"], here.decisions()[0]["applied"]["up"])

    play(story, Always(more=2))


def test_the_guards_corrections_are_counted(play) -> None:
    """A policy that wants more than its own maximum is corrected, and that can be seen."""

    async def story(here: Here) -> None:
        await here.until(lambda: b"guard_interventions_total 1.0" in here.runtime.metrics.exposition())

    play(story, Always(more=9), dry_run=True)


def test_an_operators_word_counts_at_once_and_is_told(play) -> None:
    """The next decision is made with it; so is the first after it was taken back."""

    async def story(here: Here) -> None:
        await here.runtime.set_operator(Override(**WORD), "ann")
        await here.decided(2)
        await here.runtime.set_operator(None, "ben")
        await here.decided(3)
        assert [None, "hold", None] == [(one["operator"] or {}).get("word") for one in here.decisions()]

    here = play(story, dry_run=True)

    held = "held at 0 workers by ann: the demo"
    assert [held, f"resumed by ben: the policy decides again, no more {held}"] == here.told[:2]


def test_a_word_whose_time_is_over_is_taken_away(play) -> None:
    """It is told that it is over, and whoever looks at the store later doesn't find it."""

    async def story(here: Here) -> None:
        here.store.set_operator("app", {**WORD, "until": time.time() + 0.3})
        await here.until(lambda: here.store.operator("app") is None)

    here = play(story, dry_run=True)

    assert here.told[0].startswith("held at 0 workers by ann until ")
    assert here.told[1].startswith("the policy decides again, no more held at 0 workers by ann until ")


def test_what_is_remembered_is_given_back(play) -> None:
    """The next runtime's policy has the memory of the last, and its first snapshot tells of what that has seen."""
    given: list[object] = []

    def make(*, memory: object, **rest: Any) -> Decider:
        given.append(memory)
        return Decider(Always(), app="app", memory={"version": len(given)}, **rest)

    play(nothing, make_scaler=make)

    async def story(here: Here) -> None:
        await here.decided(2)
        assert here.store.decision("app", 2).record["snapshot"]["worker_histories"]

    play(story, make_scaler=make)

    assert [None, {"version": 1}] == given


def test_a_tick_that_cannot_be_kept_is_told_once(play, tmp_path: Path) -> None:
    """Scaling goes on; it is said when that begins and when it ends, not at every tick."""

    async def story(here: Here) -> None:
        with closing(sqlite3.connect(tmp_path / "state.db")) as other:
            other.execute("ALTER TABLE sample RENAME TO gone")
            for _ in range(3):
                at = here.runtime.view.status().tick.at
                await here.runtime.tick_soon()
                await here.until(lambda: here.runtime.view.status().tick.at > at)  # noqa: B023
            other.execute("ALTER TABLE gone RENAME TO sample")
        await here.runtime.tick_soon()
        await here.until(lambda: "ticks are kept again" in here.told)

    here = play(story)

    kept = [line for line in here.told if "kept" in line]
    assert 2 == len(kept)
    assert kept[0].startswith("the tick isn't kept: ")


def test_whoever_listens_hears_of_each_decision(play) -> None:
    """First the state, then what is decided."""

    async def story(here: Here) -> None:
        events = here.runtime.subscribe()
        heard = [await anext(events)]
        await here.runtime.tick_soon()
        while heard[-1][0] != "decision":
            heard.append(await asyncio.wait_for(anext(events), 30))
        await events.aclose()
        assert "state" == heard[0][0]
        assert 2 == heard[-1][1].id

    play(story)
