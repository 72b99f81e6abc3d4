"""``everai-autoscaler decide``: what a scaler says of snapshots, and why."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import click

from everai_autoscaler.cli.options.documents import Layout, documents
from everai_autoscaler.cli.options.parameters import SCALER, misused
from everai_autoscaler.cli.options.record_file import record_file, record_option
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, WantedScaler, scaler_options
from everai_autoscaler.cli.text.words import as_json, output_option, sentences
from everai_autoscaler.errors import AutoscalerError, words_of
from everai_autoscaler.model import Decision, Factors, Outcome
from everai_autoscaler.words import moment

__all__ = ["decide"]

SOME_BAD = 2


@click.command
@click.argument("words", nargs=-1, metavar="[SCALER] [SNAPSHOT]", type=SCALER)
@scaler_options
@click.option("--lines", is_flag=True, help="There is one snapshot a line, whatever the first line looks like.")
@output_option
@record_option
def decide(words: tuple[str, ...], options: ScalerOptions, *, lines: bool, output: str, record_to: str | None) -> int:
    """Say what SCALER decides about SNAPSHOT, and why.

    SNAPSHOT is a JSON file, or standard input where it is "-" or not given. It holds one snapshot or a stream of them,
    each answered as it arrives, by one scaler that remembers: a late argument that turns bad keeps its last good value.
    A snapshot that can't be decided on is reported on standard error with the number of its line; the others are
    decided on all the same, and the exit status is 2. With -f, the file names the scaler.

    \b
    One snapshot, and a stream of them:
      everai-autoscaler decide simple -a max_workers=5 snapshot.json
      tail -f snapshots.jsonl | everai-autoscaler decide free-worker -a max_workers=5
    As an app's manifest says, with a ConfigMap's values:
      everai-autoscaler decide -f app.yaml --configmap get-start-configmap:max_workers=5 snapshot.json
    For a program, and to replay later:
      everai-autoscaler decide simple snapshot.json -o json --record decisions.jsonl
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    wanted, source = _wanted(words, options)
    layout = Layout.LINES if lines else Layout.DETECT
    with click.open_file(source, "rb") as stream, record_file(record_to) as append:
        if source == "-" and sys.stdin.isatty():
            click.echo("Reads snapshots from the terminal; end with Ctrl-D.", err=True)
        return _decide_each(stream, layout, wanted, append, output, "standard input" if source == "-" else source)


def _wanted(words: tuple[str, ...], options: ScalerOptions) -> tuple[WantedScaler, str]:
    given = list(words)
    name = None if options.file is not None or not given else given.pop(0)
    if len(given) > 1:
        shown = " ".join(given[1:])
        hint = f"; {options.file} names the scaler" if options.file else ""
        raise misused(f"one snapshot file at a time: {shown!r} is too many{hint}")
    return options.wanted(name), given[0] if given else "-"


def _decide_each(
    stream: Iterable[bytes],
    layout: Layout,
    wanted: WantedScaler,
    append: Callable[[Decision], None],
    output: str,
    source: str,
) -> int:
    decider = wanted.decider()
    number, bad = 0, 0
    for number, text in documents(stream, layout):
        try:
            factors = Factors.from_json(text)
            decision = decider.decision(factors)
        except AutoscalerError as error:
            bad += 1
            click.echo(f"error: {source}: line {number}: {words_of(error)}", err=True)
            continue
        if not factors.model_fields_set:
            click.echo(f"warning: {source}: line {number}: has no field of a snapshot: no workers, no queue", err=True)
        click.echo(_shown(Outcome.of(decision.result), factors.observed_at, output))
        append(decision)
    if not number:
        raise click.ClickException(f"{source}: has no snapshot")
    return SOME_BAD if bad else 0


def _shown(outcome: Outcome, observed_at: float, output: str) -> str:
    if output == "json":
        return as_json(outcome, observed_at)
    stamp = moment(observed_at) + "  "
    return stamp + sentences(outcome, indent=len(stamp))
