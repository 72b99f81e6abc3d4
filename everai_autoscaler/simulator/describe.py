"""A run in words, for someone who has never seen the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everai_autoscaler.words import counted, table

if TYPE_CHECKING:
    from everai_autoscaler.simulator.metrics import Metrics
    from everai_autoscaler.simulator.run import Run

__all__ = ["LOOPS", "describe"]

LOOPS = {
    "closed": "closed loop (modelled): what the fleet became is the simulator's model of it",
    "open": "open loop (exact): each recorded snapshot was decided about; the fleet is the recorded one",
    "real": "real: measured, not simulated",
}
"""What kind of result a run is, in words, by ``Setting.loop``."""


def describe(run: Run, metrics: Metrics) -> str:
    """The *metrics* of *run* as a table, with all that was assumed below it."""
    setting = run.setting
    arguments = ", ".join(f"{name}={value}" for name, value in setting.arguments.items())
    head = f"{setting.scaler}{f' ({arguments})' if arguments else ''} on {run.workload!r}"
    rows = list(_rows(metrics))
    assumed = [LOOPS[setting.loop], *_assumed(run, metrics), *setting.assumed]
    shown = table(["WHAT", "VALUE", "MEANS"], rows, align_right=[1])
    return f"{head}\n\n{shown}\n\n" + "\n".join(f"* {sentence}" for sentence in assumed)


def _rows(metrics: Metrics) -> list[tuple[str, str, str]]:
    late = f"began within {metrics.slo:g} s; refused or never begun is late"
    rows = [
        ("requests", f"{metrics.requests:,}", f"{metrics.answered:,} answered, {metrics.refused:,} refused"),
        ("waiting at the end", f"{metrics.waiting_at_end:,}", "no worker had begun with them"),
        ("SLO attainment", _share(metrics.slo_attainment), late),
        ("mean wait", _seconds(metrics.mean_wait), "until a worker began with a request"),
        ("wait p50", _seconds(metrics.wait_p50), "half of the requests waited so long or less"),
        ("wait p95", _seconds(metrics.wait_p95), ""),
        ("wait p99", _seconds(metrics.wait_p99), ""),
        ("longest wait", _seconds(metrics.wait_max), ""),
        ("cold-start-delayed", _share(metrics.cold_start_delayed), "waited for a worker that was still starting"),
        ("worker-seconds", f"{metrics.worker_seconds:,.0f}", f"{metrics.worker_seconds / 3600:,.2f} worker-hours"),
    ]
    if metrics.cost is not None:
        rows.append(("cost", f"{metrics.cost:,.2f}", "at the price per hour that was given"))
    fit = metrics.elasticity
    return [
        *rows,
        ("utilisation", _share(metrics.utilisation), "of the billed time was spent serving"),
        ("workers", f"{metrics.mean_workers:.2f}", f"on average; {metrics.peak_workers} at most"),
        ("starts", f"{metrics.starts:,}", f"{counted(metrics.removals, 'removal', form=',')}"),
        ("flaps", f"{metrics.flaps:,}", "removals that were taken back within five minutes"),
        ("killed", f"{metrics.killed:,}", "requests under a worker that a decision removed; more than 0 is a bug"),
        ("interrupted", f"{metrics.interrupted:,}", "times that a request lost its worker, and waited again"),
        ("held or failed", f"{metrics.held_ticks:,} / {metrics.failed_ticks:,}", "decisions"),
        ("under-provisioned", _share(fit.under_timeshare), f"of the time, accuracy {fit.under_accuracy:.3g}"),
        ("over-provisioned", _share(fit.over_timeshare), f"of the time, accuracy {fit.over_accuracy:.3g}"),
        ("instability", _share(fit.instability), f"accuracies are over {fit.divisor}"),
    ]


def _assumed(run: Run, metrics: Metrics) -> list[str]:
    setting = run.setting
    served = f"dispatch order {setting.dispatch}, {counted(setting.concurrency, 'request')} at once per worker"
    fleet = f"{counted(setting.workers, 'worker')} ready at the start, a decision every {setting.interval:g} s"
    said = [
        f"{served}, {fleet}",
        f"cold start {setting.cold_start}{_over_cold_start(setting.cold_start_seconds, metrics.slo)}",
    ]
    if setting.warm_up:
        said.append(f"the first {setting.warm_up:g} s aren't judged")
    if run.workload.modelled:
        said.append(f"the workload is partly a model: {run.workload.modelled}")
    return said


def _over_cold_start(cold_start: float | None, slo: float) -> str:
    if not cold_start:
        return f"; wait limit {slo:g} s"
    return f"; the wait limit of {slo:g} s is {slo / cold_start:.2g} times the cold start (W/c)"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f} s"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"
