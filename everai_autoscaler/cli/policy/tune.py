"""``everai-autoscaler tune``: the arguments with which a scaler costs least and still meets an SLO."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from everai_autoscaler.cli.options.candidates import candidate_of
from everai_autoscaler.cli.options.parameters import SCALER, Duration, Whole, misused
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, scaler_options
from everai_autoscaler.cli.options.simulator_options import (
    Conditions,
    condition_options,
    plot_option,
    processes_option,
    trace_option,
)
from everai_autoscaler.cli.options.trouble_options import trouble_options, troubled
from everai_autoscaler.cli.text.progress import Progress
from everai_autoscaler.cli.text.ranked import ranking_document, ranking_in_words
from everai_autoscaler.cli.text.tuned import tuning_document, tuning_in_words
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.simulator.tune import tune as tuned

__all__ = ["tune"]

_FORM = "NAME or NAME=LOW..HIGH"


@click.command
@click.option("--scaler", metavar="SCALER", type=SCALER, help="The scaler whose arguments are searched; or -f.")
@scaler_options
@trace_option(multiple=True)
@click.option(
    "--held-out",
    multiple=True,
    metavar="NAME|FILE|GENERATOR",
    help="A workload to judge on, which isn't trained on; repeatable.  [default: the last third of each --trace]",
)
@click.option(
    "--search",
    multiple=True,
    metavar="NAME[=LOW..HIGH]",
    help="An argument to search, and between what; repeatable.  [default: every number that isn't given]",
)
@click.option(
    "--trials",
    type=Whole(min=1),
    default=60,
    show_default=True,
    metavar="COUNT",
    help="Sets of arguments to try, those of a search that is resumed included.",
)
@click.option("--time", "seconds", type=Duration(), metavar="TIME", help="Begin no more trials after this: 90s, 10m.")
@click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep the search in FILE, and go on with what is there: .db is a database, any other a journal.",
)
@click.option(
    "--book",
    metavar="FILE|shipped",
    help="Search nothing: judge a book's candidates as the tuner of an app does; a JSON file, or the one that ships.",
)
@condition_options
@processes_option
@plot_option
@trouble_options
@output_option
def tune(
    *,
    scaler: str | None,
    options: ScalerOptions,
    traces: tuple[str, ...],
    held_out: tuple[str, ...],
    search: tuple[str, ...],
    trials: int,
    seconds: float | None,
    resume: str | None,
    book: str | None,
    conditions: Conditions,
    trouble: Mapping[str, Any],
    processes: int,
    plot: Path | None,
    output: str,
) -> None:
    """Search the arguments with which a scaler costs least while enough requests begin in time.

    Each trial simulates the scaler with other arguments on the training workloads, as "simulate" does. What was found
    is judged on workloads that no trial has seen, beside the arguments as given; where it does well only in training,
    it over-fits, and that is said. The start of each workload warms the fleet up and isn't judged.

    An argument that -a gives is fixed. The same seed finds the same on every machine, unless --time ends the search.

    \b
    Every number of free-worker but the maximum:
      everai-autoscaler tune --scaler free-worker -a max_workers=80 --trace azure_llm_code_2023
    Two arguments, within bounds, for 99.9 % within 10 s, trained on one day and judged on the next:
      everai-autoscaler tune --scaler free-worker --search min_free_workers=0..20 --search max_idle_time=10..600 \\
        -a max_workers=200 --slo 10 --share 99.9% --trace monday.csv --held-out tuesday.csv
    Ten minutes now, and more tomorrow:
      everai-autoscaler tune -f app.yaml --trace day.parquet --time 10m --trials 500 --resume study.journal
    Which of the rules of demand that ship is the cheapest that meets the SLO on a day of yours:
      everai-autoscaler tune --book shipped -a max_workers=80 --trace monday.csv --interval 5
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    if book is not None:
        others = {
            "--scaler": scaler,
            "-f": options.file,
            "--search": search,
            "--held-out": held_out,
            "--resume": resume,
            "--time": seconds,
            "--plot": plot,
            "what goes wrong": trouble,
        }
        _ranked(book, options, traces, conditions, output, [name for name, value in others.items() if value])
        return
    wanted = options.wanted(scaler)
    ranges = dict(map(_range, search))
    if len(ranges) < len(search):
        raise misused("--search: an argument is there twice")
    with Progress("of the search") as progress:
        found = tuned(
            candidate_of(wanted),
            [conditions.read(trace) for trace in traces],
            held_out=[conditions.read(trace) for trace in held_out] or None,
            search=ranges,
            slo=conditions.slo,
            share=conditions.share,
            cold_start=conditions.only_cold_start(),
            interval=conditions.interval,
            warm_up=conditions.warm_up,
            trials=trials,
            seconds=seconds,
            resume=resume,
            processes=processes,
            progress=progress.tell,
            **troubled(conditions.setting, trouble),
        )
    if plot is not None:
        from everai_autoscaler.simulator.plots import plot_tuning

        plot_tuning(found, plot)
    if output == "json":
        click.echo(json.dumps(tuning_document(found, conditions.document(trouble))))
        return
    click.echo(conditions.introduction() + "\n")
    click.echo(tuning_in_words(found))
    if plot is not None:
        click.echo(f"\nWritten: {plot}")


def _ranked(
    name: str, options: ScalerOptions, traces: tuple[str, ...], conditions: Conditions, output: str, others: list[str]
) -> None:
    """Judge a book, which takes none of the *others*."""
    from everai_autoscaler.tuning import Book, Slo, rank  # late: it needs numpy and numba

    if others:
        raise misused(f"--book names the candidates: {', '.join(others)} can't be given beside it")
    book = Book.shipped() if name == "shipped" else Book.read(name)
    with Progress("of the traces") as progress:
        found = rank(
            book,
            [conditions.read(trace) for trace in traces],
            slo=Slo(conditions.slo, conditions.share),
            cold_start=conditions.only_cold_start(),
            period=conditions.interval,
            fixed={key: _plain(value) for key, value in options.arguments.items()},
            workers=conditions.setting["workers"],
            concurrency=conditions.setting["concurrency"],
            warm_up=conditions.warm_up,
            progress=progress.tell,
        )
    if output == "json":
        click.echo(json.dumps(ranking_document(found, conditions.document({}))))
        return
    click.echo(conditions.introduction() + "\n")
    click.echo(ranking_in_words(found, book))


def _plain(value: str) -> str | float:
    """An argument as a number, where it is one."""
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


def _range(text: str) -> tuple[str, tuple[float, float] | None]:
    name, equals, ends = text.partition("=")
    if not equals and name:
        return name, None
    low, dots, high = ends.partition("..")
    try:
        if name and dots:
            return name, (float(low), float(high))
    except ValueError:
        pass
    raise misused(f"--search: {text!r} is not of the form {_FORM}")
