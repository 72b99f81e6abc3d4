"""The command line as tests run it: in this process, or as the console script that people have."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from everai_autoscaler.cli.commands import everai_autoscaler
from everai_autoscaler.decision import Decider
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.model import Factors, Placeholder
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.runtime.state import running as runs
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.view import AdminView


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
def run_beside(run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs a command in this process, as if what is in a directory were installed."""
    directories: list[Path] = []

    def invoke(directory: Path, *arguments: object, given: str | bytes = "", **env: str) -> Result:
        directories.append(directory)
        monkeypatch.syspath_prepend(directory)
        default_registry.cache_clear()
        return run(*arguments, given=given, **env)

    yield invoke
    default_registry.cache_clear()
    for name, module in list(sys.modules.items()):
        if any(Path(getattr(module, "__file__", None) or "/").is_relative_to(one) for one in directories):
            del sys.modules[name]


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


ANN, BEN, EVE = "5LJtBqJsRYgT67ZEuMAt88", "VtU8mgrcneAqQzSh9GE5KQ", "VxrG9wGR6y8xYanE3Dpxna"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A state directory in which an app has run: five ticks from 03:06:50 on, of which each came out differently."""
    directory = tmp_path / "state"
    with closing(Store(directory)) as store:
        store.put("Secret", "quota", {"idle": "7531"})
        store.remember_app("get-start", {"scaler": "simple", "started_at": TIMES[0]})
        for tick in a_run(store):
            store.write_tick("get-start", tick)
    (directory / "logs" / f"{ANN}.log").write_text("began\nserved\n")
    return directory


TIMES = [1_722_222_410.25 + 20 * number for number in range(5)]
"""2024-07-29T03:06:50+0000 and so on."""


def a_run(store: Store) -> Iterator[TickRow]:
    late = Placeholder(name="quota", key="idle", kind="Secret")
    arguments = {"max_workers": 5, "max_queue_size": 2, "max_idle_time": late}
    decider = Decider("simple", arguments, app="get-start", providers={"Secret": store.reader("Secret")})
    ann = LocalWorker(ANN, TIMES[0] - 1000, port=20001, pid=11, ready_at=TIMES[0] - 990, serving=1, successes=7)
    ann.served_for = 10.5
    ben = LocalWorker(BEN, TIMES[0] + 0.5)
    eve = LocalWorker(EVE, TIMES[0] - 900, ready_at=TIMES[0] - 890, ended_at=TIMES[0] - 5, why="idle for 60 s")
    hold = {"word": "hold", "workers": 3, "until": None, "reason": "a demo", "by": "ann", "since": TIMES[3]}
    for number, (waiting, there, more) in enumerate(
        [
            (3, [ann], {"applied": {"up": 1, "down": [], "why": []}}),
            (3, [ann, ben], {}),
            (3, [ann, ben], {"failure": "observe failed: OSError: gone", "record": None}),
            (
                0,
                [ann, ben],
                {"operator": hold, "applied": {"up": 0, "down": [], "why": ["starts 0 of 1: starts wait"]}},
            ),
            (5, [ann], {}),
        ]
    ):
        at = TIMES[number]
        factors = Factors(
            observed_at=at, queue={"QueueDueBusy": waiting}, workers=[one.snapshot("local") for one in there]
        )
        record = decider.decision(factors).record()
        assert record is not None
        yield TickRow(
            **{
                "at": at,
                "took": 0.0124,
                "lag": 0.0,
                "record": record.json(),
                "memory": None,
                "applied": None,
                "operator": None,
                "failure": "",
                "workers": [one.form().model_dump() for one in ({ann, ben, eve} if number else {ann, eve})],
                "queue": [(at - 5, "WorkerBusy"), (at - 4, "WorkerBusy")],
                "sample": {
                    "at": at,
                    "inflight": len(there) - 1,
                    "free": 0,
                    "busy": 1,
                    "draining": 0,
                    "waiting": {"QueueDueBusy": waiting},
                    "arrivals": 1,
                    "completions": 1,
                    "max_workers": 5,
                },
                **more,
            }
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of an app that really runs, in a process of its own, with two workers."""
    home = tmp_path_factory.mktemp("running")
    state, manifest = home / "state", home / "app.yaml"
    manifest.write_text(
        "name: simple\n"
        "arguments: {min_workers: 2, max_workers: {valueFrom: {configMapKeyRef: {name: limits, key: most}}}}\n"
        "local: {command: '{python} -u -m http.server {port} --bind 127.0.0.1', stop_grace: 1}\n"
    )
    with closing(Store(state)) as store:
        store.put("ConfigMap", "limits", {"most": "4"})
    log = (home / "run.log").open("w")
    script = str(Path(sys.executable).with_name("everai-autoscaler"))
    command = [script, "run", str(manifest), "--port", "0", "--admin-port", "0", "--interval", "0.2"]
    process = subprocess.Popen([*command, "--state-dir", str(state)], stdout=log, stderr=log)
    try:
        wait_until(lambda: (who := runs(state)) is not None and ready(who) >= 2, process)
        yield state
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
            log.close()


def ready(who: dict[str, Any]) -> int:
    return sum(one.status == "RUNNING" for one in AdminView(who).workers())


def wait_until(fact: Callable[[], object], process: subprocess.Popen[bytes] | None = None, seconds: float = 60) -> None:
    """Wait for what another process does; a real one's time can't be made."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end or (process is not None and process.poll() is not None):
            raise AssertionError("it didn't come to that")
        time.sleep(0.05)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until something is so."""
    return wait_until
