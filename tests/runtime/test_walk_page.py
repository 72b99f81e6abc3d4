"""The page about the walk says what is so: its commands run, in their order, and print what it shows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("runtime.conftest"))]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "walk.md"
MANIFEST = ROOT / "examples" / "get_started" / "free-worker.yaml"
COMMAND = str(Path(sys.executable).parent / "everai-autoscaler")
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL_LINE = re.compile(r"^\$ (.*)\n", re.MULTILINE)
ELSEWHERE = ("python3 -m venv", ". .venv", "sudo ", "ab ", "curl ", "everai-autoscaler run ")
"""What sets up, loads or goes on until it is ended: followed by ``test_walks.py``, where it can be."""
WATCHING = re.compile(r" --watch \S+")
UNDER_LOAD = re.compile(r"--watch|app queue")
FIRST = "5LJtBq"
"""How the page calls the first worker."""


def commands():
    """Each command of the page, with what is shown below it."""
    for block in CONSOLE.findall(PAGE.read_text("utf-8")):
        _, *parts = SHELL_LINE.split(block)
        yield from zip(parts[::2], parts[1::2], strict=True)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def shell(state):
    """Runs a command line as it stands on the page."""
    env = {**os.environ, "PATH": f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"}
    env["EVERAI_AUTOSCALER_STATE"] = str(state)

    def run(line):
        return subprocess.run(line, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.mark.slow
@pytest.mark.skipif(not PAGE.exists(), reason="the documentation isn't here")
def test_the_page_can_be_followed(shell, state, tmp_path):
    """Every command succeeds, and the lines that are shown are those that come."""
    made, *others = [one for one in commands() if not one[0].startswith(ELSEWHERE)]
    follow(shell, *made)
    with (tmp_path / "run.log").open("w") as log:
        running = subprocess.Popen(
            [COMMAND, "run", MANIFEST, "--port=0", "--admin-port=0", "--interval=1", f"--state-dir={state}"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        first = first_worker(shell)
        *during, after = others
        for line, shown in during:
            # Without load there is no more than the headers in common; the rows are test_walks.py's.
            expected = "\n".join([*shown.splitlines()[:2], "..."]) if UNDER_LOAD.search(line) else shown
            follow(shell, WATCHING.sub("", line).replace(FIRST, first[:6]), expected)
        running.send_signal(signal.SIGINT)
        assert 0 == running.wait(timeout=60)
    finally:
        running.kill()
        running.wait()
        for left in CONFTEST.of_workers(state):
            left.kill()
    follow(shell, *after)


def first_worker(shell):
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        listed = shell("everai-autoscaler worker list -o json")
        if listed.returncode == 0 and (
            free := [one for one in json.loads(listed.stdout) if one["detail_status"] == "FREE"]
        ):
            return free[0]["id"]
        time.sleep(0.2)
    raise AssertionError("no worker became ready")


def follow(shell, line, shown):
    done = shell(line)

    assert 0 == done.returncode, f"$ {line}\n{done.stdout}{done.stderr}"
    assert re.fullmatch(pattern(shown), alike(done.stdout)), f"$ {line}\n{done.stdout}{done.stderr}"


def pattern(shown):
    """``...`` stands for anything; a line of its own for any number of lines."""
    lines = alike(shown).splitlines()
    return "".join(
        "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n" for line in lines
    )


def alike(text):
    """The *text* without what differs from run to run: ids, moments, and how wide a column is for them."""
    text = re.sub(r"\b[2-9A-HJ-NP-Za-km-z]{22}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", "MOMENT", text)
    return re.sub(r" +(?=\n)", "", re.sub(r"-{3,}", "---", re.sub(r" {2,}", "  ", text)))
