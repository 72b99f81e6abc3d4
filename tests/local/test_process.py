"""One process of the operating system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from everai_autoscaler.local.process import Exit, Mark, Process, marked, sweep

SLEEP = "import time; time.sleep(600)"


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Return when *condition* holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.005)


@pytest.fixture
def state(tmp_path: Path) -> str:
    """A state directory."""
    return str(tmp_path)


@pytest.fixture
def spawn(state: str, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Makes a process that runs a script; none is left after the test."""
    all_of_them = []

    def made(script: str, worker: str = "w1", **environment: str) -> Process:
        process = Process.spawn(
            [sys.executable, "-S", "-c", script],
            directory=tmp_path,
            environment={**os.environ, **Mark(worker, state).environment(), **environment},
            log=tmp_path / "log",
        )
        all_of_them.append(process)
        return process

    yield made
    sweep(state)
    for process in all_of_them:
        until(process.poll)  # one that is dying carries no mark any more, and isn't over yet


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise SystemExit(3)", "exited with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    ],
)
def test_it_is_told_how_a_process_ended(spawn, script: str, said: str) -> None:
    """A status or a signal is told as what it is."""
    process = spawn(script)
    until(process.poll)

    assert said == str(process.poll())


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    """The real-time signals have no names."""
    assert "was killed by signal 40" == str(Exit(-40))


def test_it_prints_into_its_log(spawn, tmp_path: Path) -> None:
    """Both outputs are appended to the log, which only its owner may read."""
    (tmp_path / "log").touch(0o600)
    (tmp_path / "log").write_text("before\n", "utf-8")
    process = spawn("import sys; print('out', flush=True); print('err', file=sys.stderr)")
    until(process.poll)

    assert ("before\nout\nerr\n", 0o600) == (
        (tmp_path / "log").read_text("utf-8"),
        (tmp_path / "log").stat().st_mode & 0o777,
    )


def test_a_signal_reaches_the_whole_group(spawn, state: str) -> None:
    """What the process started, and is in its group, gets the signal as well."""
    process = spawn(f"import os; os.fork(); {SLEEP}")
    until(lambda: len(marked(state)) == 2)
    process.signal(signal.SIGKILL)
    until(process.poll)
    until(process.is_deserted)

    assert {} == marked(state)


def test_a_group_outlives_its_leader(spawn, state: str) -> None:
    """As long as a child is there, the group isn't deserted, and can be ended."""
    process = spawn(f"import os; os.fork() and os._exit(0); {SLEEP}")
    until(process.poll)
    alone = process.is_deserted()
    process.signal(signal.SIGKILL)
    until(process.is_deserted)

    assert (False, {}) == (alone, marked(state))


def test_somebody_elses_child_is_found_and_watched(spawn) -> None:
    """A process can be found by its number, and its end is seen although nobody can know how it ended."""
    process = spawn(SLEEP)
    found = Process.find(process.pid)

    assert found is not None
    assert (True, None) == (found.began_at(process.created_at), found.poll())
    found.signal(signal.SIGTERM)
    until(process.poll)
    assert "ended" == str(found.poll())


def test_one_that_has_ended_and_waits_for_its_parent_is_gone(spawn) -> None:
    """A zombie isn't found, and isn't alive."""
    process = spawn(SLEEP)
    found = Process.find(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)

    assert found is not None
    assert (Exit(None), None) == (found.poll(), Process.find(process.pid))
    assert found.is_deserted()
    until(process.poll)


def test_one_that_leads_no_group_is_not_found(spawn, state: str) -> None:
    """A worker leads a group: a process that doesn't is another one, that has got the number."""
    process = spawn(f"import os; os.fork(); {SLEEP}")
    until(lambda: len(marked(state)) == 2)
    child = next(one.pid for one in marked(state) if one.pid != process.pid)
    found = Process.find(child)

    assert found is None


def test_nobody_is_found_under_a_number_that_is_free(spawn) -> None:
    """A process that is gone isn't found."""
    process = spawn("")
    until(process.poll)

    assert Process.find(process.pid) is None


def test_another_moment_is_another_process(spawn) -> None:
    """Of two processes with one number, the moment of the beginning tells which it is."""
    process = spawn(SLEEP)

    assert [True, False, False] == [
        process.began_at(process.created_at + 0.5),
        process.began_at(process.created_at - 60),
        process.began_at(None),
    ]


def test_a_stopped_process_is_seen(spawn) -> None:
    """A process that was stopped is so until it goes on, and after its end it isn't."""
    process = spawn(SLEEP)
    seen = [process.is_stopped()]
    process.signal(signal.SIGSTOP)
    until(process.is_stopped)
    process.signal(signal.SIGCONT)
    until(lambda: not process.is_stopped())
    process.signal(signal.SIGKILL)
    until(process.poll)

    assert [False, False] == [*seen, process.is_stopped()]


def test_a_mark_is_read_from_a_process_and_its_children(spawn, state: str) -> None:
    """Whatever a worker's process starts carries its mark, in whatever session it is."""
    process = spawn(f"import os; os.fork() or os.setsid(); {SLEEP}", worker="w7")
    until(lambda: len({os.getsid(one.pid) for one in marked(state)}) == 2)

    assert {Mark("w7", state)} == {process.mark, *marked(state).values()}
    process.signal(signal.SIGKILL)
    until(process.poll)
    assert {"w7": 1} == sweep(state, {"w7"})


def test_a_sweep_leaves_others_alone(spawn, state: str, tmp_path: Path) -> None:
    """Neither other workers nor those of another state directory are swept."""
    process = spawn(SLEEP, worker="w1")
    swept = [sweep(state, {"w2"}), sweep(str(tmp_path.parent))]

    assert ([{}, {}], None) == (swept, process.poll())


def test_a_sweep_asks_before_it_kills(spawn, state: str, tmp_path: Path) -> None:
    """With a grace, SIGTERM comes first, and who heeds it isn't killed."""
    script = "import signal, sys, time; signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit()))"
    spawn(f"{script}; print('up', flush=True); time.sleep(600)")
    until(lambda: "up" in (tmp_path / "log").read_text("utf-8"))

    assert {} == sweep(state, grace=20)
    assert "up\nbye\n" == (tmp_path / "log").read_text("utf-8")


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The error names the program."""
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        Process.spawn(["no-such-program"], directory=tmp_path, environment={}, log=None)


def test_no_file_of_ours_is_open_in_a_child(spawn, tmp_path: Path) -> None:
    """A lock that the runtime holds isn't held by what it started."""
    with (tmp_path / "lock").open("w", encoding="utf-8") as lock:
        process = spawn(SLEEP)
        until(lambda: psutil.Process(process.pid).num_fds() == 3)
        files = {file.path for file in psutil.Process(process.pid).open_files()}

    assert lock.name not in files


def test_a_process_that_was_stolen_a_number_is_left_alone(spawn) -> None:
    """After its end, a group that has got its number is nobody of ours."""
    ended = spawn("")
    until(ended.poll)
    with subprocess.Popen([sys.executable, "-S", "-c", SLEEP], start_new_session=True) as stranger:
        ended.pid = stranger.pid  # what the system does when numbers run out
        ended.signal(signal.SIGKILL)

        assert (True, None) == (ended.is_deserted(), stranger.poll())
        stranger.kill()
