"""What a runtime does when things go wrong: real processes, really killed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import re
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path

import aiohttp
import psutil
import pytest

from everai_autoscaler.runtime.store import Store

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("runtime.conftest"))]
until, of_workers = CONFTEST.until, CONFTEST.of_workers

pytestmark = pytest.mark.slow

LIMIT = {"valueFrom": {"configMapKeyRef": {"name": "limits", "key": "most"}}}


def gone(state: Path) -> bool:
    return not of_workers(state)


def killed(running) -> int:
    """How many workers are known to have been killed."""
    return len([one for one in running.ask("/api/workers?ended=1") if "SIGKILL" in one["why"]])


def answers(running, count: int) -> list[str]:
    """What so many clients get at the same time, each its own number if all is well."""
    with ThreadPoolExecutor(count) as clients:
        return [words[0] for _, words in clients.map(lambda number: running.get(f"/{number}?ms=20"), range(count))]


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """Requests last as long as it is there, that say ``while`` and its name."""
    file = tmp_path / "busy"
    file.touch()
    return file


def test_a_worker_killed_in_the_midst_of_a_request_is_replaced(start, busy) -> None:
    """A safe request whose worker dies before any byte is answered by the next one, and the line says what happened."""
    running = start(arguments={"min_workers": 1, "max_workers": 2})
    (first,) = running.ready(1)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(running.get, f"/7?while={busy}")
        until(lambda: running.workers("BUSY"), "it is served")
        os.kill(first["pid"], signal.SIGKILL)
        busy.unlink()
        status, words = answer.result()

    assert (200, "7") == (status, words[0]), words
    assert str(first["pid"]) != words[1]
    assert running.says(f"worker {first['id']} was killed by SIGKILL while it served 1 request")


def test_a_request_that_kills_whoever_serves_it_is_answered(start) -> None:
    """A safe request is put back once; the second worker that it kills is the last, and the client is told."""
    running = start(arguments={"min_workers": 2, "max_workers": 2})
    running.ready(2)

    assert 502 == running.get("/1?dies=1")[0]
    assert until(lambda: killed(running) == 2, "both are known to be dead")


def test_a_post_is_not_sent_twice(start) -> None:
    """A request that isn't safe is answered 502 when its worker dies, and no other worker sees it."""
    running = start(arguments={"min_workers": 2, "max_workers": 2})
    running.ready(2)

    assert 502 == running.get("/1?dies=1", b"x")[0]
    assert until(lambda: killed(running) == 1, "it is known to be dead")
    assert "2" == running.get("/2")[1][0]
    assert 1 == killed(running)


def test_an_answer_that_is_cut_short_does_not_look_whole(start) -> None:
    """When the worker dies in the midst of its answer, its client sees that it isn't all."""
    running = start(arguments={"min_workers": 1, "max_workers": 1})
    running.ready(1)

    with pytest.raises((OSError, HTTPException)):
        running.get("/1?dies=2")


def test_no_busy_worker_is_removed(start, store, busy) -> None:
    """Of two workers above a lowered maximum, the one that serves stays until its answer is whole."""
    store.put("ConfigMap", "limits", {"most": "2"})
    running = start(arguments={"min_workers": 2, "max_workers": LIMIT})
    running.ready(2)
    with ThreadPoolExecutor(2) as clients:
        both = [clients.submit(running.get, f"/{number}?while={busy}") for number in range(2)]
        until(lambda: len(running.workers("BUSY")) == 2, "both are busy")
        store.put("ConfigMap", "limits", {"most": "1"})
        until(lambda: running.ask("/api/status")["max_workers"] == 1, "the new maximum is read")
        busy.unlink()
        served = [answer.result()[1][0] for answer in both]

    assert ["0", "1"] == served
    assert until(lambda: len(running.workers()) == 1, "one is left")


def test_a_bad_configmap_keeps_the_last_good_value(start, store) -> None:
    """A value that can't be used changes nothing, and is told with what was given; a good one applies again."""
    store.put("ConfigMap", "limits", {"most": "2"})
    running = start(arguments={"min_workers": 1, "max_workers": LIMIT})
    running.ready(1)
    store.put("ConfigMap", "limits", {"most": "many"})
    kept = until(lambda: running.ask("/api/status")["arguments"]["max_workers"]["kept"], "it is told")
    during = running.ask("/api/status")["max_workers"]
    store.put("ConfigMap", "limits", {"most": "3"})

    assert "'many'" in kept
    assert 2 == during
    assert until(lambda: running.ask("/api/status")["max_workers"] == 3, "the good value applies")


