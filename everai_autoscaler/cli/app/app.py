"""``everai-autoscaler app``: an app that runs on this machine, and what waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import click

from everai_autoscaler.cli.app.decided import action_of, why_of
from everai_autoscaler.cli.app.looking import Column, in_columns, look_at, word_of
from everai_autoscaler.cli.options.look import Look, look_options
from everai_autoscaler.cli.text.explanation import argument_rows
from everai_autoscaler.engine import QueuedForm
from everai_autoscaler.model import RecordedArgument
from everai_autoscaler.runtime.forms import DecisionForm, StatusForm
from everai_autoscaler.runtime.view import View
from everai_autoscaler.words import moment, printable, reason_word, table

__all__ = ["app"]

_LABEL = 11
_NOTES = 5


@click.group
def app() -> None:
    """Show how the app is that runs on this machine, and what waits for it.

    \b
      everai-autoscaler app status
      everai-autoscaler app queue --watch 1s
    """  # noqa: D301 - a backspace is how click knows that lines are to stay


@app.command
@look_options
def queue(*, look: Look) -> None:
    """Show the requests that wait, oldest first.

    \b
    QUEUE_REASON
      WorkerBusy         there are workers, and none is free
      SessionWorkerBusy  the worker of its session is busy
      NotDispatch        there is no worker, or it isn't looked at yet
    Times are in UTC. "-o wide" says for how long each has waited.

    \b
      everai-autoscaler app queue
      everai-autoscaler app queue --watch 1s
    """  # noqa: D301 - a backspace is how click knows that lines are to stay

    def words(found: list[QueuedForm]) -> str:
        columns = (*QUEUE, _waited(time.time())) if look.form == "wide" else QUEUE
        return in_columns(enumerate(found), columns)

    look_at(look, lambda view: view.queue(), words)


@app.command
@look_options
def status(*, look: Look) -> None:
    """Show how the app is: workers, queue, the last decision, and the arguments with where they came from.

    \b
      everai-autoscaler app status
      everai-autoscaler app status --watch
      everai-autoscaler app status -o json
    """  # noqa: D301 - a backspace is how click knows that lines are to stay

    def ask(view: View) -> _Found:
        last = next(iter(view.decisions(limit=1)), None)
        return _Found.model_validate({**view.status().model_dump(), "last_decision": last})

    look_at(look, ask, _in_words)


class _Found(StatusForm):
    """How the app is, and its last decision."""

    last_decision: DecisionForm | None


def _in_words(found: _Found) -> str:
    facts = _facts(found, time.time())
    paragraphs = ["\n".join(f"{label + ':' if label else '':<{_LABEL}} {text}" for label, text in facts)]
    if found.arguments:
        paragraphs.append("\n".join(_arguments(found.arguments)))
    if found.notes:
        paragraphs.append("\n".join(["Last notes:", *(f"  {printable(note)}" for note in found.notes[:_NOTES])]))
    return "\n\n".join(paragraphs)


def _facts(found: _Found, now: float) -> Iterator[tuple[str, str]]:
    name = printable(found.app)
    if found.running and found.started_at is not None:
        yield "App", f"{name}, runs since {moment(found.started_at)} (pid {found.pid})"
    else:
        yield "App", f"{name}, does not run"
    yield "Scaler", printable(found.scaler)
    if found.running:
        yield "Requests", found.app_url
        yield "Page", found.admin_url
    yield "State", found.state_dir
    if found.dry_run:
        yield "Dry run", click.style("nothing is applied", fg="magenta", bold=True)
    word = word_of(found)
    if word is not None:
        yield "Operator", click.style(f"{printable(str(word))} (since {moment(word.since)})", fg="magenta", bold=True)
    yield "Workers", _workers(found)
    if found.capped is not None:
        since = "" if found.capped.since is None else f" (since {moment(found.capped.since)})"
        yield "Capped", click.style(f"{printable(str(found.capped))}{since}", fg="yellow", bold=True)
    if found.back_off_until is not None:
        waits = max(0.0, found.back_off_until - now)
        yield "Starts", click.style(f"wait {waits:.0f} s more, since workers died while starting", fg="red", bold=True)
    yield "Queue", ", ".join(f"{number} {reason}" for reason, number in found.queue.items() if number) or "empty"
    yield from _last(found, now)


def _workers(found: _Found) -> str:
    counts = found.workers
    parts = [f"{counts.busy} busy", f"{counts.free} free", f"{counts.inflight} starting"]
    if counts.draining:
        parts.append(f"{counts.draining} draining")
    most = found.max_workers
    return ", ".join(parts) + ("" if most is None else f"; at most {most}")


def _last(found: _Found, now: float) -> Iterator[tuple[str, str]]:
    last, tick = found.last_decision, found.tick
    if last is not None:
        yield "Decision", f"{last.id}, {moment(last.at)}: {action_of(last)}"
        for why in why_of(last):
            yield "", click.style(why, fg="red", bold=True) if last.failure else why
    if found.stopping:
        yield "Next", click.style("none: it drains", fg="magenta", bold=True)
    elif found.running:
        due = tick.next_at  # nothing while one is being made
        yield "Next", f"{'now' if due is None else f'in {max(0.0, due - now):.0f} s'}, every {found.interval:g} s"


def _arguments(arguments: Mapping[str, RecordedArgument]) -> list[str]:
    rows = [tuple(map(printable, (place, value, source))) for place, value, source, _ in argument_rows(arguments)]
    lines = [table(("ARGUMENT", "VALUE", "SOURCE"), rows, align_right=(1,))]
    for name, one in arguments.items():
        if one.kept:
            lines.append(click.style(f"{name} is still {one.value}: {printable(one.kept)}", fg="red", bold=True))
    return lines


QUEUE = (
    Column("QUEUE_INDEX", lambda one: str(one[0]), right=True),
    Column("CREATE_AT", lambda one: moment(one[1].created_at)),
    Column("QUEUE_REASON", lambda one: reason_word(one[1].reason.value)),
)
"""As the platform lists what waits."""


def _waited(now: float) -> Column:
    return Column("WAITED", lambda one: f"{max(0.0, now - one[1].created_at):.1f} s", right=True)
