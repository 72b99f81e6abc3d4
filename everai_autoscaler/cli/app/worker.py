"""``everai-autoscaler worker``: the workers of an app that runs on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from everai_autoscaler.cli.app.looking import Column, in_columns, look_at, the_one
from everai_autoscaler.cli.app.operating import somebody
from everai_autoscaler.cli.options.look import Look, form_options, look_options
from everai_autoscaler.cli.options.parameters import Whole, misused
from everai_autoscaler.engine import WorkerForm
from everai_autoscaler.errors import StateError, UnknownNameError
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.view import AdminView, View, open_view
from everai_autoscaler.words import moment, printable

__all__ = ["worker"]

PAUSE = 0.2
"""Seconds between two looks at a log that is followed."""
_RECALLED = 1024
"""Bytes that are remembered of a log, to find again how far it was read when it is begun anew."""


@click.group
def worker() -> None:
    """Show the workers of an app, what they write, and let one go.

    \b
    Who is there, again every second, and who was there:
      everai-autoscaler worker list
      everai-autoscaler worker list --watch 1s
      everai-autoscaler worker list --all -o wide
    What one writes; the beginning of an ID will do:
      everai-autoscaler worker logs VtU8mg --follow
    Let one go:
      everai-autoscaler worker remove VtU8mg
    """  # noqa: D301 - a backspace is how click knows that lines are to stay


@worker.command("list")
@click.option("--all", "everyone", is_flag=True, help="Those that have ended, too.")
@look_options
def list_(*, everyone: bool, look: Look) -> None:
    """Show the workers, oldest first.

    \b
    STATUS
      PENDING      it starts, and is IN_FLIGHT
      RUNNING      it is ready, and FREE or BUSY
      TERMINATING  it finishes what it serves, and goes then
      TERMINATED   it has ended; shown with --all
    Times are in UTC. "-o wide" says more of each, and why it went.

    \b
      everai-autoscaler worker list
      everai-autoscaler worker list --all -o wide
      everai-autoscaler worker list --watch 1s
    """  # noqa: D301 - a backspace is how click knows that lines are to stay

    def ask(view: View) -> list[WorkerForm]:
        return view.workers(ended=everyone)

    columns = (*COLUMNS, *WIDE) if look.form == "wide" else COLUMNS
    look_at(look, ask, lambda found: in_columns(found, columns))


@worker.command
@click.argument("id", metavar="ID")
@click.option("--follow", is_flag=True, help="Go on with what it writes, until it has ended.")
@click.option("--tail", type=Whole(min=0), metavar="N", help="The last N lines.  [default: all that are kept]")
@form_options
def logs(id: str, *, follow: bool, tail: int | None, look: Look) -> None:  # noqa: A002 - its name in the help
    """Show what the worker ID writes to its standard output and error.

    The beginning of an ID will do. The log of a worker that has ended is kept, with the last 1,000 of them.

    \b
      everai-autoscaler worker logs VtU8mg --tail 20
      everai-autoscaler worker logs VtU8mg --follow
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    if follow and look.for_programs:
        raise misused(f"--follow has no end, and -o {look.form} is a whole document")
    with open_view(look.state_dir) as view:
        app = view.app
    with closing(Store(look.state_dir)) as store:
        worker_id = the_one(id, [one["id"] for one in store.workers(app, ended=True)])
        log = _Log(look.state_dir / "logs" / f"{worker_id}.log")
        written = log.last(tail)
        if look.for_programs:
            lines = written.decode("utf-8", "replace").splitlines()
            click.echo(look.shown({"id": worker_id, "lines": lines}, str))
            return
        if not written and not follow:
            click.echo(f"worker {worker_id} has written nothing", err=True)
        click.echo(written, nl=False)
        if follow:
            for more in log.rest(lambda: all(one["id"] != worker_id for one in store.workers(app))):
                click.echo(more, nl=False)


