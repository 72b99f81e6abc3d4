"""The tuner's process: what it says is told, it is started again when it ends, and ended when it hangs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from everai_autoscaler.runtime import beside as beside_room
from everai_autoscaler.runtime.beside import Watch
from everai_autoscaler.runtime.plan import Beside

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start it again at once."""
    monkeypatch.setattr(beside_room, "FIRST_PAUSE", 0.01)


def program(text: str, **how: object) -> Beside:
    """A tuner that is this Python program."""
    return Beside(command=(sys.executable, "-c", text), records=10, **{"silence": PATIENCE, **how})


def told(beside: Beside, log: Path, enough: Callable[[list[str], Watch], bool]) -> tuple[list[str], Watch]:
    """What an operator is told until it is *enough*, and the watch, whose process is ended then."""
    notes: list[str] = []
    watch = Watch(beside, log=log, note=notes.append)

    async def story() -> None:
        running = asyncio.create_task(watch.run())
        async with asyncio.timeout(PATIENCE):
            while not enough(notes, watch):  # noqa: ASYNC110 - a watch sets no event
                await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
    return notes, watch


def test_what_it_says_is_told(tmp_path: Path) -> None:
    """A line for an operator, each as one line; an empty one is a sign of life."""
    beside = program("import sys; print('chosen: rule 17\\n\\nand more', flush=True); sys.stdin.read()")
    notes, watch = told(beside, tmp_path / "log", lambda notes, _: len(notes) > 1)

    assert ["chosen: rule 17", "and more"] == notes
    assert 1 == watch.starts


def test_it_ends_with_the_watch(tmp_path: Path) -> None:
    """Nobody tunes where nothing runs."""
    pids: list[int] = []

    def enough(notes: list[str], watch: Watch) -> bool:
        pids.extend([watch.pid] if watch.pid else [])
        return bool(notes)

    _, watch = told(program("import time; print('here', flush=True); time.sleep(99)"), tmp_path / "log", enough)

    assert watch.pid is None
    assert not psutil.pid_exists(pids[-1])


def test_it_is_started_again(tmp_path: Path) -> None:
    """When it ends, whatever its status: an operator is told why, in its own last words, and that decisions go on."""
    beside = program("import sys; sys.exit('the book is gone')")
    notes, watch = told(beside, tmp_path / "log", lambda notes, _: len(notes) > 2)

    assert (
        "the tuner exited with status 1: the book is gone; decisions go on with what it chose last, it is started again"
        " in 0.01 s"
    ) == notes[0]
    assert notes[1].endswith("in 0.02 s")
    assert watch.starts >= 3


def test_one_that_is_killed_is_started_again(tmp_path: Path) -> None:
    """The line names the signal."""
    beside = program(f"import os; os.kill(os.getpid(), {9})")
    notes, _ = told(beside, tmp_path / "log", lambda notes, _: bool(notes))

    assert notes[0].startswith("the tuner was killed by SIGKILL; decisions go on")


def test_one_that_was_well_for_long_is_started_again_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause grows only from one failure to the next."""
    monkeypatch.setattr(beside_room, "WELL_AFTER", 0.0)
    notes, _ = told(program("pass"), tmp_path / "log", lambda notes, _: len(notes) > 2)

    assert all(note.endswith("is started again in 0.01 s") for note in notes)
    assert notes[0].startswith("the tuner exited with status 0; decisions go on")


def test_a_signal_without_a_name_has_its_number(tmp_path: Path) -> None:
    """As the system counts them."""
    beside = program("import os; os.kill(os.getpid(), 40)")
    notes, _ = told(beside, tmp_path / "log", lambda notes, _: bool(notes))

    assert notes[0].startswith("the tuner was killed by signal 40; decisions go on")


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    """It has to say a line, if only an empty one, within the time that is stated."""
    beside = program("import time; time.sleep(99)", silence=0.2)
    notes, watch = told(beside, tmp_path / "log", lambda notes, _: bool(notes))

    assert notes[0].startswith("the tuner said nothing for 0.2 s and was ended; decisions go on")
    assert watch.pid is None


def test_a_line_without_an_end_is_none(tmp_path: Path) -> None:
    """Memory stays bounded, whatever it says."""
    beside = program("import sys, time; sys.stdout.write('x' * 300000); sys.stdout.flush(); time.sleep(99)")
    notes, _ = told(beside, tmp_path / "log", lambda notes, _: bool(notes))

    assert notes[0].startswith("the tuner said more than 65536 bytes in one line and was ended")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """An operator is told, and it is tried again."""
    beside = Beside(command=(str(tmp_path / "nobody"),), records=10, silence=PATIENCE)
    notes, watch = told(beside, tmp_path / "log", lambda notes, _: len(notes) > 1)

    assert notes[0].startswith("the tuner can't be started: FileNotFoundError")
    assert 0 == watch.starts


def test_its_complaints_are_of_one_start(tmp_path: Path) -> None:
    """The log is written anew each time, so that it stays small; it is for its owner alone."""
    log = tmp_path / "log"
    told(program("import sys; sys.exit('gone')"), log, lambda notes, _: len(notes) > 3)

    assert "gone\n" == log.read_text() or not log.read_text()
    assert 0o600 == log.stat().st_mode & 0o777


def test_its_environment_is_added(tmp_path: Path) -> None:
    """To the runtime's own."""
    text = "import os, sys; print(os.environ['THREADS'], 'PATH' in os.environ, flush=True); sys.stdin.read()"
    notes, _ = told(program(text, environment={"THREADS": "1"}), tmp_path / "log", lambda notes, _: bool(notes))

    assert ["1 True"] == notes


def test_it_ends_when_its_runtime_is_killed(tmp_path: Path) -> None:
    """Its standard input ends, which is how a tuner knows."""
    child = "import sys; print('here', flush=True); sys.stdin.read()"
    parent = f"""
import asyncio, sys, time
from pathlib import Path
from everai_autoscaler.runtime.beside import Watch
from everai_autoscaler.runtime.plan import Beside
beside = Beside(command=(sys.executable, "-c", {child!r}), records=1, silence=60)
watch = Watch(beside, log=Path({str(tmp_path / "log")!r}), note=lambda line: print(watch.pid, flush=True))
asyncio.run(watch.run())
"""

    async def story() -> int:
        running = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE)
        assert running.stdout is not None
        pid = int(await asyncio.wait_for(running.stdout.readline(), PATIENCE))
        running.kill()
        await running.wait()
        async with asyncio.timeout(PATIENCE):
            while _lives(pid):  # noqa: ASYNC110 - a process sets no event
                await asyncio.sleep(0.01)
        return pid

    assert os.getpid() != asyncio.run(story())


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
