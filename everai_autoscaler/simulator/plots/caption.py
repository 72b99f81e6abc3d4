"""What stands over a run's picture: what was run, what came of it, and what was assumed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isnan
from typing import Protocol

from everai_autoscaler.simulator.plots.scale import duration
from everai_autoscaler.simulator.run import Run
from everai_autoscaler.words import counted, printable

__all__ = ["Best", "arguments_line", "assumptions_line", "result_lines", "title_of", "with_arguments"]

_LOOPS = {
    "closed": "closed loop: the fleet and the queue are a model",
    "open": "open loop: each decision is what the policy says of a recorded moment",
    "real": "nothing: this was measured",
}


class Best(Protocol):
    """What a picture shows of the offline optimum: worker-seconds, and a fleet."""

    @property
    def bound(self) -> float:
        """Nothing can take fewer worker-seconds."""

    @property
    def schedule(self) -> float:
        """Worker-seconds of the best schedule known."""

    @property
    def fleet(self) -> Sequence[tuple[float, int]]:
        """That schedule's workers: from which second on how many."""


def title_of(run: Run) -> str:
    """Which policy ran on what."""
    setting = run.setting
    return printable(f"{setting.scaler} on {run.workload.name}, with a cold start of {setting.cold_start}")


def arguments_line(arguments: dict[str, object]) -> str:
    """The arguments of a policy in one line.

    >>> arguments_line({"max_workers": 5, "region": "eu"})
    "max_workers=5, region='eu'"
    """
    words = []
    for name, value in arguments.items():
        shown = printable(repr(value))
        words.append(f"{name}={shown if len(shown) <= _LONG else f'{shown[: _LONG - 1]}…'}")
    return printable(", ".join(words))


def with_arguments(scaler: str, arguments: dict[str, object]) -> str:
    """A policy with its arguments in brackets, where it has any.

    >>> with_arguments("simple", {"max_workers": 5})
    'simple(max_workers=5)'
    """
    return f"{printable(scaler)}({arguments_line(arguments)})" if arguments else printable(scaler)


def result_lines(run: Run, *, slo: float, optimum: Best | None) -> list[str]:
    """What came of the run, in whole sentences."""
    paid = _worker_seconds(run)
    words = f"Paid for {_hours(paid)}"
    if run.setting.price is not None:
        words += f", {_money(run):,.2f} at {run.setting.price:g} an hour"
    lines = [f"{words}. {_waits(run, slo)}"]
    if optimum is not None and optimum.schedule > 0:
        lines.append(
            f"The best schedule known, which sees the future, takes {_hours(optimum.schedule)}; "
            f"nothing can take less than {_hours(optimum.bound)}. "
            f"This run cost {paid / optimum.schedule:.3g} times the best schedule known."
        )
    bad = [row for row in run.ticks if row.failure]
    if bad:
        lines.append(f"The policy failed in {counted(len(bad), 'decision', form=',')} of {len(run.ticks):,}.")
    return lines


def assumptions_line(run: Run, *, slo: float) -> str:
    """What the result rests on."""
    setting = run.setting
    parts = [
        _LOOPS[setting.loop],
        f"requests go to workers in the order {setting.dispatch}",
        f"{counted(setting.concurrency, 'request')} at once for each worker",
        f"a decision every {duration(setting.interval)}",
    ]
    seconds = re.fullmatch(r"([\d.]+) s", setting.cold_start)
    if seconds and float(seconds[1]) > 0:
        parts.append(f"wait limit over cold start W/c = {slo / float(seconds[1]):.3g}")
    if setting.warm_up > 0:
        parts.append(f"the first {duration(setting.warm_up)} aren't judged")
    parts.append(f"seed {setting.seed}")
    more = [sentence.rstrip(".") for sentence in (*setting.assumed, run.workload.modelled) if sentence]
    return printable(f"Assumed: {'; '.join([*parts, *more])}.")


_LONG = 60


def _waits(run: Run, slo: float) -> str:
    fates = run.requests
    judged = [began - came for came, began in zip(fates.came, fates.began, strict=True) if came >= run.setting.warm_up]
    if not judged:
        return "There was no request to judge." if not len(run.workload) else "What became of each request isn't known."
    waits = sorted(wait for wait in judged if not isnan(wait))
    good = sum(1 for wait in waits if wait <= slo)
    words = f"{_share(good / len(judged))} of {counted(len(judged), 'request', form=',')} began within {duration(slo)}"
    if waits:
        p99 = waits[min(len(waits) - 1, -(-99 * len(waits) // 100) - 1)]
        words += f"; 99 % of those that began waited at most {duration(p99)}, the longest {duration(waits[-1])}"
    never = len(judged) - len(waits)
    return f"{words}; {never:,} never began." if never else f"{words}."


def _worker_seconds(run: Run) -> float:
    return sum(_billed(run))


def _money(run: Run) -> float:
    price = run.setting.price or 0.0
    rates = (price if life.cost is None else life.cost for life in run.workers)
    return sum(seconds / 3600 * rate for seconds, rate in zip(_billed(run), rates, strict=True))


def _billed(run: Run) -> list[float]:
    """Seconds for which each worker is paid."""
    first = max(0.0, run.setting.warm_up)
    ends = (run.ended_at if life.ended_at is None else life.ended_at for life in run.workers)
    return [max(0.0, end - max(first, life.started_at)) for life, end in zip(run.workers, ends, strict=True)]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.3g} worker-hours" if seconds < 3.6e6 else f"{seconds / 3600:,.0f} worker-hours"


def _share(share: float) -> str:
    """A share in percent that is never rounded up to all."""
    text = f"{share * 100:.3g}"
    return f"{'more than 99.9' if text == '100' and share < 1 else text} %"
