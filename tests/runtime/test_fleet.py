"""The workers of one app, as real processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

aiohttp = pytest.importorskip("aiohttp")
psutil = pytest.importorskip("psutil")
pytest.importorskip("shortuuid")

from everai_autoscaler.errors import StateError, UnknownNameError  # noqa: E402 - nothing to test without the extra
from everai_autoscaler.local import fleet as fleet_module  # noqa: E402
from everai_autoscaler.local.fleet import Fleet  # noqa: E402
from everai_autoscaler.local.process import Process, marked, sweep  # noqa: E402
from everai_autoscaler.local.spec import Local  # noqa: E402
from everai_autoscaler.local.worker import LocalWorker  # noqa: E402
from everai_autoscaler.model import WorkerStatus  # noqa: E402
from everai_autoscaler.runtime.store import Store  # noqa: E402
from everai_autoscaler.serving.dispatcher import Dispatcher, Ticket  # noqa: E402

APPS = Path(__file__).parent / "apps"
COMMAND = [sys.executable, "-S", str(APPS / "app.py"), "{port}"]
LOCAL = {
    "command": COMMAND,
    "readiness": {"path": "/ready", "interval": 0.1, "timeout": 5, "failures": 3},
    "start_timeout": 30,
    "stop_grace": 10,
}


class Rows:
    """Rows that are kept in memory, each version of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.all: list[tuple[str, dict[str, Any]]] = []
        self.failure = ""

    def save_worker(self, app: str, view: dict[str, Any]) -> None:
        if self.failure:
            raise StateError(self.failure)
        self.all.append((app, dict(view)))

    def latest(self) -> dict[str, dict[str, Any]]:
        return {view["id"]: view for _, view in self.all}

    def rows(self, app: str) -> list[dict[str, Any]]:
        rows = {view["id"]: view for owner, view in self.all if owner == app}
        return [view for view in rows.values() if view["deleted_at"] is None]


