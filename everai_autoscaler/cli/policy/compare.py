"""``everai-autoscaler compare``: several scalers on several workloads, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from everai_autoscaler.cli.options.candidates import candidates_of
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, scaler_options
from everai_autoscaler.cli.options.simulator_options import (
    Conditions,
    condition_options,
    optimum_option,
    plot_option,
    processes_option,
    trace_option,
)
from everai_autoscaler.cli.options.trouble_options import trouble_options, troubled
from everai_autoscaler.cli.text.progress import Progress
from everai_autoscaler.cli.text.simulated import comparison_document, comparison_table, rank_table
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.simulator.compare import compare as compared

__all__ = ["compare"]


@click.command
@click.option(
    "--scaler",
    "scalers",
    multiple=True,
    metavar='"SCALER KEY=VALUE ..."',
    help="A scaler with its arguments, in quotes; repeatable.",
)
@scaler_options
@trace_option(multiple=True)
@condition_options
@processes_option
@optimum_option
@plot_option
@trouble_options
@output_option
def compare(
    *,
    scalers: tuple[str, ...],
    options: ScalerOptions,
    traces: tuple[str, ...],
    conditions: Conditions,
    trouble: Mapping[str, Any],
    processes: int,
    optimum: bool,
    plot: Path | None,
    output: str,
) -> None:
    """Compare several scalers, or one with several sets of arguments, on several workloads.

    Each meets each workload at each cold start in virtual time, as in "simulate". On each the scalers are ranked: first
    those that meet the SLO, the cheapest first; then those that miss it, the nearest to it first.

    -f names a YAML or JSON file with a list of scalers, each with name, arguments, decorators and, if you like, a label
    for tables and pictures. -a sets an argument of all of them.

    \b
    Is it better to keep four workers free than one?
      everai-autoscaler compare --trace azure_llm_code_2023 -a max_workers=80 \\
        --scaler "free-worker min_free_workers=1" --scaler "free-worker min_free_workers=4"
    All that a file lists, on two traces, at quick and at slow starts, as a picture of cost against lateness:
      everai-autoscaler compare -f scalers.yaml --trace azure_llm_code_2023 --trace azure_llm_conv_2023 \\
        --cold-start 10 --cold-start 120 --plot compared.html
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    candidates = candidates_of(scalers, options)
    workloads = [conditions.read(trace) for trace in traces]
    with Progress("of the comparison") as progress:
        found = compared(
            candidates,
            workloads,
            cold_starts=conditions.cold_start,
            interval=conditions.interval,
            slo=conditions.slo,
            share=conditions.share,
            warm_up=conditions.warm_up or 0.0,
            optima=optimum,
            processes=processes,
            progress=progress.tell,
            **troubled(conditions.setting, trouble),
        )
    if plot is not None:
        from everai_autoscaler.simulator.plots import plot_comparison

        plot_comparison((*found.cells, *found.oracles), plot, share=conditions.share)
    if output == "json":
        click.echo(json.dumps(comparison_document(found, conditions.document(trouble))))
        return
    click.echo(conditions.introduction())
    if options.arguments:
        click.echo("All:   " + " ".join(f"{name}={value}" for name, value in options.arguments.items()))
    click.echo()
    click.echo(comparison_table(found, conditions.setting["price"]))
    if len(found.groups()) > 1:
        click.echo("\nOver all of them:\n\n" + rank_table(found))
    if plot is not None:
        click.echo(f"\nWritten: {plot}")
