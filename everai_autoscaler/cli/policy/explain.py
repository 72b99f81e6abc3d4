"""``everai-autoscaler explain``: why a recorded decision was made, and what would have made it another."""

from __future__ import annotations

import json

import click

from everai_autoscaler.cli.options.parameters import Whole
from everai_autoscaler.cli.options.record_file import record_lines
from everai_autoscaler.cli.options.scaler_options import key_values, secret_option
from everai_autoscaler.cli.text.explanation import as_document, explained, in_words
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.errors import AutoscalerError, ContractError
from everai_autoscaler.model import Record

__all__ = ["explain"]


@click.command
@click.argument("file", metavar="RECORD", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--line", type=Whole(min=1), metavar="N", help="The line of the record.  [default: the last]")
@secret_option
@output_option
def explain(file: str, *, line: int | None, secrets: tuple[str, ...], output: str) -> None:
    """Say why the last decision in the file RECORD was made, and what would have made it another.

    Shown are the reasons; the limit that binds, which is the argument that held the decision back: with a little more
    room there, more would have been started or removed, or something where nothing was done; the nearest single change
    of the snapshot or of an argument that flips the decision, to start, to remove, to do nothing or to hold, with the
    decision that is made with it; and where each argument came from.

    The changes are found by making the decision again, with one number changed at a time. How near one is, is measured
    as a share of the larger of both values, or of 1 where that is smaller: one worker more is nearer where there are
    nine than where there is one. This is an open loop: the snapshot is the recorded one, but for the change.

    \b
    The last decision, and that of a line:
      everai-autoscaler explain decisions.jsonl
      everai-autoscaler explain decisions.jsonl --line 7
    For a program:
      everai-autoscaler explain decisions.jsonl -o json
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    given = key_values("--secret", secrets)
    number, text = _line_of(file, line)
    try:
        found = explained(Record.from_json(text), given)
    except AutoscalerError as error:
        raise ContractError(f"{file}: line {number}: {error}") from error
    click.echo(json.dumps(as_document(found, line=number)) if output == "json" else in_words(f"line {number}", found))


def _line_of(file: str, line: int | None) -> tuple[int, bytes]:
    """The record on *line*, or the last one, and on which line it is.

    Raises:
        ContractError: there is none.
    """
    last = None
    for number, text in record_lines(file):
        if line in (None, number):
            last = number, text
    if last is None:
        raise ContractError(f"{file}: line {line}: there is no record")
    return last