def test_a_runtime_that_was_killed_takes_its_workers_over_again(start, store, state, busy) -> None:
    """After kill -9 under load the next start has the same workers, every ConfigMap and every record, and says so."""
    store.put("ConfigMap", "limits", {"most": "3"})
    first = start(arguments={"min_workers": 3, "max_workers": LIMIT})
    workers = {one["id"] for one in first.ready(3)}
    with ThreadPoolExecutor(8) as clients:
        cut = [clients.submit(first.get, f"/{number}?while={busy}") for number in range(8)]
        until(lambda: len(first.workers("BUSY")) == 3, "it is loaded")
        decisions = len(store.decisions("counting", limit=1000))
        first.kill()
        for one in cut:
            with suppress(OSError, HTTPException):
                one.result()
    busy.unlink()
    alive = len({process.environ()["EVERAI_AUTOSCALER_WORKER"] for process in of_workers(state)})
    second = start(arguments={"min_workers": 3, "max_workers": LIMIT})

    assert 3 == alive
    assert workers == {one["id"] for one in second.ready(3)}
    assert second.says("took over 3 workers that an earlier runtime had left")
    assert decisions <= len(store.decisions("counting", limit=1000))
    assert [str(number) for number in range(6)] == answers(second, 6)
    assert (0, True) == (second.stop(), gone(state))


def test_a_worker_that_is_taken_over_is_idle_from_then_on(start, store) -> None:
    """A fleet that was there when the runtime died isn't removed at the first decision of the next one."""
    arguments = {"min_workers": 1, "max_workers": 3, "max_idle_time": 600}
    first = start(arguments=arguments)
    store.set_operator("counting", {"word": "hold", "workers": 3, "since": 1.0, "by": "ann"})
    before = {one["id"] for one in first.ready(3)}
    first.kill()
    store.set_operator("counting", None)
    for row in store.rows("counting"):
        store.save_worker(
            "counting", {**row, "created_at": row["created_at"] - 3600, "ready_at": row["ready_at"] - 3600}
        )
    second = start(arguments=arguments)
    until(lambda: (second.ask("/api/status")["tick"]["at"] or 0) > second.who["started_at"] + 1, "it decides")

    assert before == {one["id"] for one in second.workers("FREE") if one["draining_at"] is None}


def test_workers_of_another_plan_are_ended_at_the_next_start(start) -> None:
    """What a killed runtime has left is ended, with a line, where the app is started in another way now."""
    first = start(arguments={"min_workers": 2, "max_workers": 2})
    left = {one["id"] for one in first.ready(2)}
    first.kill()
    second = start(arguments={"min_workers": 1, "max_workers": 2}, directory=str(Path(__file__).parent))

    assert second.says("ends 2 workers that an earlier runtime had left")
    assert until(lambda: not left & {one["id"] for one in second.workers()}, "they are gone")


def test_nothing_is_left_after_ctrl_c(start, state) -> None:
    """Ctrl-C finishes what is served, ends every worker and exits with 0."""
    running = start(arguments={"min_workers": 2, "max_workers": 2})
    running.ready(2)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(running.get, "/9?ms=2000")
        until(lambda: running.workers("BUSY"), "it is served")
        status = running.stop()

        assert (0, "9") == (status, answer.result()[1][0])
    assert gone(state)


def test_two_signals_at_one_moment_are_one(start, busy) -> None:
    """What is told twice at once, as the command timeout does, lets what is served be finished all the same."""
    running = start(arguments={"min_workers": 1, "max_workers": 1})
    running.ready(1)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(running.get, f"/9?while={busy}")
        until(lambda: running.workers("BUSY"), "it is served")
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGINT)
        running.says("drains: ")
        busy.unlink()

        assert (0, "9") == (running.process.wait(CONFTEST.SOON), answer.result()[1][0])


def test_who_waits_while_it_drains_does_not_wait_for_nobody(start, busy) -> None:
    """When the last worker of a runtime that drains dies, those that wait are told at once, and it is over."""
    running = start(arguments={"min_workers": 1, "max_workers": 1}, drain_timeout=600)
    (worker,) = running.ready(1)
    with ThreadPoolExecutor(2) as clients:
        first, second = (clients.submit(running.get, f"/{one}?while={busy}", b"x") for one in (1, 2))
        until(lambda: running.ask("/api/queue"), "one is served, one waits")
        running.process.send_signal(signal.SIGINT)
        until(lambda: running.ask("/api/status")["stopping"], "it drains")
        os.kill(worker["pid"], signal.SIGKILL)

        assert [502, 503] == sorted([first.result()[0], second.result()[0]])
        assert 0 == running.process.wait(CONFTEST.SOON)


