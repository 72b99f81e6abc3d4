"""What Prometheus is told of requests."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from everai_autoscaler.router.metrics import RequestMetrics


class Counted:
    """The numbers, and where they are collected."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = RequestMetrics(self.registry)


def _values(counted, name):
    """The samples of that name, by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in counted.registry.collect()
        for sample in family.samples
        if sample.name == f"everai_autoscaler_{name}"
    }


@pytest.mark.parametrize("name", ["wait_seconds", "service_seconds"])
def test_request_times_are_told_apart_from_5_ms_to_10_min(name):
    """The lowest bucket ends at 5 ms, the highest before infinity at 10 min."""
    bounds = [float(label) for (label,) in _values(Counted(), f"{name}_bucket")]

    assert (0.005, 600.0, float("inf")) == (bounds[0], bounds[-2], bounds[-1])
    assert sorted(bounds) == bounds


def test_a_wait_falls_into_its_bucket():
    """20 ms are more than 10 ms and not more than 25 ms."""
    counted = Counted()
    counted.metrics.waited(0.02)
    buckets = _values(counted, "wait_seconds_bucket")

    assert (0.0, 1.0) == (buckets["0.01",], buckets["0.025",])
    assert {(): 0.02} == _values(counted, "wait_seconds_sum")


def test_answers_are_counted_by_status():
    """An answer counts under its status; nonsense that a worker said counts as other."""
    counted = Counted()
    for status in (200, 200, 502, 999):
        counted.metrics.served(0.1, status)

    assert {("200",): 2.0, ("502",): 1.0, ("other",): 1.0} == _values(counted, "answers_total")
    assert {(): 4.0} == _values(counted, "service_seconds_count")


def test_refusals_are_counted_by_reason_and_start_at_zero():
    """Those that always may happen are there before they do."""
    counted = Counted()
    counted.metrics.refused("queue-full")
    refusals = _values(counted, "refusals_total")

    assert (1.0, 0.0) == (refusals["queue-full",], refusals["queue-time",])
