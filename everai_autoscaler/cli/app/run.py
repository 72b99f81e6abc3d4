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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, TextIO

import click
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from everai_autoscaler.cli.app.live import show
from everai_autoscaler.cli.options.look import state_option
from everai_autoscaler.cli.options.manifest import AppManifest, read_app
from everai_autoscaler.cli.options.parameters import Whole, interval_option
from everai_autoscaler.cli.options.tuning import WORDS, wanted_tuning
from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import AutoscalerError, ContractError
from everai_autoscaler.log import LOGGER
from everai_autoscaler.model.wire import describe_errors
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.runtime.plan import MakeScaler, Plan
from everai_autoscaler.runtime.runtime import Runtime
from everai_autoscaler.runtime.state import Claim
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.ticks import providers

__all__ = ["run"]

TOKEN_VARIABLE = "EVERAI_AUTOSCALER_TOKEN"  # noqa: S105 - a name
MOST_FILES = 65_536
TOGETHER = 0.25
"""Seconds within which two signals are one."""
_PORT = Whole(min=0, max=65535)


@click.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--on",
    metavar="TARGET",
    default="local",
    show_default=True,
    shell_complete=lambda *_: default_registry().names("targets"),
    help='What has the workers; "everai-autoscaler targets" lists them.',
)
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
@click.option(
    "--tune",
    type=click.Choice(WORDS),
    is_flag=False,
    flag_value="advise",
    metavar="[advise|act|off]",
    help="Tune the policy's arguments on the app's own traffic: only advise, or act. After FILE, or with '='.  "
    "[default: the file's section tuning, or off]",
)
@click.option("--dry-run", is_flag=True, help="Decide and show, and apply nothing.")
def run(
    file: Path,
    *,
    on: str,
    port: int | None,
    admin_port: int | None,
    host: str | None,
    interval: float,
    state_dir: Path,
    tune: str | None,
    dry_run: bool,
) -> None:
    """Run an app with autoscaling on this machine.

    FILE is the app's manifest, with a "local" section that says how a worker is started, or a Python file with an App
    of the everai SDK. Requests to the port are queued and given to the workers, which are processes of this machine;
    the policy of the manifest decides every --interval seconds how many there are. On another target than "local" the
    section is named after that target, which has the workers.

    In a terminal it shows workers, queue and decisions; elsewhere it writes a line for each thing that happens.
    Ctrl-C lets what is served be finished, and ends the workers; so does closing the terminal, unless nohup is used.

    \b
    The ConfigMap that the example's manifest reads, and the example:
      everai-autoscaler configmap create --keep -f examples/get_started/configmap.yaml
      everai-autoscaler run examples/get_started/free-worker.yaml
    Only look at what it would do:
      everai-autoscaler run app.yaml --dry-run
    Be told what another rule would have cost, and then let the policy tune itself:
      everai-autoscaler run app.yaml --tune
      everai-autoscaler run app.yaml --tune=act
    While it runs, elsewhere:
      everai-autoscaler worker list --watch
      everai-autoscaler decisions explain
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    _make_room()
    make_engine = default_registry().find("targets", on)[1]
    manifest = _manifest(file, on)
    settings = _settings(manifest, file, on, {"port": port, "host": host})
    admin = _Admin.read(settings, f"{file}: {on}")
    tuning = wanted_tuning(manifest, file, tune)
    store = Store(state_dir)
    try:
        with Claim(state_dir, manifest.name) as claim:
            introduction = [] if tuning is None else [*tuning.introduction(), tuning.begin(state_dir)]
            make_scaler = _make_scaler(manifest, file, store)
            plan = Plan(
                app=manifest.name,
                scaler=manifest.description.name,
                make_scaler=make_scaler,
                make_engine=functools.partial(make_engine, settings=settings, home=manifest.directory),
                host=admin.host,
                admin_port=admin.admin_port if admin_port is None else admin_port,
                interval=interval,
                dry_run=dry_run,
                token=admin.token,
                beside=None if tuning is None else tuning.beside(state_dir, interval=interval),
            )
            try:
                runtime = Runtime(plan, store)
            except ContractError as error:
                raise ContractError(f"{file}: {error}") from error
            asyncio.run(_run(runtime, claim, list(filter(None, introduction))))
    finally:
        store.close()


class _Admin(BaseModel):
    """What the runtime itself reads of a target's settings: where its page, metrics and commands are answered."""

    model_config = ConfigDict(frozen=True)

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    admin_port: Annotated[int, Field(ge=0, le=65535)] = 8081

    @classmethod
    def read(cls, settings: Mapping[str, Any], where: str) -> _Admin:
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise ContractError(f"{where}: {describe_errors(error)}") from error

    @property
    def token(self) -> str | None:
        """What a visitor has to know; nothing on the loopback interface."""
        return None if _is_loopback(self.host) else os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)


def _make_room() -> None:
    """Let this process have many connections at once: each request that is served takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _manifest(file: Path, on: str) -> AppManifest:
    if file.suffix == ".py":
        from everai_autoscaler.cli.options.sdk_app import read_sdk_app

        return read_sdk_app(file)
    return read_app(file, target=on)


def _settings(manifest: AppManifest, file: Path, on: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The section of the target, with what the command line *said*."""
    given = manifest.settings
    if given is None:
        hint = ": local: {command: python app.py --port {port}}" if on == "local" else ""
        raise ContractError(f"{file}: has no section {on}, which says how a worker is started{hint}")
    if not isinstance(given, dict):
        raise ContractError(f"{file}: {on}: {given!r} given, should be a mapping")
    return {**given, **{name: value for name, value in said.items() if value is not None}}


def _make_scaler(manifest: AppManifest, file: Path, store: Store) -> MakeScaler:
    described = manifest.description
    make = functools.partial(
        Decider,
        described.scaler or described.name,
        described.arguments,
        decorators=described.decorators,
        app=manifest.name,
    )
    # A policy that can't decide once is refused now, rather than at every tick.
    try:
        make(providers=providers(store)).decide(None)
    except AutoscalerError as error:
        raise ContractError(f"{file}: {error}") from error
    return make


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _run(runtime: Runtime, claim: Claim, introduction: list[str]) -> None:
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
            for line in introduction:
                runtime.note(line)

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