@pytest.fixture
def heard():
    """What is started hears that its terminal is closed, also where these tests are run by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heard")
def test_nothing_is_left_when_the_terminal_is_closed(start, state, busy) -> None:
    """A runtime whose terminal is closed, as often as that is told, finishes what is served and leaves no worker."""
    running = start(arguments={"min_workers": 1, "max_workers": 1})
    running.ready(1)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(running.get, f"/9?while={busy}")
        until(lambda: running.workers("BUSY"), "it is served")
        running.process.send_signal(signal.SIGHUP)
        running.says("drains: ")
        running.process.send_signal(signal.SIGHUP)
        busy.unlink()

        assert (0, "9") == (running.process.wait(CONFTEST.SOON), answer.result()[1][0])
    assert gone(state)


def test_a_stopped_worker_is_found_and_replaced(start) -> None:
    """A worker that somebody has stopped (SIGSTOP) is killed as hung, and its request answered by another."""
    running = start(arguments={"min_workers": 1, "max_workers": 1}, readiness={"timeout": 0.5, "interval": 0.5})
    (first,) = running.ready(1)
    os.kill(first["pid"], signal.SIGSTOP)

    assert "5" == running.get("/5")[1][0]
    assert running.says(f"worker {first['id']} is hung, and is killed")


def test_a_worker_that_never_becomes_ready_is_given_up(start) -> None:
    """One that doesn't listen in time is ended, and starts wait; nothing counts as starting meanwhile."""
    running = start(
        arguments={"min_workers": 1, "max_workers": 1},
        command=["{python}", "-c", "import time; time.sleep(600)"],
        start_timeout=0.5,
    )

    assert running.says("wasn't ready within 0.5 s: nothing listens on port")
    waits = until(
        lambda: (now := running.ask("/api/status"))["back_off_until"] is not None and now["workers"], "starts wait"
    )
    assert 0 == waits["inflight"]


def test_a_command_that_goes_away_is_told(start, tmp_path) -> None:
    """A program that can't be found any more is named, and starts back off; one that never was is refused at once."""
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    script = str(CONFTEST.APPS / "counting.py")
    running = start(arguments={"min_workers": 1, "max_workers": 1}, command=[str(program), "-S", script, "{port}"])
    (worker,) = running.ready(1)
    program.unlink()
    os.kill(worker["pid"], signal.SIGKILL)
    refused = start(command=[str(program)], state_dir=tmp_path / "other")

    assert running.says(f"can't be started: there is no program {program}; the next start waits 1 s")
    assert 2 == refused.process.wait()
    assert refused.lines.endswith(f": local: no worker can be started: there is no program {program}\n")


def test_a_taken_port_is_one_line(start, state) -> None:
    """A port that somebody else has is refused before any worker is started."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        refused = start(f"--port={port}", arguments={"min_workers": 1})

        assert 2 == refused.process.wait()
    assert f"error: port {port} is taken on 127.0.0.1, give another --port\n" == refused.lines
    assert gone(state)


def test_a_second_runtime_is_refused(start) -> None:
    """One state directory has one runtime; the second is told who has it."""
    first = start(arguments={"min_workers": 1})
    second = start(arguments={"min_workers": 1})

    assert 2 == second.process.wait()
    assert re.fullmatch(
        rf"error: another runtime runs in .*: app 'counting', pid {first.process.pid}, since .*\n", second.lines
    )


@pytest.fixture
def disk(tmp_path):
    """A disk of three megabytes, and what makes it read-only or not; only root can make one."""
    libc, place = ctypes.CDLL(None), tmp_path / "disk"
    place.mkdir()
    if os.geteuid() or libc.mount(b"tmpfs", bytes(place), b"tmpfs", 0, b"size=3m"):
        pytest.skip("a disk of its own can't be mounted here")
    yield place
    for process in of_workers(place / "state"):
        process.kill()
    libc.umount2(bytes(place), 2)


def test_a_full_disk_stops_nothing_but_the_keeping(start, disk) -> None:
    """Requests are answered and workers scaled while nothing can be kept; that is told, and so is its end."""
    opened = Store(disk / "state")
    opened.put("ConfigMap", "limits", {"most": "1"})
    running = start(arguments={"min_workers": 1, "max_workers": LIMIT}, state_dir=disk / "state")
    running.ready(1)
    filler = disk / "filler"
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 1024)
    running.says("isn't kept")
    served = answers(running, 5)
    filler.unlink()

    assert ["0", "1", "2", "3", "4"] == served
    assert running.says("ticks are kept again")
    opened.close()


def test_a_read_only_state_directory_is_one_line(start, disk) -> None:
    """A state directory that can't be written is refused at the start."""
    read_only_remount = 32 | 1
    ctypes.CDLL(None).mount(b"tmpfs", bytes(disk), b"tmpfs", read_only_remount, b"")
    refused = start(arguments={"min_workers": 1}, state_dir=disk / "state")

    assert 2 == refused.process.wait()
    assert f"error: state directory {disk}/state: can't be used: Read-only file system\n" == refused.lines


