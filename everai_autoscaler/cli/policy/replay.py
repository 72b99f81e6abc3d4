"""``everai-autoscaler replay``: recorded decisions, made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import click

from everai_autoscaler.cli.options.parameters import SCALER
from everai_autoscaler.cli.options.record_file import record_lines
from everai_autoscaler.cli.options.scaler_options import argument_option, key_values, secret_option
from everai_autoscaler.cli.text.words import as_json, output_option, sentences
from everai_autoscaler.decision import Replay
from everai_autoscaler.decision import replay as decide_again
from everai_autoscaler.errors import AutoscalerError, ContractError
from everai_autoscaler.model import Record
from everai_autoscaler.words import counted, moment

__all__ = ["difference_document", "replay", "replayed", "side_by_side"]

DIFFERENT = 1


@click.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--scaler", type=SCALER, help="Another scaler, to see where it would have decided otherwise.")
@argument_option
@secret_option
@output_option
def replay(file: str, *, scaler: str | None, arguments: tuple[str, ...], secrets: tuple[str, ...], output: str) -> int:
    """Make the decisions that were recorded in FILE again.

    The exit status is 1 at the first that comes out differently, which is shown; 2 where a record can't be replayed.

    With another scaler, or with -a other arguments, every place is shown where that would have decided otherwise, and
    the exit status is 0. This is an open loop: each snapshot is the recorded one, whatever another decision would have
    made of the fleet.

    \b
    Do today's code and plugins still decide the same?
      everai-autoscaler replay decisions.jsonl
    What would have been otherwise?
      everai-autoscaler replay decisions.jsonl -a max_idle_time=60
      everai-autoscaler replay decisions.jsonl --scaler simple -a max_workers=5
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    given, known = key_values("-a", arguments), key_values("--secret", secrets)
    again = replayed(file, scaler, given, known)
    if scaler is None and not given:
        return _compare(again, output)
    return _contrast(again, output)


def replayed(
    file: str, scaler: str | None, arguments: dict[str, str], secrets: dict[str, str]
) -> Iterator[tuple[int, Replay]]:
    """Each record with the number of its line, decided again.

    Raises:
        ContractError: a line that isn't a record, or can't be replayed; or there is none.
    """
    for number, line in record_lines(file):
        try:
            again = decide_again(Record.from_json(line), scaler=scaler, arguments=arguments, secrets=secrets)
        except AutoscalerError as error:
            raise ContractError(f"{file}: line {number}: {error}") from error
        yield number, again


def _compare(replayed: Iterator[tuple[int, Replay]], output: str) -> int:
    """Whether everything came out as it was, up to the first that didn't."""
    same = 0
    for number, again in replayed:
        if not again.same:
            click.echo(
                json.dumps(difference_document(number, again))
                if output == "json"
                else side_by_side(number, again, "now")
            )
            if output == "text":
                click.echo(f"{counted(same, 'decision', form=',')} before it came out the same.")
            return DIFFERENT
        same += 1
    if output == "json":
        click.echo(json.dumps({"summary": {"decisions": same, "otherwise": 0}}))
    else:
        click.echo(f"{counted(same, 'decision', form=',')} replayed: the same, to the word.")
    return 0


def _contrast(replayed: Iterator[tuple[int, Replay]], output: str) -> int:
    """Where it would have been otherwise."""
    total = otherwise = 0
    for number, again in replayed:
        total += 1
        if again.alike:
            continue
        otherwise += 1
        click.echo(
            json.dumps(difference_document(number, again))
            if output == "json"
            else side_by_side(number, again, "instead") + "\n"
        )
    if output == "json":
        click.echo(json.dumps({"summary": {"decisions": total, "otherwise": otherwise, "loop": "open"}}))
    else:
        click.echo(
            f"{otherwise:,} of {counted(total, 'decision', form=',')} would have been otherwise. "
            "Open loop: each on its recorded snapshot, whatever the one before would have made of the fleet."
        )
    return 0


def side_by_side(number: int, again: Replay, name: str, *, said: Callable[..., str] = sentences) -> str:
    """What was recorded in line *number* over what is decided this time, called *name*; *said* puts it in words."""
    record = again.record
    lines = [f"line {number}, {moment(record.observed_at)}, app {record.app}:"]
    for called, scaler, outcome in (("recorded", record.scaler, record.result), (name, again.scaler, again.outcome)):
        label = f"  {called + ':':<10}"
        most = f" (max_workers {outcome.max_workers})" if record.result.max_workers != again.outcome.max_workers else ""
        words = said(outcome, indent=len(label)) if outcome.reasons else f"{said(outcome)}  ({scaler})"
        lines.append(f"{label}{words}{most}")
    return "\n".join(lines)


def difference_document(number: int, again: Replay) -> dict[str, Any]:
    """What was recorded in line *number*, and what is decided this time; plain JSON."""
    record = again.record
    return {
        "line": number,
        "app": record.app,
        "recorded": {"scaler": record.scaler, **json.loads(as_json(record.result, record.observed_at))},
        "replayed": {"scaler": again.scaler, **json.loads(as_json(again.outcome, record.observed_at))},
    }
