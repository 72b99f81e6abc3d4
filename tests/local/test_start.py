"""Workers of one app are started as real processes."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from everai_autoscaler.local import backoff as backoff_module
from everai_autoscaler.model import WorkerStatus

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("local.conftest"))]
APPS, Here, until = CONFTEST.APPS, CONFTEST.Here, CONFTEST.until


def test_a_worker_is_inflight_until_it_is_ready(play) -> None:
    """It counts as starting until its readiness path answers; then it gets requests."""
    seen = []

    async def story(here: Here) -> None:
        (worker,) = here.start()
        ticket = here.request()
        seen.append(worker.status)
        await until(lambda: worker.ready_at)
        seen.append(worker.status)
        seen.append(ticket.worker is worker)
        here.dispatcher.give_up(ticket, time.time())
        seen.append(worker.status)
        assert re.fullmatch(r"worker W is ready, \d+\.\d s after its start", here.said(worker)[0])

    play(story)

    assert [WorkerStatus.Inflight, WorkerStatus.Busy, True, WorkerStatus.Free] == seen


def test_the_row_comes_before_the_process(play) -> None:
    """A worker's row tells of it before there is a process, and of each step that follows."""

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        here.fleet.remove(worker.worker_id, "idle")
        await here.over(worker)

    here = play(story)

    versions = [(view["status"], view["pid"] is not None) for _, view in here.rows.all]
    assert [
        ("PENDING", False),
        ("PENDING", True),
        ("RUNNING", True),
        ("TERMINATING", True),
        ("TERMINATED", True),
    ] == versions


def test_a_worker_has_its_environment_and_directory(play, tmp_path: Path, monkeypatch) -> None:
    """It runs in its directory, with the runtime's environment and its own, and prints into its log."""
    (tmp_path / "sub").mkdir()
    monkeypatch.setenv("WORD", "theirs")
    monkeypatch.setenv("HERE", "kept")
    seen: list[Any] = []

    async def story(here: Here) -> None:
        (worker,) = await here.ready()
        environment = psutil.Process(worker.pid).environ()
        seen.append([environment["HERE"], environment["WORD"], environment["PORT"] == str(worker.port)])
        seen.append((tmp_path / "logs" / f"{worker.worker_id}.log").read_text("utf-8"))
        seen.append((tmp_path / "logs").stat().st_mode & 0o777)

    play(story, directory="sub", env={"WORD": "ours"})

    assert [["kept", "ours", True], f"begins ours {tmp_path / 'sub'}\n", 0o700] == seen


def test_workers_have_ids_and_ports_of_their_own(play) -> None:
    """Several that are started at once have ids of 22 characters, and all become ready."""

    async def story(here: Here) -> None:
        workers = await here.ready(4)

        assert {22} == {len(worker.worker_id) for worker in workers}
        assert 4 == len({worker.port for worker in workers})
        assert 3 == workers[0].concurrency

    here = play(story, concurrency=3)

    assert here.notes[0].startswith("starts 4 workers: ")


def test_without_a_path_a_worker_that_listens_is_ready(play) -> None:
    """Where no readiness path is given, accepting a connection is enough."""

    async def story(here: Here) -> None:
        await here.ready()

    play(story, readiness={})


@pytest.mark.parametrize(
    ("faults", "last"),
    [
        ("never", r"nothing listens on port \d+"),
        ("garbage", r"/ready gives no answer: .+"),
    ],
)
def test_one_that_never_becomes_ready_is_given_up(play, faults: str, last: str) -> None:
    """After the start timeout it is ended, with the last thing that was seen of it, and starts wait."""
    why = rf"wasn't ready within 30 s: {last}"

    async def story(here: Here) -> None:
        (worker,) = here.start()
        life = here.fleet._roster.lives[worker.worker_id]
        assert 30 == pytest.approx(life.start_until - life.begun)
        await until(lambda: re.fullmatch(last, life.not_ready))
        life.start_until = time.monotonic()
        await until(lambda: worker.draining_at)
        assert here.fleet.back_off_until > time.time()
        assert 0 == here.fleet.start(1)[0]
        await here.over(worker)
        assert re.fullmatch(f"worker W {why}; it is ended, and the next start waits 1 s", here.said(worker)[0])
        assert re.fullmatch(why, here.row(worker)["why"])

    play(story, faults)


