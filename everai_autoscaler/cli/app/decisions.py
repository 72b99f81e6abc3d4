"""``everai-autoscaler decisions``: what was decided about an app that runs on this machine, and why."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from everai_autoscaler.cli.app.decided import action_of, applied_of, why_of
from everai_autoscaler.cli.app.looking import Column, in_columns, look_at
from everai_autoscaler.cli.options.look import Look, look_options
from everai_autoscaler.cli.options.parameters import Duration, Moment, Whole, misused
from everai_autoscaler.cli.options.scaler_options import key_values, secret_option
from everai_autoscaler.cli.text.explanation import (
    argument_rows,
    argument_table,
    as_document,
    explained,
    in_words,
    said,
)
from everai_autoscaler.errors import AutoscalerError, ContractError, PlaceholderError, StateError
from everai_autoscaler.model import Record, WorkerStatus
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.runtime.forms import DecisionForm
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.view import View
from everai_autoscaler.words import moment, printable, reason_word

__all__ = ["decisions"]

_PAGE = 500
_LABEL = 12
_WORTHWHILE = 40
"""The least columns that a reason is shortened to."""
_BESIDE = {"id", "at", "operator", "applied", "failure"}
"""What the document of an explained decision holds beside the explanation."""


@click.group
def decisions() -> None:
    """Show what was decided, and why, and what would have made it another decision.

    \b
    The last ones, and those of the last ten minutes:
      everai-autoscaler decisions list
      everai-autoscaler decisions list --since 10m
    Why did it scale at 03:07:30?
      everai-autoscaler decisions explain --at 03:07:30
    """  # noqa: D301 - a backspace is how click knows that lines are to stay


@decisions.command("list")
@click.option("--limit", type=Whole(min=1), metavar="N", help="The last N.  [default: 20; with --since, all of them]")
@click.option("--since", type=Duration(), metavar="DURATION", help="Those of so long: 10m, 2h.")
@look_options
def list_(*, limit: int | None, since: float | None, look: Look) -> None:
    """Show the last decisions, the newest first.

    ACTION is what was decided in the end: "up" so many, "remove" those workers, "nothing to do", "hold" where something
    wasn't known, "failed", or what an operator had said. Times are in UTC. In a terminal WHY is cut at its edge;
    "-o wide" has all of it, and more of each.

    \b
      everai-autoscaler decisions list
      everai-autoscaler decisions list --since 10m -o wide
      everai-autoscaler decisions list --watch
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    most = limit or (20 if since is None else None)

    def ask(view: View) -> list[DecisionForm]:
        return list(_last(view, most, None if since is None else time.time() - since))

    def words(found: list[DecisionForm]) -> str:
        shown = in_columns(found, WIDE if look.form == "wide" else COLUMNS)
        return shown if look.form == "wide" or not sys.stdout.isatty() else _cut(shown)

    look_at(look, ask, words)


@decisions.command
@click.argument("id", type=Whole(min=0), metavar="ID")
@look_options
def show(
    id: int,  # noqa: A002 - its name in the help
    *,
    look: Look,
) -> None:
    """Show all of the decision ID: what was seen, decided and done, with which arguments.

    As JSON it has, under "record", what "replay" and "explain" take, in one line of a file.

    \b
      everai-autoscaler decisions show 12
      everai-autoscaler decisions show 12 -o json
      everai-autoscaler decisions show 12 -o json | jq -c .record > decision.jsonl
    """  # noqa: D301 - a backspace is how click knows that lines are to stay

    def ask(view: View) -> Any:
        found = _one(view, id)
        return found if look.for_programs else _in_words(view.app, found)

    look_at(look, ask, str)


