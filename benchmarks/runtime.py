"""Measures the local runtime as a whole, and prints a table.

``python benchmarks/runtime.py [-o FILE]`` runs the real command with real worker processes on the loopback interface:
how long it takes from ``run`` to the first answer, and from a decision to a ready worker beyond what the worker itself
takes; then 200 workers with 1,000 requests that wait at the same time: whether each is answered exactly once, what a
tick takes, and how much memory the runtime has. About a minute, bounded in count and time. Needs the extra ``runtime``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import psutil

WORKERS, REQUESTS = 200, 1000
TURNS = 5
PATIENCE = 60.0
TICK_AIM = 100.0
WORKER = """
import asyncio, os, signal, sys
async def serve(reader, writer):
    try:
        while line := await reader.readline():
            while (await reader.readline()).strip():
                pass
            path = line.split()[1].decode()
            await asyncio.sleep(0.2 if path.startswith("/wait") else 0)
            body = f"{path} {os.getpid()}".encode()
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    await server.serve_forever()
asyncio.run(main())
"""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="write the rows as JSON, too")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "worker.py").write_text(WORKER)
        rows = [*starts(folder), *crowd(folder)]
    print(f"{platform.machine()}, Python {platform.python_version()}, aiohttp {aiohttp.__version__}\n")
    print("| what | measured | aim | reached |\n| --- | --- | --- | --- |")
    for row in rows:
        print("| {what} | {measured} | {aim} | {reached} |".format(**row))
    if output is not None:
        output.write_text(json.dumps(rows, indent=2) + "\n")


def starts(folder: Path) -> Iterator[dict[str, str]]:
    """From ``run`` to the first answer, and from a decision to a ready worker, beside the worker alone."""
    alone = [worker_alone(folder) for _ in range(TURNS)]
    first, ready = [], []
    for turn in range(TURNS):
        began = time.perf_counter()
        with running(folder, f"first-{turn}", {"min_workers": 1, "max_workers": 1}) as app:
            until(app.answers)
            first.append(time.perf_counter() - began)
            (worker,) = app.ask("/api/workers")
            ready.append(worker["ready_at"] - app.ask("/api/decisions?limit=1000")[-1]["at"])
    own = median(alone)
    yield row("the worker alone: from its start to its first answer", milliseconds(own))
    yield row("from run to the first answer of the app", milliseconds(median(first)))
    yield row("from a decision to a ready worker", milliseconds(median(ready)))
    yield row(
        "the same, beyond the worker's own start (a difference of two medians)", milliseconds(median(ready) - own)
    )


def crowd(folder: Path) -> Iterator[dict[str, str]]:
    """A thousand requests at the same time before two hundred workers."""
    with running(folder, "crowd", {"min_workers": WORKERS, "max_workers": WORKERS}) as app:
        began = time.perf_counter()
        until(lambda: len([one for one in app.ask("/api/workers") if one["status"] == "RUNNING"]) == WORKERS)
        took = time.perf_counter() - began
        idle, loaded_at = app.memory(), time.time()
        waited, answers = asyncio.run(asyncio.wait_for(send(app.url), PATIENCE))
        most = app.memory()
        ticks = [one["took"] * 1000 for one in app.ask("/api/decisions?limit=1000") if one["at"] >= loaded_at]
    served = Counter(answers)
    lost = REQUESTS - len(served)
    doubled = sum(count - 1 for count in served.values())
    yield row(f"until {WORKERS} workers are ready", milliseconds(took))
    yield row(
        f"{REQUESTS} requests at the same time: lost, doubled",
        f"{lost}, {doubled} (all answered after {waited:.1f} s)",
        "0, 0",
        met(lost == doubled == 0),
    )
    yield row(
        f"a tick with {WORKERS} workers meanwhile: median, longest of {len(ticks)}",
        f"{median(ticks):.0f} ms, {max(ticks):.0f} ms",
        f"under {TICK_AIM:.0f} ms",
        met(max(ticks) < TICK_AIM),
    )
    yield row("the runtime's memory: with nobody waiting, with all of them", f"{idle:.0f} MiB, {most:.0f} MiB")


async def send(url: str) -> tuple[float, list[str]]:
    """Send all requests at the same time; the seconds that it took, and each answer's first word."""

    async def ask(number: int) -> str:
        async with session.get(f"{url}/wait/{number}") as answer:
            return (await answer.text()).split()[0] if answer.status == 200 else f"status {answer.status}"

    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        answers = await asyncio.gather(*(ask(number) for number in range(REQUESTS)))
    return time.perf_counter() - began, [one for one in answers if one.startswith("/wait/")]


class App:
    """An app that runs."""

    def __init__(self, process: subprocess.Popen[bytes], who: dict[str, Any]) -> None:
        self.process = psutil.Process(process.pid)
        self.url: str = who["app_url"]
        self._admin: str = who["admin_url"]

    def answers(self) -> bool:
        """Whether it has answered a request."""
        with urllib.request.urlopen(f"{self.url}/1", timeout=PATIENCE) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)

    def ask(self, path: str) -> Any:
        """What the admin side answers."""
        with urllib.request.urlopen(f"{self._admin}{path}", timeout=PATIENCE) as answer:  # noqa: S310 - ours
            return json.loads(answer.read())

    def memory(self) -> float:
        """The runtime's resident memory in MiB, without its workers'."""
        return float(self.process.memory_info().rss) / (1 << 20)


@contextmanager
def running(folder: Path, name: str, arguments: dict[str, int]) -> Iterator[App]:
    """The app under autoscaling by the real command."""
    manifest, state = folder / f"{name}.json", folder / name
    manifest.write_text(
        json.dumps(
            {
                "metadata": {"name": name},
                "autoscaler": {"builtin": {"name": "simple", "arguments": arguments}},
                "local": {"command": ["{python}", "-S", "worker.py", "{port}"], "limits": {"queue": 2 * REQUESTS}},
            }
        )
    )
    options = ["--state-dir", str(state), "--port=0", "--admin-port=0", "--interval=0.5"]
    command = [str(Path(sys.executable).with_name("everai-autoscaler")), "run", str(manifest), *options]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until((state / "runtime.json").exists)
        yield App(process, json.loads((state / "runtime.json").read_text()))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def worker_alone(folder: Path) -> float:
    """Seconds from the worker's start to its first answer, without a runtime."""
    with socket.create_server(("127.0.0.1", 0)) as trial:
        port = trial.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-S", str(folder / "worker.py"), str(port)])
    try:
        until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/1").read())
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()


def until(fact: Callable[[], Any]) -> None:
    """Return when *fact* is true; what can't be reached yet isn't."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(urllib.error.URLError, ConnectionError):
            if fact():
                return
        time.sleep(0.002)
    raise SystemExit("it took too long")


def row(what: str, measured: str, aim: str = "", reached: str = "") -> dict[str, str]:
    """One line of the table."""
    return {"what": what, "measured": measured, "aim": aim, "reached": reached}


def milliseconds(seconds: float) -> str:
    """*seconds* as a table shows them."""
    return f"{seconds * 1000:,.0f} ms"


def met(fact: bool) -> str:  # noqa: FBT001 - a fact, no switch
    """Whether an aim was reached, in a word."""
    return "met" if fact else "missed"


if __name__ == "__main__":
    main()
