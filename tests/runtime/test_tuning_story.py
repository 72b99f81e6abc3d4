"""A load that changes its shape twice, on real processes: the tuner tells, then acts, and the page shows it."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from browser import CHROMIUM, LIVE, browser

from everai_autoscaler.runtime.ring import read_requests
from everai_autoscaler.runtime.tuned import TuningForm, read_tuning, requests_path
from everai_autoscaler.tuner.kept import Kept

pytest.importorskip("numba")
CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("runtime.conftest"))]
until = CONFTEST.until

APP = "counting"
TUNED = {"valueFrom": {"tunedKeyRef": {"name": APP, "key": "rule"}}}
BOOK = {
    "source": "one for each shape of the load, and a dear one to begin with",
    "candidates": [
        {"scaler": "demand", "arguments": {"rule": "1*now[2s]"}},
        {"scaler": "demand", "arguments": {"rule": "1*now[2s] + 3"}},
        {"scaler": "demand", "arguments": {"rule": "1*now[2s] + 5"}},
    ],
    "start": 2,
}

LONGEST = 180.0
"""Seconds that a load goes on at most: a machine that is busy gives a tuner little of a core."""

pytestmark = pytest.mark.slow


@pytest.fixture
def tuned(tmp_path: Path, state: Path) -> Iterator[Callable[..., Any]]:
    """Starts the counting app, tuned every second."""
    started: list[Any] = []
    (tmp_path / "book.json").write_text(json.dumps(BOOK))
    manifest = tmp_path / "tuned.yaml"
    arguments = {"max_workers": 6, "min_workers": 1, "rule": TUNED}
    document = {
        "metadata": {"name": APP},
        "autoscaler": {"builtin": {"name": "demand", "arguments": arguments}},
        "local": {"command": ["{python}", "-S", str(CONFTEST.APPS / "counting.py"), "{port}"], "stop_grace": 2},
        "tuning": {"every": 1, "cpu": 1, "book": "book.json", "price": 1.5, "slo": {"within": 0.2, "share": 0.9}},
    }
    manifest.write_text(yaml.safe_dump(document))

    def start(*options: str) -> Any:
        running = CONFTEST.Running(manifest, state, ("--interval=0.3", *options), {})
        started.append(running)
        running.begun()
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def told(state: Path) -> TuningForm:
    """What the tuner has told last."""
    found = read_tuning(state, APP)
    assert found is not None
    return found


def load(running: Any, together: int, milliseconds: int, *, pause: float, enough: Callable[[], Any]) -> None:
    """Send so many requests at once, again and again with a pause between, until it is *enough*."""
    deadline = time.monotonic() + LONGEST
    with ThreadPoolExecutor(together) as clients:
        while not enough():
            assert time.monotonic() < deadline, running.lines
            list(clients.map(running.get, [f"/1?ms={milliseconds}"] * together))
            time.sleep(pause)


@contextmanager
def somebody(running: Any, milliseconds: int) -> Iterator[None]:
    """Meanwhile one client sends one request after the other."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            running.get(f"/1?ms={milliseconds}")

    client = threading.Thread(target=go_on)
    client.start()
    try:
        yield
    finally:
        ended.set()
        client.join()


def tuner_of(running: Any) -> psutil.Process:
    """The tuner's process."""

    def found() -> psutil.Process | None:
        for one in psutil.Process(running.process.pid).children():
            try:
                if "everai_autoscaler.tuner" in one.cmdline():
                    return one
            except psutil.Error:  # it has just ended
                continue
        return None

    process: psutil.Process = until(found, "the tuner was started")
    return process


def test_the_tuner_tells_and_then_acts(tuned: Callable[..., Any], state: Path) -> None:
    """It begins with a dear rule; a calm load needs less, which it tells; bursts need more, on which it acts."""
    running = tuned("--tune")
    load(running, 1, 5, pause=0.02, enough=lambda: told(state).advice is not None)
    advising = told(state)

    assert advising.advice is not None
    assert advising.in_force is not None
    assert (0, 2) == (advising.advice.number, advising.in_force.number)
    assert advising.said.startswith("would have cost $")
    assert running.says("the tuner advises rule 0 (rule 1*now[2s])")
    assert "90 % unless a burst larger than the error budget arrives faster than a cold start" in running.lines
    assert 0 == running.stop()

    running = tuned("--tune=act")
    load(running, 1, 5, pause=0.02, enough=lambda: told(state).in_force.number == 0)
    with somebody(running, 300):  # so that a rule keeps its reserve between two bursts
        load(running, 4, 400, pause=2.5, enough=lambda: told(state).in_force.number != 0)
    acting = told(state)
    sources = until(
        lambda: [one for one in [running.ask("/api/status")["arguments"]["rule"]] if "now[2s] + " in one["value"]],
        "the rule is read",
    )

    assert acting.act
    assert acting.in_force is not None
    assert sources[0]["source"] == acting.in_force.source
    assert sources[0]["source"].startswith("tuned ")
    assert acting.switches[0].acted
    assert acting.budget is not None
    assert acting.budget.late > 0
    assert "everai_autoscaler_tuning_switches_total" in running.ask("/metrics")
    if CHROMIUM is not None:
        assert f"rule {acting.in_force.number}" in asyncio.run(seen(running.who["admin_url"]))


async def seen(url: str) -> str:
    """What the page says of tuning."""
    async with browser() as opened, opened.page() as page:
        await page.open(url)
        await page.until(LIVE)
        await page.until("!document.querySelector('#tuning').hidden")
        assert [] == page.complaints
        return str(await page.run("document.querySelector('#tuning').innerText"))


def test_whoever_is_killed_nothing_is_lost(tuned: Callable[..., Any], state: Path) -> None:
    """The tuner goes on with what it had learnt, and so does the next runtime; what is in force stays."""
    running = tuned("--tune=act")
    load(running, 1, 5, pause=0.02, enough=lambda: told(state).in_force.number == 0)
    tuner = tuner_of(running)
    tuner.kill()
    assert running.says("the tuner was killed by SIGKILL; decisions go on with what it chose last")
    again = until(lambda: [one for one in [tuner_of(running)] if one.pid != tuner.pid], "another tuner was started")[0]
    before = told(state)
    load(running, 1, 5, pause=0.02, enough=lambda: told(state).until > before.until)

    assert told(state).hours > before.hours
    kept = len(read_requests(requests_path(state, APP)))
    running.kill()
    until(lambda: not again.is_running() or again.status() == psutil.STATUS_ZOMBIE, "the tuner ends with its runtime")
    after = told(state)
    running = tuned("--tune=act")
    load(running, 1, 5, pause=0.02, enough=lambda: told(state).until > after.until)

    assert len(read_requests(requests_path(state, APP))) > kept > 100
    assert told(state).hours >= after.hours * 0.99
    assert 0 == told(state).in_force.number
    assert Kept.read(state, APP, every=1.0).why == ""


def test_a_tuner_that_hangs_delays_no_decision(tuned: Callable[..., Any], state: Path) -> None:
    """Decisions go on at their pace while it stands still."""
    running = tuned("--tune=act")
    running.ready(1)
    tuner = tuner_of(running)
    tuner.suspend()
    try:
        last = running.ask("/api/decisions?limit=1")[0]["id"]
        began = time.monotonic()
        until(lambda: running.ask("/api/decisions?limit=1")[0]["id"] >= last + 5, "five decisions more")

        assert time.monotonic() - began < 10
        assert (200, "1") == (running.get()[0], running.get()[1][0])
    finally:
        tuner.kill()  # one that stands still doesn't see its runtime end