@decisions.command
@click.argument("id", required=False, type=Whole(min=0), metavar="[ID]")
@click.option(
    "--at",
    type=Moment(),
    metavar="TIME",
    help="The decision that was in force then, in UTC: 03:07:30, today's or the last that there was, or "
    "2024-07-29T03:07:30+0000.",
)
@secret_option
@look_options
def explain(
    id: int | None,  # noqa: A002 - its name in the help
    *,
    at: float | None,
    secrets: tuple[str, ...],
    look: Look,
) -> None:
    """Say why a decision was made, and what would have made it another.

    It is the last one, or that with an ID, or that which was in force --at a time. Shown are the reasons; the limit
    that binds, which is the argument that held the decision back: with a little more room there, more would have been
    done; the nearest changes that flip the decision; and where each argument came from. They are found by making the
    decision again with one number changed at a time, as "everai-autoscaler explain --help" tells. Secrets are read from
    the state directory. With --watch and neither ID nor --at it follows the last decision.

    \b
    The last decision, and why it scaled at 03:07:30:
      everai-autoscaler decisions explain
      everai-autoscaler decisions explain --at 03:07:30
    Each one that is the last, as it comes:
      everai-autoscaler decisions explain --watch
    One of those that "decisions list" shows:
      everai-autoscaler decisions explain 12
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    if id is not None and at is not None:
        raise misused("ID and --at each say which decision: give one of them")
    given, follows = key_values("--secret", secrets), look.watch is not None and id is None and at is None

    def ask(view: View) -> Any:
        decision = _one(view, id) if id is not None else _in_force(view, at)
        where, rest = f"decision {decision.id}", decision.model_dump(include=_BESIDE)
        if decision.record is None:
            undecided = f"{where} can't be explained, for nothing was decided: {printable(decision.failure)}"
            if not follows:
                raise ContractError(undecided)
            return rest if look.for_programs else undecided  # and the next one may be
        try:
            record = Record.from_json(json.dumps(decision.record))
            found = explained(record, given, _secrets(record, look.state_dir))
        except AutoscalerError as error:
            raise ContractError(f"{where}: {error}") from error
        if look.for_programs:
            return as_document(found, **rest)
        in_force = "" if at is None else f", in force at {moment(at)}"
        after = _became(decision)
        if decision.operator is not None:
            after.append("  What follows is about the policy, over which the operator's word stands.")
        return in_words(where, found, in_force, after=after)

    look_at(look, ask, str)


def _last(view: View, most: int | None, since: float | None) -> Iterator[DecisionForm]:
    """The last decisions, so many at the most, and none from before *since* (epoch seconds)."""
    before, left = None, most
    while left is None or left > 0:
        asked = _PAGE if left is None else min(left, _PAGE)
        page = view.decisions(limit=asked, before=before)
        for one in page:
            if since is not None and one.at < since:
                return
            yield one
        if len(page) < asked:
            return
        before = page[-1].id
        left = None if left is None else left - asked


def _one(view: View, number: int) -> DecisionForm:
    found = view.decision(number)
    if found is not None:
        return found
    last = next(iter(view.decisions(limit=1)), None)
    there = "none is" if last is None else f"the last is {last.id}"
    raise StateError(f"decision {number} isn't kept; {there}; see everai-autoscaler decisions list")


def _in_force(view: View, at: float | None) -> DecisionForm:
    found = next(iter(view.decisions(limit=1, at=at)), None)
    if found is None:
        then = "" if at is None else f" from {moment(at)} or before"
        raise StateError(f"no decision{then} is kept; see everai-autoscaler decisions list")
    return _one(view, found.id)


def _secrets(record: Record, directory: Path) -> dict[str, str]:
    """The values that the record doesn't hold, as they are now in the state directory."""
    found = {}
    with closing(Store(directory)) as store:
        for place, value, source, _ in argument_rows(record.arguments):
            kind, _, where = source.partition(" ")
            name, slash, key = where.partition("/")
            if value == REDACTED and kind == "Secret" and slash:
                try:
                    found[place] = store.reader("Secret")(name, key)
                except PlaceholderError:
                    continue  # it is asked for where it is needed
    return found


def _in_words(app: str, found: DecisionForm) -> str:
    record = None if found.record is None else Record.from_json(json.dumps(found.record))
    lines = [f"decision {found.id}, {moment(found.at)}, app {printable(app)}:"]
    if record is not None:
        lines += [_line("scaler", printable(record.scaler)), _line("saw", _seen(record))]
        if record.proposed is not None and record.proposed != record.result:
            lines.append(said("proposed", record.proposed))
        lines.append(said("decided", record.result))
        if record.error:
            lines.append(_line("error", printable(record.error)))
    lines += _became(found)
    lines.append(_line("took", f"{found.took * 1000:.0f} ms"))
    paragraphs = ["\n".join(lines)]
    if record is not None and record.arguments:
        paragraphs.append(argument_table(record.arguments))
    if record is not None:
        paragraphs.append("Versions: " + ", ".join(f"{name} {one}" for name, one in record.versions.items()))
    return "\n\n".join(paragraphs)


def _became(decision: DecisionForm) -> list[str]:
    """What became of the decision: the lines under it."""
    lines = []
    applied, word = decision.applied, decision.operator
    if word is not None:
        lines.append(_line("operator", printable(str(word))))
    if decision.failure:
        lines.append(_line("failed", printable(decision.failure)))
    if word is not None or applied is not None or decision.up or decision.down:
        lines.append(_line("done", applied_of(decision)))
        lines += [" " * _LABEL + why for why in ([] if applied is None else map(printable, applied.why))]
    return lines


def _line(label: str, text: str) -> str:
    return f"  {label + ':':<{_LABEL - 2}}{text}"


def _seen(record: Record) -> str:
    """The fleet and the queue in numbers, as the policy saw them."""
    factors = record.decorated or record.snapshot
    if factors is None:
        return "nothing: it was not known"
    statuses = (("busy", WorkerStatus.Busy), ("free", WorkerStatus.Free), ("starting", WorkerStatus.Inflight))
    workers = ", ".join(f"{factors.count(status)} {name}" for name, status in statuses)
    waiting = "who waits is not known" if factors.queue is None else f"{factors.waiting()} waiting"
    queue = (factors.queue or {}).items()
    if reasons := ", ".join(f"{number} {printable(reason_word(reason.value))}" for reason, number in queue if number):
        waiting += f" ({reasons})"
    return f"{workers if factors.workers is not None else 'the workers are not known'}; {waiting}"


def _cut(shown: str) -> str:
    width = max(shutil.get_terminal_size().columns, len(shown.partition("WHY")[0]) + _WORTHWHILE)
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in shown.splitlines())


COLUMNS = (
    Column("ID", lambda one: str(one.id), right=True),
    Column("TIME", lambda one: moment(one.at)),
    Column("ACTION", action_of),
    Column("WHY", lambda one: "; ".join(why_of(one))),
)

WIDE = (
    *COLUMNS[:3],
    Column("DONE", applied_of),
    Column("MAX_WORKERS", lambda one: "" if one.max_workers is None else str(one.max_workers), right=True),
    Column("TOOK", lambda one: f"{one.took * 1000:.0f} ms", right=True),
    Column("SCALER", lambda one: one.scaler),
    COLUMNS[3],
)
