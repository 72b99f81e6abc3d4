"""What the runtime counts and times, for Prometheus."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from everai_autoscaler._version import __version__
from everai_autoscaler.engine import SampleForm
from everai_autoscaler.model import Capped, DecideResult
from everai_autoscaler.words import REASON_WORDS, reason_word

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""What an exposition says that it is."""

STATUSES = ("inflight", "free", "busy", "draining")
REASONS = ("NotDispatch", *REASON_WORDS.values())

TICK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The numbers of workers, queue, decisions and ticks. Its methods are cheap, and may be called from any thread.

    >>> metrics = Metrics()
    >>> metrics.ticked(0.2, 0.0, failed=False)
    >>> [line for line in metrics.exposition().decode().splitlines() if "tick_duration_seconds_sum" in line]
    ['everai_autoscaler_tick_duration_seconds_sum 0.2']
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.registry: CollectorRegistry = _Registry()
        """To which an engine adds its own numbers."""
        given: dict[str, Any] = {"namespace": "everai_autoscaler", "registry": self.registry}
        counter: Callable[..., Counter] = partial(Counter, **given)
        gauge: Callable[..., Gauge] = partial(Gauge, **given)
        histogram: Callable[..., Histogram] = partial(Histogram, **given, buckets=TICK_BUCKETS)
        if sys.platform == "linux":
            ProcessCollector(registry=self.registry)
        gauge("build_info", "Which version runs; always 1.", ["version"]).labels(__version__).set(1)
        self._workers = gauge("workers", "Workers by status.", ["status"])
        self._queue = gauge("queue_requests", "Requests that wait, by reason.", ["reason"])
        self._max_workers = gauge("max_workers", "The most workers that there may be.")
        self._decisions = counter(
            "decisions_total",
            "Decisions, by action (up, down, hold, none) and by who gave the last reason (the policy's name, guard, "
            "operator, pipeline).",
            ["action", "reason"],
        )
        self._decided = counter(
            "decided_workers_total",
            "Workers that decisions asked for (up) and named to go (down), whatever was then applied.",
            ["action"],
        )
        self._capped_workers = gauge(
            "capped_workers",
            "Workers that the policy wants and a bound forbids, by bound (maximum, budget, ...).",
            ["by"],
        )
        self._capped = counter(
            "capped_decisions_total",
            "Decisions in which a bound forbade workers that the policy wants, by bound.",
            ["by"],
        )
        self._corrections = counter("guard_interventions_total", "Decisions that the guard corrected.")
        self._ticks = histogram("tick_duration_seconds", "Seconds that a tick took: observe, decide, apply.")
        self._lags = histogram("tick_lag_seconds", "Seconds that a tick began late.")
        self._failures = counter("tick_failures_total", "Ticks that failed; each of them held.")
        self._last_tick = gauge("last_tick_timestamp_seconds", "When the last tick ended, in epoch seconds.")
        # What hasn't happened yet is 0, not missing: a rate over it is then right from the first time on.
        for status in STATUSES:
            self._workers.labels(status)
        for reason in REASONS:
            self._queue.labels(reason)
        for action in ("up", "down"):
            self._decided.labels(action)
        self._capped_by = Capped.MAXIMUM
        self._capped_workers.labels(self._capped_by)
        self._capped.labels(self._capped_by)

    def decided(self, result: DecideResult) -> None:
        """A decision was made."""
        action = "up" if result.up else "down" if result.down else "hold" if result.held else "none"
        authors = [reason.who for reason in result.reasons]
        self._decisions.labels(action, authors[-1] if authors else "policy").inc()
        self._decided.labels("up").inc(result.up)
        self._decided.labels("down").inc(len(result.down))
        if "guard" in authors:
            self._corrections.inc()
        if not result.held:  # which says nothing new
            self._cap(result.capped)

    def _cap(self, capped: Capped | None) -> None:
        self._capped_workers.labels(self._capped_by).set(0)
        if capped is not None:
            self._capped_by = capped.by
            self._capped_workers.labels(capped.by).set(capped.wanted - capped.allowed)
            self._capped.labels(capped.by).inc()

    def ticked(self, took: float, lag: float, *, failed: bool) -> None:
        """A tick *took* so many seconds, began *lag* seconds late, and *failed* or didn't."""
        self._ticks.observe(took)
        self._lags.observe(lag)
        self._last_tick.set(self._clock())
        if failed:
            self._failures.inc()

    def fleet(self, sample: SampleForm) -> None:
        """The workers and the queue are as *sample* says."""
        for status in STATUSES:
            self._workers.labels(status).set(getattr(sample, status))
        waiting = dict.fromkeys(REASONS, 0)
        for reason, number in sample.waiting.items():
            waiting[reason_word(reason.value)] = number
        for name, number in waiting.items():
            self._queue.labels(name).set(number)
        if sample.max_workers is not None:
            self._max_workers.set(sample.max_workers)

    def exposition(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Registry(CollectorRegistry):
    """Leaves out when each series was made, which would be a second series for each."""

    def collect(self) -> Iterable[Metric]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