@worker.command
@click.argument("id", metavar="ID")
@form_options
def remove(id: str, *, look: Look) -> None:  # noqa: A002 - its name in the help
    """Let the worker ID finish what it serves, and end it.

    From now on it gets no more requests. The beginning of an ID will do. The policy isn't told: where it wants more
    workers than there are then, it starts another, which "pause" or "hold" keeps it from.

    \b
      everai-autoscaler worker remove VtU8mg
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    with open_view(look.state_dir) as view:
        if not isinstance(view, AdminView):
            raise StateError(
                f"nothing runs with the state directory {look.state_dir}, so that there is no worker to remove"
            )
        found = {one.id: one for one in view.workers()}
        try:
            worker_id = the_one(id, found)
        except UnknownNameError:
            _refuse_ended(id, view.workers(ended=True))
            raise
        one = found[worker_id]
        if one.status == "TERMINATING":
            said = f"worker {worker_id} is on its way out already: {printable(one.why)}"
        else:
            view.remove_worker(worker_id, somebody())
            serves = "its request" if one.requests == 1 else f"its {one.requests} requests"
            said = f"worker {worker_id} goes" + (f" when it has finished {serves}" if one.requests else "")
    click.echo(look.shown({"id": worker_id, "removed": True}, lambda _: said))


def _refuse_ended(prefix: str, workers: list[WorkerForm]) -> None:
    ended = [(one, one.deleted_at) for one in workers if prefix and one.id.startswith(prefix) and one.deleted_at]
    if len(ended) == 1:
        one, at = ended[0]
        why = f": {printable(one.why)}" if one.why else ""
        raise StateError(f"worker {one.id} has ended at {moment(at)}{why}")


def _time(name: str) -> Column:
    def cell(worker: WorkerForm) -> str:
        at = getattr(worker, name)
        return "" if at is None else moment(at)

    return Column(name.upper(), cell)


def _number(name: str) -> Column:
    def cell(worker: WorkerForm) -> str:
        number = getattr(worker, name)
        return "" if number is None else str(number)

    return Column(name.upper(), cell, right=True)


COLUMNS = (
    Column("ID", lambda one: one.id),
    Column("STATUS", lambda one: one.status),
    Column("DETAIL_STATUS", lambda one: one.detail_status),
    _time("created_at"),
    _time("deleted_at"),
)
"""As the platform lists its workers."""

WIDE = (
    _time("ready_at"),
    *map(_number, ("port", "pid", "requests", "sessions", "successes", "failures")),
    Column("AVERAGE_RESPONSE_TIME", lambda one: f"{one.average_response_time:.3f}", right=True),
    Column("WHY", lambda one: one.why),
)


class _Log:
    """A worker's log, which the runtime begins anew when it has become long: its last part then lies beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(f"{path.name}.1")
        self._read = 0
        """Bytes of the log that were read."""
        self._last = b""
        """The last of them."""

    def last(self, lines: int | None) -> bytes:
        """The last *lines* of the log, or all that is stored of it; an unfinished line counts."""
        log = _content(self._path)
        self._note(log)
        whole = _content(self._aside) + log
        if lines is None:
            return whole
        return b"".join(whole.splitlines(keepends=True)[-lines:]) if lines else b""

    def rest(self, over: Any) -> Iterator[bytes]:
        """What is written from then on, until it is *over*."""
        while True:
            # Asked before it is read: what a worker writes at its end isn't missed.
            ended = over()
            if more := self._more():
                yield more
            if ended:
                return
            time.sleep(PAUSE)

    def _more(self) -> bytes:
        missed = b""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return missed
        if size < self._read:
            aside = _content(self._aside)
            place = aside.rfind(self._last) if self._last else 0
            missed = aside[place + len(self._last) :] if place >= 0 else aside
            self._read = 0
        with self._path.open("rb") as log:
            log.seek(self._read)
            more = log.read()
        self._note(more)
        return missed + more

    def _note(self, more: bytes) -> None:
        self._read += len(more)
        self._last = (self._last + more)[-_RECALLED:]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
