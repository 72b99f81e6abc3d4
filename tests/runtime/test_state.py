"""The state directory."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.state import Claim, default_directory, running

URLS = {"app_url": "http://127.0.0.1:8080", "admin_url": "http://127.0.0.1:8081"}


@contextmanager
def runtime_elsewhere(directory: Path):
    """A process of its own that has claimed *directory* for the app ``far``."""
    code = f"""
import sys
from pathlib import Path
from everai_autoscaler.runtime.state import Claim
with Claim(Path(sys.argv[1]), "far") as claim:
    claim.announce(**{URLS!r}, token=None)
    print("claimed", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_the_variable_names_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says goes before where the system keeps state; an empty word says nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    monkeypatch.setenv("EVERAI_AUTOSCALER_STATE", "/somewhere")
    assert Path("/somewhere") == default_directory()
    monkeypatch.setenv("EVERAI_AUTOSCALER_STATE", "")

    assert Path("/var/state/everai-autoscaler") == default_directory()


@pytest.mark.parametrize(
    ("said", "meant"), [("~", "/home/ann"), ("~/state", "/home/ann/state"), ("~nobody-here/s", "~nobody-here/s")]
)
def test_a_home_in_the_variable_is_meant(monkeypatch: pytest.MonkeyPatch, said: str, meant: str) -> None:
    """It may come from a file that no shell has read; a home that nobody has stays as it is."""
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("EVERAI_AUTOSCALER_STATE", said)

    assert Path(meant) == default_directory()


@pytest.mark.parametrize("said", [None, "", "relative/one"])
def test_state_is_kept_at_home(monkeypatch: pytest.MonkeyPatch, said: str | None) -> None:
    """Without a state folder of the system's, and with one that XDG has everybody ignore, it is under the home."""
    monkeypatch.delenv("EVERAI_AUTOSCALER_STATE", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if said is not None:
        monkeypatch.setenv("XDG_STATE_HOME", said)
    monkeypatch.setenv("HOME", "/home/ann")

    assert Path("/home/ann/.local/state/everai-autoscaler") == default_directory()


def test_who_has_no_home_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's nameless user gets one line."""
    for name in ("EVERAI_AUTOSCALER_STATE", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)

    with pytest.raises(StateError, match="give --state-dir, or set EVERAI_AUTOSCALER_STATE"):
        default_directory()


def test_a_runtime_says_where_it_is(tmp_path: Path) -> None:
    """While it runs, whoever looks learns who runs and where; afterwards nobody does."""
    with Claim(tmp_path / "state", "near") as claim:
        before = running(tmp_path / "state")
        claim.announce(**URLS, token="t0k3n")
        who = running(tmp_path / "state")
        kept = json.loads((tmp_path / "state" / "runtime.json").read_text())

    assert before is None  # it is just starting
    assert who == kept
    assert {"app": "near", "pid": os.getpid(), **URLS, "token": "t0k3n"}.items() <= who.items()
    assert ["runtime.lock"] == [path.name for path in (tmp_path / "state").iterdir()]
    assert running(tmp_path / "state") is None


def test_nobody_else_may_read_the_token(tmp_path: Path) -> None:
    """Whatever the umask, and whatever lay there before, only the owner reads where it is and what to say there."""
    before = os.umask(0)
    try:
        (tmp_path / "runtime.json.new").touch(0o666)
        with Claim(tmp_path / "state", "near") as inner, Claim(tmp_path, "near") as outer:
            inner.announce(**URLS, token="t0k3n")
            outer.announce(**URLS, token="t0k3n")
            modes = {
                path.relative_to(tmp_path).as_posix(): f"{path.stat().st_mode & 0o777:o}"
                for path in tmp_path.rglob("*")
            }
    finally:
        os.umask(before)

    assert {
        "state": "700",
        "runtime.json": "600",
        "runtime.lock": "600",
        "state/runtime.json": "600",
        "state/runtime.lock": "600",
    } == modes


def test_nobody_runs_where_nothing_is(tmp_path: Path) -> None:
    """A directory that isn't there, a file, and a lock that nobody holds mean that nothing runs."""
    (tmp_path / "file").touch()
    (tmp_path / "left").mkdir()
    for name in ("runtime.lock", "runtime.json"):
        (tmp_path / "left" / name).write_text("{}")

    assert [None] * 3 == [running(tmp_path / name) for name in ("none", "file", "left")]


def test_a_second_runtime_is_refused(tmp_path: Path) -> None:
    """It is told who runs there, since when, and what to do; the first one isn't disturbed."""
    with runtime_elsewhere(tmp_path) as other:
        with pytest.raises(StateError) as refused, Claim(tmp_path, "near"):
            pytest.fail("two runtimes in one directory")
        still = running(tmp_path)

    assert re.fullmatch(
        rf"another runtime runs in {re.escape(str(tmp_path))}: app 'far', pid {other.pid}, since "
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000; give another --state-dir",
        str(refused.value),
    )
    assert other.pid == still["pid"]


def test_a_second_runtime_is_refused_while_the_first_one_starts(tmp_path: Path) -> None:
    """Before the first one has said where it is, the second one is told at least that it is there."""
    with (
        Claim(tmp_path, "near"),
        pytest.raises(StateError, match="it is just starting; give another --state-dir"),
        Claim(tmp_path, "far"),
    ):
        pytest.fail("two runtimes in one directory")


def test_a_killed_runtime_runs_no_more(tmp_path: Path) -> None:
    """After kill -9 nobody is thought to run, and the next one may; what was left isn't taken for its own."""
    with runtime_elsewhere(tmp_path) as other:
        alive = running(tmp_path)
        other.kill()
        other.wait()
    left = (tmp_path / "runtime.json").exists()
    after = running(tmp_path)
    with Claim(tmp_path, "near"):
        starting = running(tmp_path)

    assert (other.pid, True) == (alive["pid"], left)
    assert after is None
    assert starting is None


def test_a_claim_ends_with_what_goes_wrong(tmp_path: Path) -> None:
    """An error inside leaves the directory free."""
    with suppress(ZeroDivisionError), Claim(tmp_path, "near") as claim:
        claim.announce(**URLS, token=None)
        raise ZeroDivisionError

    with Claim(tmp_path, "near"):
        assert running(tmp_path) is None


@contextmanager
def lookers(directory: Path, number: int = 3):
    """Threads that look again and again who runs in *directory*, until it is over; gives what they see."""
    over = threading.Event()
    seen = []

    def look() -> None:
        while not over.is_set():
            seen.append(running(directory))

    threads = [threading.Thread(target=look) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_lookers_do_not_take_each_other_for_a_runtime(tmp_path: Path) -> None:
    """However many look at what one that was killed has left, none of them sees it run."""
    (tmp_path / "runtime.lock").touch()
    (tmp_path / "runtime.json").write_text('{"app": "left by one that was killed"}')
    with lookers(tmp_path) as seen:
        while len(seen) < 2000:
            time.sleep(0)

    assert 0 == len(seen) - seen.count(None)


def test_looking_keeps_nobody_from_running(tmp_path: Path) -> None:
    """Whoever looks who runs at the very moment at which a runtime begins isn't taken for another one."""
    look = os.open(tmp_path / "runtime.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(look, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, [look]).start()

    with Claim(tmp_path, "near") as claim:
        claim.announce(**URLS, token=None)
        assert "near" == running(tmp_path)["app"]


def test_a_directory_that_cannot_be_claimed_is_told_of(tmp_path: Path) -> None:
    """What can't be a state directory, or holds something else where the lock is to be, gets one line."""
    (tmp_path / "file").touch()
    (tmp_path / "state" / "runtime.lock").mkdir(parents=True)
    told = []
    for name in ("file", "file/below", "state"):
        with pytest.raises(StateError) as refused, Claim(tmp_path / name, "near"):
            pytest.fail("claimed")
        told.append(str(refused.value).removeprefix(f"state directory {tmp_path}/"))

    assert [
        "file: is not a directory",
        "file/below: can't be used: Not a directory",
        "state: can't be used: Is a directory",
    ] == told


def test_what_cannot_be_announced_is_told_of(tmp_path: Path) -> None:
    """A runtime that can't say where it is says that, and leaves nothing behind."""
    (tmp_path / "runtime.json.new").mkdir()

    with Claim(tmp_path, "near") as claim:
        with pytest.raises(StateError, match=f"state directory {tmp_path}: can't be used"):
            claim.announce(**URLS, token=None)
        assert running(tmp_path) is None
