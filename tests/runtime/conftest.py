"""A runtime as people have it: the real command in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import yaml

from everai_autoscaler.runtime.store import Store

APPS = Path(__file__).parent / "apps"
SOON = 60.0
"""Seconds within which what is to happen at once has happened, on a machine that has much else to do."""


def until(fact: Callable[[], Any], what: str, seconds: float = SOON) -> Any:
    """What *fact* gives as soon as it gives anything."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := fact():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:g} s: {what}")


class Running:
    """A runtime that was started with the command line."""

    def __init__(self, manifest: Path, state: Path, arguments: tuple[object, ...], env: dict[str, str]) -> None:
        self.state = state
        self.output = manifest.with_name(f"{manifest.stem}.log")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("everai-autoscaler")),
                    "run",
                    str(manifest),
                    "--state-dir",
                    str(state),
                    "--port=0",
                    "--admin-port=0",
                    *map(str, arguments),
                ],
                stdout=output,
                stderr=output,
                env={**os.environ, **env},
            )

    def begun(self) -> None:
        """Wait until it can be reached, or has ended."""
        until(lambda: self.process.poll() is not None or self.who is not None, "it runs")

    @property
    def lines(self) -> str:
        """All that it has written."""
        return self.output.read_text()

    @property
    def who(self) -> dict[str, Any] | None:
        """What it tells of itself in the state directory."""
        try:
            found = json.loads((self.state / "runtime.json").read_text())
        except (OSError, ValueError):
            return None
        return found if found["pid"] == self.process.pid else None

    @property
    def url(self) -> str:
        """Where the app answers."""
        assert self.who is not None, self.lines
        return str(self.who["app_url"])

    def get(self, path: str = "/1", body: bytes | None = None) -> tuple[int, list[str]]:
        """The status with which the app answers, and the words."""
        place = urlsplit(self.url)
        with closing(HTTPConnection(place.hostname or "", place.port, timeout=SOON)) as connection:
            connection.request("GET" if body is None else "POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode().split()

    def ask(self, path: str) -> Any:
        """What the admin side answers."""
        assert self.who is not None, self.lines
        with urllib.request.urlopen(f"{self.who['admin_url']}{path}", timeout=SOON) as answer:
            text = answer.read()
        return json.loads(text) if path.startswith("/api") else text.decode()

    def workers(self, detail: str = "") -> list[dict[str, Any]]:
        """The workers, or those that do that."""
        return [one for one in self.ask("/api/workers") if detail in ("", one["detail_status"])]

    def ready(self, count: int) -> list[dict[str, Any]]:
        """The workers, once there are so many that serve or could."""
        found = until(lambda: len(self.workers("FREE") + self.workers("BUSY")) >= count and self.workers(), "workers")
        return list(found)

    def says(self, words: str) -> bool:
        """Once it has written that."""
        return bool(until(lambda: words in self.lines, f"{words!r} in\n{self.lines}"))

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(SOON)

    def stop(self) -> int:
        """End it as Ctrl-C would; its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SOON)


def of_workers(state: Path) -> list[psutil.Process]:
    """The living processes that workers of that state directory are, or have left."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get("EVERAI_AUTOSCALER_STATE")
            if mark == str(state.resolve()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory; whatever was left of its workers is ended."""
    directory = tmp_path / "state"
    yield directory
    for process in of_workers(directory):
        process.kill()


@pytest.fixture
def start(tmp_path: Path, state: Path) -> Iterator[Callable[..., Running]]:
    """Starts the counting app with a policy, under autoscaling."""
    started: list[Running] = []

    def starts(
        *options: object,
        policy: str = "simple",
        env: dict[str, str] | None = None,
        state_dir: Path = state,
        arguments: dict[str, Any] | None = None,
        **local: Any,
    ) -> Running:
        manifest = tmp_path / f"app-{len(started)}.yaml"
        command = ["{python}", "-S", str(APPS / "counting.py"), "{port}"]
        builtin = {"name": policy, "arguments": arguments or {}}
        section = {"command": command, "stop_grace": 2, "drain_timeout": 5, **local}
        manifest.write_text(
            yaml.safe_dump({"metadata": {"name": "counting"}, "autoscaler": {"builtin": builtin}, "local": section})
        )
        running = Running(manifest, state_dir, ("--interval=0.3", *options), env or {})
        started.append(running)  # before anything can go wrong, so that it is ended whatever happens
        running.begun()
        return running

    yield starts
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


@pytest.fixture
def store(state: Path) -> Iterator[Store]:
    """The store of the state directory."""
    opened = Store(state)
    yield opened
    opened.close()
