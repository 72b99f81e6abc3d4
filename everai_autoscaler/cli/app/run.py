"""``everai-autoscaler run``: an app with autoscaling on this machine."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import resource
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TextIO

import click

from everai_autoscaler.cli.app.live import show
from everai_autoscaler.cli.options.look import state_option
from everai_autoscaler.cli.options.manifest import AppManifest, read_app
from everai_autoscaler.cli.options.parameters import Whole, interval_option
from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import AutoscalerError, ContractError
from everai_autoscaler.local.engine import LocalEngine
from everai_autoscaler.local.launcher import unfit
from everai_autoscaler.local.spec import Local
from everai_autoscaler.log import LOGGER
from everai_autoscaler.runtime.plan import Plan
from everai_autoscaler.runtime.runtime import Runtime
from everai_autoscaler.runtime.state import Claim
from everai_autoscaler.runtime.store import Store

__all__ = ["run"]

TOKEN_VARIABLE = "EVERAI_AUTOSCALER_TOKEN"  # noqa: S105 - a name
MOST_FILES = 65_536
TOGETHER = 0.25
"""Seconds within which two signals are one."""
_PORT = Whole(min=0, max=65535)


@click.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--port", type=_PORT, help="Where the app answers; 0 for any free one.  [default: the file's, or 8080]")
@click.option(
    "--admin-port",
    type=_PORT,
    help="Where the page, the metrics and the commands are answered; likewise.  [default: the file's, or 8081]",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    help="Where both listen. On another than the loopback interface the admin side wants a token, "
    f"${TOKEN_VARIABLE} or one that is made.  [default: the file's, or 127.0.0.1]",
)
@interval_option
@state_option
@click.option("--dry-run", is_flag=True, help="Decide and show, and apply nothing.")
def run(
    file: Path,
    *,
    port: int | None,
    admin_port: int | None,
    host: str | None,
    interval: float,
    state_dir: Path,
    dry_run: bool,
) -> None:
    """Run an app with autoscaling on this machine.

    FILE is the app's manifest, with a "local" section that says how a worker is started, or a Python file with an App
    of the everai SDK. Requests to the port are queued and given to the workers, which are processes of this machine;
    the policy of the manifest decides every --interval seconds how many there are.

    In a terminal it shows workers, queue and decisions; elsewhere it writes a line for each thing that happens.
    Ctrl-C lets what is served be finished, and ends the workers; so does closing the terminal, unless nohup is used.

    \b
    The ConfigMap that the example's manifest reads, and the example:
      everai-autoscaler configmap create --keep -f examples/get_started/configmap.yaml
      everai-autoscaler run examples/get_started/free-worker.yaml
    Only look at what it would do:
      everai-autoscaler run app.yaml --dry-run
    While it runs, elsewhere:
      everai-autoscaler worker list --watch
      everai-autoscaler decisions explain
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    _make_room()
    manifest = _manifest(file)
    local = _local(manifest, file, {"port": port, "admin_port": admin_port, "host": host})
    token = None if _is_loopback(local.host) else os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    store = Store(state_dir)
    try:
        with Claim(state_dir, manifest.name) as claim:
            plan = _plan(file, manifest, local, store, interval=interval, dry_run=dry_run, token=token)
            asyncio.run(_run(Runtime(plan, store), claim))
    finally:
        store.close()


def _make_room() -> None:
    """Let this process have many connections at once: each request that is served takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _manifest(file: Path) -> AppManifest:
    if file.suffix == ".py":
        from everai_autoscaler.cli.options.sdk_app import read_sdk_app

        return read_sdk_app(file)
    return read_app(file)


def _local(manifest: AppManifest, file: Path, said: dict[str, Any]) -> Local:
    if manifest.local is None:
        raise ContractError(
            f"{file}: has no section local, which says how a worker is started: "
            "local: {command: python app.py --port {port}}"
        )
    given = manifest.local
    if isinstance(given, dict):
        given = {**given, **{name: value for name, value in said.items() if value is not None}}
    return Local.read(given, f"{file}: local")


def _plan(
    file: Path, manifest: AppManifest, local: Local, store: Store, *, interval: float, dry_run: bool, token: str | None
) -> Plan:
    described = manifest.description
    providers = {kind: store.reader(kind) for kind in ("ConfigMap", "Secret")}
    make = functools.partial(
        Decider,
        described.scaler or described.name,
        described.arguments,
        decorators=described.decorators,
        app=manifest.name,
    )
    # A policy that can't decide once is refused now, rather than at every tick.
    try:
        make(providers=providers).decide(None)
    except AutoscalerError as error:
        raise ContractError(f"{file}: {error}") from error
    if why := unfit(local, home=manifest.directory):
        raise ContractError(f"{file}: local: no worker can be started: {why}")
    return Plan(
        app=manifest.name,
        scaler=described.name,
        make_scaler=make,
        make_engine=functools.partial(LocalEngine, local=local, home=manifest.directory),
        host=local.host,
        admin_port=local.admin_port,
        interval=interval,
        dry_run=dry_run,
        token=token,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _run(runtime: Runtime, claim: Claim) -> None:
    plan, live = runtime.plan, sys.stdout.isatty()
    with _lines(live=live):
        loop = asyncio.get_running_loop()
        ending = _Ending(runtime)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                loop.add_signal_handler(number, ending, number)

        def begun() -> None:
            claim.announce(app_url=runtime.app_url, admin_url=runtime.admin_url, token=plan.token)
            runtime.note(f"{plan.app} answers at {runtime.app_url}; the page is at {_page(runtime, plan.token)}")
            if plan.dry_run:
                runtime.note("a dry run: decides and shows, and applies nothing")

        if not live:
            await runtime.serve(begun=begun)
            return
        showing = asyncio.create_task(show(runtime.view))
        try:
            await runtime.serve(begun=begun)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)


def _page(runtime: Runtime, token: str | None) -> str:
    return runtime.admin_url if token is None else f"{runtime.admin_url}/?token={token}"


class _Ending:
    """Lets a runtime drain at the first signal, and ends it at the second."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._told_at = 0.0

    def __call__(self, number: signal.Signals) -> None:
        now, runtime = time.monotonic(), self._runtime
        if not runtime.stopping:
            self._told_at = now
            status = runtime.view.status()
            waiting = sum(status.queue.values())
            runtime.note(
                f"drains: {status.workers.busy} workers serve and {waiting} requests wait; once more ends it now"
            )
        # Some tell it twice at one moment (timeout, of coreutils), or more often (a terminal that is closed).
        elif number is signal.SIGHUP or now - self._told_at < TOGETHER:
            return
        else:
            runtime.note("ends now")
        runtime.stop()


class _Lines(logging.StreamHandler[TextIO]):
    """A line for each event, as long as there is a reader."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging calls it
        """Let the line be lost, and the app run on, where the reader has gone away or the disk is full."""
        error = sys.exc_info()[1]
        if isinstance(error, BrokenPipeError):
            # There is no reader any more: all that follows is dropped, also what is written at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        elif not isinstance(error, OSError):
            super().handleError(record)


@contextmanager
def _lines(*, live: bool) -> Iterator[None]:
    """Write a line for each event, warnings among them, unless there is a live view; no other handler writes then."""
    handler = _Lines(sys.stdout)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S+0000")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    level, others = LOGGER.level, LOGGER.handlers[:]
    LOGGER.handlers[:] = [logging.NullHandler() if live else handler]
    LOGGER.setLevel(level if live else logging.INFO)
    try:
        yield
    finally:
        LOGGER.handlers[:] = others
        LOGGER.setLevel(level)