def test_one_that_exits_at_once_is_not_started_again(play) -> None:
    """It is told what it did and said, nothing counts as starting, and nothing is started while starts wait."""

    async def story(here: Here) -> None:
        (worker,) = here.start()
        await here.over(worker)

        assert ({}, 0) == (here.fleet.workers, here.fleet.start(2)[0])
        assert "exited with status 3 while it was starting" == here.row(worker)["why"]
        why = "exited with status 3 while it was starting; the next start waits 1 s; its log ends: an unlucky start"
        assert [f"worker W {why}"] == here.said(worker)

    play(story, "exit=3")


def test_each_failure_doubles_the_wait(play, monkeypatch) -> None:
    """Starts wait twice as long after each failure that follows another, up to the longest wait."""
    monkeypatch.setattr(backoff_module, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(backoff_module, "LONGEST_WAIT", 0.06)
    waits = []

    async def story(here: Here) -> None:
        for _ in range(4):
            (worker,) = here.start()
            await here.over(worker)
            waits.append(re.search(r"waits ([\d.]+) s", here.said(worker)[0])[1])
            await until(lambda: here.fleet.back_off_until is None)

    play(story, "exit=0")

    assert ["0.02", "0.04", "0.06", "0.06"] == waits


def test_those_that_were_started_together_fail_once(play) -> None:
    """Four that fail together are one failure, not four in a row."""

    async def story(here: Here) -> None:
        await here.over(*here.start(4))

    here = play(story, "exit=1")

    assert 4 == sum("the next start waits 1 s" in line for line in here.notes)


def test_a_success_makes_failures_forgotten(play, tmp_path: Path, monkeypatch) -> None:
    """After one that became ready, the first failure is a first failure again."""
    monkeypatch.setattr(backoff_module, "FIRST_WAIT", 0.02)
    script = tmp_path / "script"
    script.write_text(f"test -e {tmp_path}/well && exec {sys.executable} -S {APPS}/app.py $1; exit 1", "utf-8")

    async def story(here: Here) -> None:
        for _ in range(2):
            await here.over(*here.start())
            await until(lambda: here.fleet.back_off_until is None)
        (tmp_path / "well").touch()
        await here.ready()
        (tmp_path / "well").unlink()
        await here.over(*here.start())

    here = play(story, command=["sh", str(script), "{port}"])

    waits = [found[1] for line in here.notes if (found := re.search(r"waits ([\d.]+) s", line))]
    assert ["0.02", "0.04", "0.02"] == waits


@pytest.mark.parametrize(
    ("local", "why"),
    [
        ({"command": ["no-such-program"]}, "there is no program no-such-program"),
        ({"directory": "nowhere"}, r"there is no directory .+/nowhere"),
        ({"command": ["/"]}, "the program / may not be used"),
    ],
)
def test_a_process_that_can_not_be_made_is_told(play, local, why: str) -> None:
    """The line names what isn't there; it counts as a failed start."""

    async def story(here: Here) -> None:
        (worker,) = here.start()
        await here.over(worker)
        assert here.fleet.back_off_until is not None
        assert "TERMINATED" == here.row(worker)["status"]
        assert re.fullmatch(f"worker W can't be started: {why}; the next start waits 1 s", here.said(worker)[0])

    play(story, **local)


def test_no_free_port_starts_nobody(play, monkeypatch) -> None:
    """Where no port is free, it is said, and fewer are started."""
    monkeypatch.setattr("everai_autoscaler.local.launcher.PORTS", 0)

    async def story(here: Here) -> None:
        assert (0, "no port from 32768 to 32767 is free") == here.fleet.start(2)

    assert ["no worker can be started: no port from 32768 to 32767 is free"] == play(story).notes