class Here:
    """A fleet, and what it says."""

    def __init__(self, directory: Path, rows: Rows, local: Local, app: str) -> None:
        self.rows = rows
        self.notes: list[str] = []
        self.changes = 0
        self.dispatcher = Dispatcher()
        self.fleet = Fleet(
            local, self.dispatcher, app=app, home=directory, store=rows, note=self.notes.append, changed=self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    def start(self, count: int = 1) -> list[LocalWorker]:
        before = set(self.fleet.workers)
        self.fleet.start(count)
        return [worker for one, worker in self.fleet.workers.items() if one not in before]

    async def ready(self, count: int = 1) -> list[LocalWorker]:
        workers = self.start(count)
        await until(lambda: all(worker.ready_at for worker in workers))
        return workers

    def request(self, session: str | None = None) -> Ticket:
        ticket = Ticket(time.time(), lambda worker: None, session)
        self.dispatcher.submit(ticket)
        return ticket

    async def over(self, *workers: LocalWorker) -> None:
        await until(lambda: all(worker.ended_at for worker in workers))
        # Rows are written in a thread.
        await until(lambda: self.rows.failure or all(self.row(worker)["deleted_at"] for worker in workers))

    def said(self, worker: LocalWorker) -> list[str]:
        return [line.replace(worker.worker_id, "W") for line in self.notes if f"worker {worker.worker_id} " in line]

    def row(self, worker: LocalWorker) -> dict[str, Any]:
        return self.rows.latest()[worker.worker_id]


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when *condition* holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """What takes seconds at work takes less here."""
    monkeypatch.setattr(fleet_module, "TICK", 0.02)
    monkeypatch.setattr(fleet_module, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(fleet_module, "CHECK_EVERY", 0.05)


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    """What is kept; after the test nothing is left of any worker."""
    yield Rows(tmp_path)
    left = marked(str(tmp_path))
    sweep(str(tmp_path), lambda _worker: True)

    assert {} == left


@pytest.fixture
def play(tmp_path: Path, rows: Rows) -> Callable[..., Here]:
    """Plays a story with a fleet whose app has *faults*, to its end."""

    def played(
        story: Callable[[Here], Awaitable[None]],
        faults: str = "",
        *,
        app: str = "app",
        drain: float = 0.0,
        **local: Any,
    ) -> Here:
        async def whole() -> Here:
            given = {**LOCAL, "env": {"FAKE": faults}, **local}
            here = Here(tmp_path, rows, Local.read(given, "local"), app)
            try:
                await here.fleet.begin()
                await story(here)
            finally:
                await here.fleet.end(drain=drain)
            return here

        return asyncio.run(whole())

    return played


# Starting.


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
        kept = here.fleet._kept[worker.worker_id]
        assert 30 == pytest.approx(kept.start_until - kept.begun)
        await until(lambda: re.fullmatch(last, kept.last_look))
        kept.start_until = time.monotonic()
        await until(lambda: worker.draining_at)
        assert here.fleet.back_off_until > time.time()
        assert 0 == here.fleet.start(1)
        await here.over(worker)
        assert re.fullmatch(f"worker W {why}; it is ended, and the next start waits 1 s", here.said(worker)[0])
        assert re.fullmatch(why, here.row(worker)["why"])

    play(story, faults)


def test_one_that_exits_at_once_is_not_started_again(play) -> None:
    """It is told what it did and said, nothing counts as starting, and nothing is started while starts wait."""

    async def story(here: Here) -> None:
        (worker,) = here.start()
        await here.over(worker)

        assert ({}, 0) == (here.fleet.workers, here.fleet.start(2))
        assert "exited with status 3 while it was starting" == here.row(worker)["why"]
        why = "exited with status 3 while it was starting; the next start waits 1 s; its log ends: an unlucky start"
        assert [f"worker W {why}"] == here.said(worker)

    play(story, "exit=3")


def test_each_failure_doubles_the_wait(play, monkeypatch) -> None:
    """Starts wait twice as long after each failure that follows another, up to the longest wait."""
    monkeypatch.setattr(fleet_module, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(fleet_module, "LONGEST_WAIT", 0.06)
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
    monkeypatch.setattr(fleet_module, "FIRST_WAIT", 0.02)
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
    monkeypatch.setattr("everai_autoscaler.local.process.PORTS", 0)

    async def story(here: Here) -> None:
        assert 0 == here.fleet.start(2)

    assert ["no worker can be started: no port from 32768 to 32767 is free"] == play(story).notes


# Removing.


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


# Dying.


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
        await until(lambda: here.fleet._kept[worker.worker_id].looking is None)  # one that was on its way is over
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


# Leaving nothing behind.


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
        assert ({}, 0) == (here.fleet.workers, here.fleet.start(1))

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


# Logs and rows.


def test_a_long_log_is_put_aside(play, tmp_path: Path, monkeypatch) -> None:
    """A log that has become too long begins anew, and this is said."""
    monkeypatch.setattr(fleet_module, "LONGEST_LOG", 5)
    monkeypatch.setitem(fleet_module.bound.__kwdefaults__, "longest", 5)

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


# After a runtime that was killed.


@pytest.fixture
def abandon(tmp_path: Path, rows: Rows) -> Callable[..., list[dict[str, Any]]]:
    """Runs a runtime with so many workers until they are in a state, and kills it; their rows."""

    def abandoned(
        status: str = "RUNNING", faults: str = "", *, app: str = "app", count: int = 2, **local: Any
    ) -> list[dict[str, Any]]:
        given = json.dumps({**LOCAL, "env": {"FAKE": faults}, **local})
        command = [sys.executable, str(APPS / "abandoned.py"), str(tmp_path), app, given, str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runtime:
            for line in runtime.stdout:
                owner, view = json.loads(line)
                rows.all.append((owner, view))
                latest = rows.rows(app)
                if len(latest) == count and all(row["status"] == status and row["pid"] for row in latest):
                    break
            runtime.kill()
        return rows.rows(app)

    return abandoned


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
        rows.save_worker("app", worker.view())

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


@pytest.mark.slow
def test_two_hundred_workers_are_started_and_ended(play) -> None:
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

    fleet_module.TICK, fleet_module.CHECK_EVERY = 0.1, 2.0
    play(story, readiness={"path": "/ready"})

    assert 0.5 > seen["start"]
    assert 0.2 > seen["idle"]


async def ask(worker: LocalWorker, path: str) -> str:
    """What *worker* answers."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{worker.port}{path}") as answer:
        return await answer.text()