PLUGIN = """
from attrs import define
from everai_autoscaler import hookimpl
from everai_autoscaler.model import AutoScaler, DecideResult

@define
class Pair(AutoScaler):
    max_workers: int = 4

    def decide(self, factors):
        return DecideResult.scale_to(2, factors, max_workers=self.max_workers).because("two are company")

@hookimpl
def register_autoscalers():
    return {"pair": Pair}
"""


HANGS = """
    def decide(self, factors):
        if len(factors.workers or ()) == 2:
            import time
            time.sleep(1000)
"""


def installed(directory: Path, plugin: str) -> None:
    """Make *plugin* a distribution in *directory*."""
    (directory / "plugin_pair.py").write_text(plugin)
    info = directory / "plugin_pair-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-pair\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[everai_autoscaler]\npair = plugin_pair\n")


def test_a_strangers_scaler_drives_it_by_name(start, tmp_path) -> None:
    """A scaler from another distribution decides here as the shipped ones do, and its sentence is in the list."""
    installed(tmp_path, PLUGIN)
    running = start(policy="pair", env={"PYTHONPATH": str(tmp_path)})

    assert 2 == len(running.ready(2))
    (decision,) = until(lambda: running.ask("/api/decisions?limit=1"), "a decision is kept")
    assert "pair: two are company" in decision["why"]


def test_a_policy_that_hangs_does_not_keep_who_ends_it(start, state, tmp_path) -> None:
    """Ctrl-C twice ends the runtime and its workers at once, also while a scaler never comes back."""
    installed(tmp_path, PLUGIN.replace("    def decide(self, factors):", HANGS))
    running = start(policy="pair", env={"PYTHONPATH": str(tmp_path)})
    running.ready(2)
    until(lambda: running.ask("/api/status")["tick"]["next_at"] is None, "it hangs")
    began = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    running.says("drains: ")
    time.sleep(0.4)  # else both were one
    running.stop()

    assert time.monotonic() - began < 10
    assert gone(state)


async def _client(session: aiohttp.ClientSession, url: str, number: int, chance: random.Random) -> str:
    """One request; what became of it."""
    patience = chance.uniform(0.0, 0.05) if chance.random() < 0.15 else 60.0
    try:
        async with asyncio.timeout(patience), session.get(f"{url}/{number}?ms={chance.randrange(1, 15)}") as answer:
            text = await answer.text()
    except TimeoutError:
        return "left"
    except aiohttp.ClientError as error:
        return f"cut: {error}"
    return "answered" if answer.status == 200 and text.split()[0] == str(number) else f"{answer.status}: {text}"


async def _storm(running, store, count: int, chance: random.Random) -> list[str]:
    fates: list[str] = []
    numbers = iter(range(count))

    async def clients() -> None:
        for number in numbers:
            fate = await _client(session, running.url, number, chance)
            fates.append(fate)

    async def trouble() -> None:
        while True:
            await asyncio.sleep(chance.uniform(0.05, 0.3))
            if chance.random() < 0.5:
                store.put("ConfigMap", "limits", {"most": str(chance.randrange(3, 7))})
            else:
                workers = await asyncio.to_thread(running.workers)
                pids = [one["pid"] for one in workers if one["pid"] and one["status"] == "RUNNING"]
                if pids:
                    with suppress(ProcessLookupError):
                        os.kill(chance.choice(pids), signal.SIGKILL)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        troubling = asyncio.create_task(trouble())
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(clients())
        troubling.cancel()
    return fates


def test_a_thousand_requests_in_a_storm(start, store, state) -> None:
    """With clients that leave, workers that are killed and a ConfigMap that changes, every request has one fate.

    Each is answered by a worker, or its client left, or it was told (502) that it has met two dying workers; and what
    the workers have answered is the same in the store, in the metrics and, but for those who left, at the clients.
    """
    chance = random.Random(20240729)
    store.put("ConfigMap", "limits", {"most": "5"})
    running = start(arguments={"min_workers": 3, "max_workers": LIMIT, "scale_up_step": 3, "max_queue_size": 2})
    running.ready(3)
    fates = asyncio.run(asyncio.wait_for(_storm(running, store, 1000, chance), 120))
    answered, left = fates.count("answered"), fates.count("left")
    other = [fate for fate in fates if fate not in ("answered", "left")]
    until(lambda: not running.ask("/api/queue") and not running.workers("BUSY"), "it is quiet")
    metrics = running.ask("/metrics")
    status = running.stop()
    kept = sum(one["successes"] for one in store.workers("counting", ended=True))
    counted = int(float(re.search(r'answers_total\{code="200"\} (\S+)', metrics).group(1)))

    assert 1000 == len(fates)
    assert [] == [fate for fate in other if not fate.startswith(("502", "cut"))]
    assert len(other) <= 30
    assert answered <= counted <= answered + left
    assert counted == kept
    assert (0, True) == (status, gone(state))
    assert not psutil.pid_exists(running.process.pid) or running.process.returncode == 0
