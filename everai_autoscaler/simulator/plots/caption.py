"""What stands over a run's picture: what was run, what came of it, and what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everai_autoscaler.simulator.metrics import Metrics, worker_seconds
from everai_autoscaler.simulator.plots.scale import duration
from everai_autoscaler.words import counted, printable

if TYPE_CHECKING:
    from everai_autoscaler.simulator.optimum import Optimum, Question
    from everai_autoscaler.simulator.run import Run

__all__ = ["arguments_line", "assumptions_line", "result_lines", "title_of", "with_arguments"]

_LOOPS = {
    "closed": "closed loop: the fleet and the queue are a model",
    "open": "open loop: each decision is what the policy says of a recorded moment",
    "real": "this was measured, not simulated",
}


def title_of(run: Run) -> str:
    """Which policy ran on what."""
    setting = run.setting
    return printable(f"{setting.scaler} on {run.workload.name}, with a cold start of {setting.cold_start}")


def arguments_line(arguments: dict[str, object]) -> str:
    """The arguments of a policy in one line.

    >>> arguments_line({"max_workers": 5, "region": "eu"})
    'max_workers=5, region=eu'
    """
    words = []
    for name, value in arguments.items():
        plain = isinstance(value, str) and value.isprintable() and not set(value) & set(" ,()'\"")
        shown = printable(str(value) if plain else repr(value))
        words.append(f"{name}={shown if len(shown) <= _LONG else f'{shown[: _LONG - 1]}…'}")
    return printable(", ".join(words))


def with_arguments(scaler: str, arguments: dict[str, object]) -> str:
    """A policy with its arguments in brackets, where it has any.

    >>> with_arguments("simple", {"max_workers": 5})
    'simple(max_workers=5)'
    """
    return f"{printable(scaler)}({arguments_line(arguments)})" if arguments else printable(scaler)


def result_lines(run: Run, metrics: Metrics, *, optimum: Optimum | None) -> list[str]:
    """What came of the run, in whole sentences."""
    paid = metrics.worker_seconds
    words = f"Paid for {_hours(paid)}"
    if metrics.cost is not None:
        price = "" if run.setting.price is None else f" at {run.setting.price:g} an hour"
        words += f", {metrics.cost:,.2f}{price}"
    lines = [f"{words}. {_waits(metrics)}"]
    if optimum is not None and optimum.schedule > 0:
        lines.append(
            f"The best schedule known, which sees the future and lets {_asked(optimum.question)}, "
            f"takes {_hours(optimum.schedule)}; "
            f"nothing can take less than {_hours(optimum.bound)}. "
            f"{_regret(run, optimum)}."
        )
    if metrics.failed_ticks:
        lines.append(
            f"The policy failed in {metrics.failed_ticks:,} of {counted(len(run.ticks), 'decision', form=',')}."
        )
    return lines


def assumptions_line(run: Run, *, slo: float) -> str:
    """What the result rests on."""
    setting = run.setting
    parts = [_LOOPS[setting.loop]]
    if setting.loop != "real":
        parts.append(f"requests go to workers in the order {setting.dispatch}")
    parts.append(f"{counted(setting.concurrency, 'request')} at once for each worker")
    parts.append(f"a decision every {duration(setting.interval)}")
    if setting.cold_start_seconds:
        parts.append(f"wait limit over cold start W/c = {slo / setting.cold_start_seconds:.3g}")
    if setting.warm_up > 0:
        parts.append(f"the first {duration(setting.warm_up)} aren't judged")
    if setting.loop != "real":
        parts.append(f"seed {setting.seed}")
    more = [sentence.rstrip(".") for sentence in (*setting.assumed, run.workload.modelled) if sentence]
    return printable(f"{'Known' if setting.loop == 'real' else 'Assumed'}: {'; '.join([*parts, *more])}.")


_LONG = 60


def _waits(metrics: Metrics) -> str:
    share = metrics.slo_attainment
    if share is None and metrics.requests:
        return f"{counted(metrics.requests, 'request', form=',')} came; how long each waited isn't known."
    if share is None:
        return "There was no request to judge."
    limit = duration(metrics.slo)
    words = f"{_share(share)} of {counted(metrics.requests, 'request', form=',')} began within {limit}"
    if metrics.wait_p99 is not None and metrics.wait_max is not None:
        words += f"; 99 % waited at most {duration(metrics.wait_p99)}, the longest {duration(metrics.wait_max)}"
    lost = {"never began": metrics.waiting_at_end, "found the queue full": metrics.refused}
    return f"{words}{''.join(f'; {many:,} {what}' for what, many in lost.items() if many)}."


def _regret(run: Run, optimum: Optimum) -> str:
    """An optimum of the whole workload is compared with the whole run, else with what is judged of it."""
    if run.setting.warm_up > 0 and optimum.question.requests == len(run.workload):
        paid, who = worker_seconds(run.workers, 0.0, run.ended_at), "The whole run, warm-up included,"
    else:
        paid, who = run.worker_seconds, "This run"
    return f"{who} cost {optimum.regret(paid):.3g} times the best schedule known"


def _asked(question: Question) -> str:
    who = "every request" if question.share >= 1 else f"{_share(question.share)} of the requests"
    return f"{who} begin {f'within {duration(question.wait)}' if question.wait else 'at once'}"


def _hours(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds:,.0f} worker-seconds"
    return f"{seconds / 3600:,.3g} worker-hours" if seconds < 3.6e6 else f"{seconds / 3600:,.0f} worker-hours"


def _share(share: float) -> str:
    """A share in percent that is never rounded up to all."""
    text = f"{share * 100:.3g}"
    return f"{'more than 99.9' if text == '100' and share < 1 else text} %"
