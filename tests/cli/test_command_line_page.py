"""The page about the command line shows what really comes out."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from everai_autoscaler.cli.commands import _COMMANDS as COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def page():
    """The page, where it is."""
    if not PAGE.exists():
        pytest.skip("the documentation isn't here")
    return PAGE.read_text("utf-8")


@pytest.mark.slow
def test_every_command_on_the_page_prints_what_the_page_says(tmp_path, page):
    """The page's files are written, its commands run in their order, and ``...`` stands for anything."""
    files = iter(("snapshot.json", "scaler.yaml", "app.yaml"))
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "EVERAI_AUTOSCALER_STATE": str(tmp_path / "state"),
    }
    with _app(tmp_path, env) as run:
        for language, text in FENCE.findall(page):
            if language == "text":
                continue  # an example of a whole day, which nobody has here
            if language != "console":
                (tmp_path / next(files)).write_text(text)
                continue
            command, expected = text.removeprefix("$ ").split("\n", 1)
            if command.startswith("everai-autoscaler run "):
                run(command, expected)
                continue
            done = _said(command, expected, tmp_path, env)

            assert re.fullmatch(_pattern(expected), done.stdout), f"{command}\n{done.stdout}{done.stderr}"
            assert "" == done.stderr


def test_every_command_has_a_place_on_the_page(page):
    """Each is in a table, with a way to where it is told of."""
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    told = {word for heading in headings for word in re.split(r", | and ", heading)}

    assert set(COMMANDS) <= told
    assert set(re.findall(r"\]\(#([-\w]+)\)", page)) <= {
        re.sub(r"[^-\w ]", "", one).replace(" ", "-") for one in headings
    }


def _said(command: str, expected: str, directory: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What *command* prints; a list is asked for again, for what a running app decides comes a moment later."""
    until = time.monotonic() + 60
    while True:
        done = subprocess.run(command, shell=True, cwd=directory, env=env, capture_output=True, text=True, check=False)
        once = not re.match(r"everai-autoscaler (worker|app|decisions) (list|queue|status|explain)", command)
        if once or re.fullmatch(_pattern(expected), done.stdout) or time.monotonic() > until:
            return done
        time.sleep(0.2)


@contextmanager
def _app(directory: Path, env: dict[str, str]) -> Iterator[object]:
    """Runs an app, as the page does in a terminal of its own, until the page is through."""
    started = []

    def run(command: str, expected: str) -> None:
        log = directory / "run.log"
        with log.open("w") as output:
            arguments = [*command.split(), "--port", "0", "--admin-port", "0"]
            started.append(subprocess.Popen(arguments, cwd=directory, env=env, stdout=output, stderr=output))
        patterns = [_pattern(line) for line in expected.splitlines()]
        until = time.monotonic() + 60
        while missing := [one for one in patterns if not re.search(one, log.read_text(), re.MULTILINE)]:
            assert time.monotonic() < until, f"{missing}\n{log.read_text()}"
            time.sleep(0.1)

    try:
        yield run
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()


def _pattern(expected: str) -> str:
    lines = expected.splitlines()
    return "".join(
        "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n" for line in lines
    )
