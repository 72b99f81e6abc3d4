"""The state directory: where it is, and who runs in it."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.state import Claim, default_directory, running

CLAIMS = """
import sys, time
from pathlib import Path
from everai_autoscaler.runtime.state import Claim
with Claim(Path(sys.argv[1]), "other") as claim:
    claim.announce(app_url="http://a", admin_url="http://b", token=None)
    print("claimed", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that has claimed the directory."""
    process = subprocess.Popen([sys.executable, "-c", CLAIMS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "claimed\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize(
    ("environment", "directory"),
    [
        ({"EVERAI_AUTOSCALER_STATE": "/a", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/a"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/everai-autoscaler"),
        ({"HOME": "/h"}, "/h/.local/state/everai-autoscaler"),
    ],
)
def test_the_default_is_where_the_system_keeps_state(monkeypatch, environment, directory: str) -> None:
    """Our variable goes before the system's, and that before the home directory."""
    for name in ("EVERAI_AUTOSCALER_STATE", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert Path(directory) == default_directory()


def test_nobody_runs_in_an_empty_directory(tmp_path) -> None:
    """Where nothing is, nothing runs, and nothing is made by asking."""
    assert None is running(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_whoever_runs_is_found(tmp_path, other) -> None:
    """While another process has the directory, everybody can see who it is."""
    found = running(tmp_path)

    assert ("other", other.pid, "http://b") == (found["app"], found["pid"], found["admin_url"])


def test_a_second_runtime_is_refused_with_who_is_there(tmp_path, other) -> None:
    """A directory that another process has can't be claimed, and the line says by whom."""
    told = f"another runtime runs in {tmp_path}: app 'other', pid {other.pid}, since .*; give another --state-dir"

    with pytest.raises(StateError, match=told):
        Claim(tmp_path, "app").__enter__()


def test_one_that_was_killed_runs_no_more(tmp_path, other) -> None:
    """What a killed process has left doesn't count, and the directory can be claimed again."""
    other.send_signal(signal.SIGKILL)
    other.wait()
    left = (tmp_path / "runtime.json").exists()
    seen = running(tmp_path)
    with Claim(tmp_path, "app") as claim:
        claim.announce(app_url="http://c", admin_url="http://d", token="t")
        now = json.loads((tmp_path / "runtime.json").read_text())

    assert (True, None, "app") == (left, seen, now["app"])


def test_a_clean_end_leaves_nothing(tmp_path) -> None:
    """After the end nobody is told of a runtime that was."""
    with Claim(tmp_path, "app") as claim:
        claim.announce(app_url="http://c", admin_url="http://d", token=None)

    assert ["runtime.lock"] == [path.name for path in tmp_path.iterdir()]


def test_only_its_owner_reads_the_token(tmp_path) -> None:
    """The file with the token is 0600."""
    with Claim(tmp_path, "app") as claim:
        claim.announce(app_url="http://c", admin_url="http://d", token="t")
        mode = stat.S_IMODE((tmp_path / "runtime.json").stat().st_mode)

    assert 0o600 == mode


def test_a_directory_that_is_none_is_one_line(tmp_path) -> None:
    """A claim to what can't be a directory says where."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError, match=f"state directory {tmp_path}/file: can't be used: "):
        Claim(tmp_path / "file", "app").__enter__()
