"""Measures what the local runtime's router costs, and prints a table of ratios.

``python benchmarks/router.py [--quick] [-o FILE]`` puts ``ab -k -c 4`` and ``wrk`` on one fast worker: on the worker
itself, on a plain reverse proxy made of aiohttp's server and client, and on the router, with a worker that takes one
request at once (the default: the four clients queue) and with one that takes four. The sides are measured in turn, in
processes of their own, on the loopback interface; the table has the medians. Needs the extra ``runtime``, ``ab``
(apache2-utils) and ``wrk``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

RATE_AIM, LATENCY_AIM = 0.9, 2.0
CLIENTS = 4
BODY = b"x" * 100
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n"
ANSWER = HEAD % len(BODY) + BODY
SIDES = ("the worker alone", "plain proxy", "router, concurrency 4", "router, concurrency 1")


@dataclass(frozen=True)
class Plan:
    """How thoroughly to measure."""

    turns: int
    requests: int
    seconds: int


@dataclass(frozen=True)
class Found:
    """What one side did in one turn: requests a second, and milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    load: str
    side: str
    rate: str
    p50: str
    p99: str
    ratio: str
    later: str
    met: str


def main() -> int:
    """Measure, and write what was asked for."""
    parser = argparse.ArgumentParser(description="Measure the router against a plain proxy.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns: a first impression")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write the rows as JSON, too")
    parser.add_argument("--serve", nargs=2, metavar=("SIDE", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve[0], int(options.serve[1])))
        return 0
    missing = [name for name in ("ab", "wrk") if shutil.which(name) is None]
    if missing:
        print(f"{' and '.join(missing)} not found: install apache2-utils and wrk", file=sys.stderr)
        return 1
    plan = Plan(3, 4_000, 2) if options.quick else Plan(9, 10_000, 4)
    rows = list(measured_rows(plan))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {plan.turns} turns\n")
    print(table(rows))
    if options.output:
        options.output.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


# -- measuring --------------------------------------------------------------------------------------------------------


def measured_rows(plan: Plan) -> Iterator[Row]:
    """Every line of the table."""
    loads: dict[str, Callable[[int], Found]] = {
        f"ab -k -c {CLIENTS}": lambda port: ab(port, plan.requests),
        f"wrk -c {CLIENTS}": lambda port: wrk(port, plan.seconds),
    }
    with ExitStack() as running:
        worker = running.enter_context(side("worker", 0))
        ports = dict(
            zip(
                SIDES,
                (worker, *(running.enter_context(side(name, worker)) for name in ("plain", "router4", "router1"))),
                strict=True,
            )
        )
        for port in ports.values():
            ab(port, 1_000)
        for load, measure in loads.items():
            turns: dict[str, list[Found]] = {name: [] for name in SIDES}
            for turn in range(plan.turns):
                say(f"{load}, {turn + 1} of {plan.turns}")
                # Each turn begins with another side, so that none is always the one after the busiest.
                for name in (*SIDES[turn % len(SIDES) :], *SIDES[: turn % len(SIDES)]):
                    turns[name].append(measure(ports[name]))
            yield from (row(load, name, turns) for name in SIDES)


def row(load: str, name: str, turns: dict[str, list[Found]]) -> Row:
    """What *name* did, beside the plain proxy in the same turn."""
    mine, plain = turns[name], turns["plain proxy"]
    ratios = [one.rate / other.rate for one, other in zip(mine, plain, strict=True)]
    later = [one.p99 - other.p99 for one, other in zip(mine, plain, strict=True)]
    reached = median(ratios) >= RATE_AIM and median(later) <= LATENCY_AIM
    return Row(
        load,
        name,
        f"{median(one.rate for one in mine):,.0f}/s",
        f"{median(one.p50 for one in mine):.2f} ms",
        f"{median(one.p99 for one in mine):.2f} ms",
        f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{median(later):+.2f} ms",
        ("met" if reached else "missed") if name.startswith("router") else "",
    )


def ab(port: int, requests: int) -> Found:
    """What ``ab`` finds with so many *requests*; its clients speak HTTP/1.0."""
    command = ["ab", "-q", "-k", "-c", str(CLIENTS), "-n", str(requests), "-e", "/dev/stdout", address(port)]
    text = run(command)
    failed = int(re.findall(r"Failed requests:\s+(\d+)", text)[0])
    if failed or "Non-2xx" in text:
        raise SystemExit(f"ab: requests failed:\n{text}")
    percentiles = {int(at): float(ms) for at, ms in re.findall(r"^(\d+),([\d.]+)$", text, re.MULTILINE)}
    return Found(float(re.findall(r"Requests per second:\s+([\d.]+)", text)[0]), percentiles[50], percentiles[99])


