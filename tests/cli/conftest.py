"""The command line as tests run it: in this process, or as the console script that people have."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from everai_autoscaler.cli.commands import everai_autoscaler


@pytest.fixture
def run() -> Callable[..., Result]:
    """Runs a command in this process; *given* comes from standard input."""

    def invoke(*arguments: object, given: str | bytes = "", **env: str) -> Result:
        # click before 8.2 mixes both outputs, unless it is told not to.
        apart = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
        result = CliRunner(**apart).invoke(everai_autoscaler, [str(one) for one in arguments], input=given, env=env)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the console script in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def popen(*arguments: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("everai-autoscaler")), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    """Three wait for one busy worker, and one is free; over several lines, as a person keeps it."""
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps(a_snapshot(), indent=2))
    return path


def a_snapshot(waiting: int = 3, at: float = 1_722_220_970, **fields: Any) -> dict[str, Any]:
    worker = {
        "worker_id": "w1",
        "region": "r",
        "started_at": int(at) - 3600,
        "last_service_time": int(at),
        "number_of_successes": 1,
        "number_of_failures": 0,
        "number_of_sessions": 0,
        "average_response_time": 1.0,
        "current_request": 1,
        "status": "Busy",
    }
    return {"queue": {"WorkerBusy": waiting}, "workers": [worker], "observed_at": at, **fields}


@pytest.fixture
def a_line() -> Callable[..., str]:
    """A snapshot as one line of a stream."""
    return lambda *args, **fields: json.dumps(a_snapshot(*args, **fields)) + "\n"
