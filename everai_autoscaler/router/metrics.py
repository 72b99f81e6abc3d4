"""What the router counts and times, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["RequestMetrics"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""From 5 ms, which is next to nothing, to 10 min, which is the longest that a request waits by default."""


class RequestMetrics:
    """Numbers of requests, in *registry*.

    >>> registry = CollectorRegistry()
    >>> RequestMetrics(registry).waited(0.2)
    >>> registry.get_sample_value("everai_autoscaler_wait_seconds_sum")
    0.2
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waits = Histogram(
            "everai_autoscaler_wait_seconds",
            "Seconds that a request waited until a worker took it.",
            buckets=BUCKETS,
            registry=registry,
        )
        self._services = Histogram(
            "everai_autoscaler_service_seconds",
            "Seconds from a worker's taking a request to the end of its answer.",
            buckets=BUCKETS,
            registry=registry,
        )
        self._answers = Counter(
            "everai_autoscaler_answers_total",
            "Answers that workers gave, by HTTP status.",
            ["code"],
            registry=registry,
        )
        self._refusals = Counter(
            "everai_autoscaler_refusals_total",
            "Requests that the router answered itself because no worker could, by reason.",
            ["reason"],
            registry=registry,
        )
        # What hasn't happened yet is 0, not missing: a rate over it is then right from the first time on.
        for reason in ("queue-full", "queue-time"):
            self._refusals.labels(reason)

    def waited(self, seconds: float) -> None:
        """A request waited so many *seconds* until a worker took it."""
        self._waits.observe(seconds)

    def served(self, seconds: float, status: int) -> None:
        """A worker's answer with that HTTP *status* took so many *seconds*, to its end."""
        self._services.observe(seconds)
        self._answers.labels(str(status) if 100 <= status <= 599 else "other").inc()

    def refused(self, reason: str) -> None:
        """The router answered a request itself, for that *reason* (``queue-full``, ``queue-time``, ...)."""
        self._refusals.labels(reason).inc()