def wrk(port: int, seconds: int) -> Found:
    """What ``wrk`` finds in so many *seconds*."""
    text = run(["wrk", "-t", "1", "-c", str(CLIENTS), "-d", f"{seconds}s", "--latency", address(port)])
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"wrk: requests failed:\n{text}")
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])
    at = {int(number): in_ms(time, unit) for number, time, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)", text)}
    return Found(rate, at[50], at[99])


def in_ms(number: str, unit: str) -> float:
    """So many milliseconds."""
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def run(command: list[str]) -> str:
    """What *command* prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def address(port: int) -> str:
    """Where to ask."""
    return f"http://127.0.0.1:{port}/"


@contextmanager
def side(name: str, port: int) -> Iterator[int]:
    """The port of a process that serves as *name* before the worker at *port*."""
    command = [sys.executable, __file__, "--serve", name, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            yield int(process.stdout.readline())
        finally:
            process.terminate()


# -- the sides --------------------------------------------------------------------------------------------------------


async def serve(name: str, port: int) -> None:
    """Serve as *name*, and print the port."""
    if name == "worker":
        server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", 0)
        mine = server.sockets[0].getsockname()[1]
    elif name == "plain":
        mine = await plain_proxy(port)
    else:
        mine = await router(port, int(name.removeprefix("router")))
    print(mine, flush=True)
    await asyncio.get_running_loop().create_future()


class Constant(asyncio.Protocol):
    """A worker that answers the same to whatever it is asked: as fast as Python can."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport: Any = transport
        self.given = b""

    def data_received(self, data: bytes) -> None:
        """Answer each head."""
        self.given += data
        while b"\r\n\r\n" in self.given:
            _, self.given = self.given.split(b"\r\n\r\n", 1)
            self.transport.write(ANSWER)


async def plain_proxy(port: int) -> int:
    """What one writes with aiohttp on a page: no queue, no limits, no put-back."""
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
    from multidict import CIMultiDict
    from yarl import URL

    hop_by_hop = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
    session = ClientSession(
        auto_decompress=False,
        connector=TCPConnector(limit=0),
        cookie_jar=DummyCookieJar(),
        skip_auto_headers=["User-Agent", "Accept", "Accept-Encoding", "Content-Type"],
        timeout=ClientTimeout(total=None),
    )
    base = f"http://127.0.0.1:{port}"

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        headers = CIMultiDict(request.headers)
        headers["X-Forwarded-For"] = request.remote or ""
        headers["X-Forwarded-Proto"] = "http"
        headers["X-Forwarded-Host"] = request.headers["Host"]
        for name in hop_by_hop:
            headers.popall(name, None)
        async with session.request(
            request.method,
            URL(base + request.raw_path, encoded=True),
            headers=headers,
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as found:
            kept = CIMultiDict((name, text) for name, text in found.headers.items() if name.lower() not in hop_by_hop)
            response = web.StreamResponse(status=found.status, reason=found.reason, headers=kept)
            await response.prepare(request)
            async for part in found.content.iter_any():
                await response.write(part)
            await response.write_eof()
            return response

    server = web.Server(answer, handler_cancellation=True, access_log=None, auto_decompress=False)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    return int(listening.sockets[0].getsockname()[1])


async def router(port: int, concurrency: int) -> int:
    """Our router, with one worker."""
    from prometheus_client import CollectorRegistry

    from everai_autoscaler.router.metrics import RequestMetrics
    from everai_autoscaler.router.router import Router
    from everai_autoscaler.router.settings import Settings
    from everai_autoscaler.router.upstream import Upstream
    from everai_autoscaler.router.worker import ListeningWorker
    from everai_autoscaler.serving.dispatcher import Dispatcher

    settings = Settings()
    dispatcher = Dispatcher[ListeningWorker](longest=settings.limits.queue)
    worker = ListeningWorker("w", started_at=time.time(), port=port, concurrency=concurrency)
    dispatcher.add(worker)
    dispatcher.ready(worker, time.time())
    upstream = Upstream(
        settings=settings,
        dispatcher=dispatcher,
        trouble=lambda *_: None,
        metrics=RequestMetrics(CollectorRegistry()),
        changed=lambda: None,
        wanted=lambda: None,
    )
    return await Router(upstream).start("127.0.0.1", 0)


# -- words ------------------------------------------------------------------------------------------------------------


def say(what: str) -> None:
    """A line of progress."""
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr)


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = Row("load", "side", "rate", "p50", "p99", "rate / plain: median (from .. to)", "p99 - plain", "reached")
    lines = [[*asdict(row).values()] for row in (head, *rows)]
    lines.insert(1, ["---"] * 8)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    raise SystemExit(main())
