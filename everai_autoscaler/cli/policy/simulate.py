"""``everai-autoscaler simulate``: what a policy would have cost on a workload, and how good anything could be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from everai_autoscaler.cli.options.parameters import SCALER
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, WantedScaler, scaler_options
from everai_autoscaler.cli.options.simulator_options import (
    Conditions,
    condition_options,
    optimum_option,
    plot_option,
    save_option,
    trace_option,
)
from everai_autoscaler.cli.options.trouble_options import trouble_options, troubled
from everai_autoscaler.cli.text.progress import Progress
from everai_autoscaler.cli.text.simulated import company, gap_in_words, metrics_document, optimum_document, plain
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.simulator.compare import Cell, attained, best_possible, oracle_cell
from everai_autoscaler.simulator.optimum import Optimum
from everai_autoscaler.simulator.run import Run
from everai_autoscaler.simulator.saving import save as saved
from everai_autoscaler.simulator.simulate import simulate as simulated
from everai_autoscaler.words import counted, printable

__all__ = ["simulate"]


@click.command
@click.option("--scaler", metavar="SCALER", type=SCALER, help="The scaler that decides; or -f.")
@scaler_options
@trace_option(multiple=False)
@condition_options
@optimum_option
@plot_option
@save_option
@trouble_options
@output_option
def simulate(
    *,
    scaler: str | None,
    options: ScalerOptions,
    trace: str,
    conditions: Conditions,
    trouble: Mapping[str, Any],
    optimum: bool,
    plot: Path | None,
    save: Path | None,
    output: str,
) -> None:
    """Say what a policy would have cost on a workload, and how far that is from the best possible.

    Real or made-up requests meet a fleet in virtual time, and the scaler decides as in production: through the whole
    pipeline, with the same guard. The fleet is a model (closed loop); what the model assumes is printed with the
    result. The best possible is what somebody who knew all requests in advance would have paid.

    \b
    What would an hour of code completion have cost?
      everai-autoscaler simulate --scaler free-worker -a max_workers=80 --trace azure_llm_code_2023 --price 2.50
    With slower starts, as a picture with the numbers under the pointer:
      everai-autoscaler simulate -f app.yaml --trace access.log --cold-start 120 --plot run.html
    Two requests a second for an hour, of which nobody measured anything:
      everai-autoscaler simulate --scaler simple -a max_workers=20 --trace poisson:rate=2,duration=3600
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    wanted = options.wanted(scaler)
    demand = conditions.read(trace)
    cold_start, warm_up = conditions.only_cold_start(), conditions.warm_up or 0.0
    setting = {**troubled(conditions.setting, trouble), "warm_up": warm_up, "interval": conditions.interval}
    best, oracle = None, None
    with Progress("of the run") as progress:
        run = simulated(wanted.decider(), demand, cold_start=cold_start, progress=progress.tell, **setting)
        if optimum:
            progress.say("the best possible")
            best = best_possible(demand, cold_start, conditions.slo, conditions.share, setting)
            oracle = oracle_cell(demand, cold_start=cold_start, slo=conditions.slo, **setting)
    if save is not None:
        saved(run, save)
    if plot is not None:
        from everai_autoscaler.simulator.plots import plot_run

        plot_run(run, plot, optimum=best, slo=conditions.slo)
    if output == "json":
        click.echo(json.dumps(_document(wanted, run, best, oracle, conditions, trouble)))
        return
    click.echo(run.describe(conditions.slo))
    if failed := [tick for tick in run.ticks if tick.failure]:
        share = f"{len(failed):,} of {counted(len(run.ticks), 'decision', form=',')}"
        click.echo(f"\n{share} failed, the first at {failed[0].at:g} s: {printable(failed[0].failure)}")
    if best is not None:
        click.echo("\n" + "\n".join(_in_company(run, best, oracle, conditions)))
    if written := [str(path) for path in (plot, save) if path is not None]:
        click.echo(f"\nWritten: {', '.join(written)}")


def _in_company(run: Run, best: Optimum, oracle: Cell | None, conditions: Conditions) -> Iterator[str]:
    metrics = run.metrics(conditions.slo)
    word = "" if attained(metrics) >= conditions.share else "misses the SLO, so that it may cost less"
    rows: list[tuple[str, float, float | None, str]] = [
        ("this policy", metrics.worker_seconds, metrics.slo_attainment, word),
        ("best schedule known", best.schedule, conditions.share, "all requests known in advance"),
        ("proven bound", best.bound, conditions.share, "nothing costs less"),
    ]
    if best.static_cost:
        size = counted(best.static, "worker", form=",")
        rows.append(("best static fleet", best.static_cost, conditions.share, f"{size}, sized in hindsight"))
    if oracle is not None and (known := oracle.metrics) is not None:
        rows.append(("rate oracle", known.worker_seconds, known.slo_attainment, "a policy that knows the true rate"))
    wanted = f"{conditions.share * 100:.6g}% of the requests begin within {conditions.slo:g} s"
    yield f"How good anything could be, where {wanted}:"
    yield ""
    yield company(rows, best.schedule, conditions.setting["price"], conditions.slo)
    yield ""
    yield gap_in_words(best)


def _document(
    wanted: WantedScaler,
    run: Run,
    best: Optimum | None,
    oracle: Cell | None,
    conditions: Conditions,
    trouble: Mapping[str, Any],
) -> dict[str, Any]:
    metrics = run.metrics(conditions.slo)
    return {
        "model": {**conditions.document(trouble), "assumed": list(run.setting.assumed)},
        "scaler": wanted.name,
        "arguments": plain(wanted.arguments),
        "trace": run.workload.name,
        "meets": attained(metrics) >= conditions.share,
        "metrics": metrics_document(metrics),
        "optimum": optimum_document(best),
        "rate_oracle": None if oracle is None or oracle.metrics is None else metrics_document(oracle.metrics),
        "regret": best.regret(metrics.worker_seconds) if best is not None and best.schedule else None,
    }
