"""What Prometheus is told."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from everai_autoscaler.engine import SampleForm
from everai_autoscaler.model import DecideResult, Factors, ScaleDownAction, ScaleUpAction
from everai_autoscaler.router.metrics import RequestMetrics
from everai_autoscaler.runtime.metrics import Metrics

PREFIX = "everai_autoscaler_"


def _families(metrics):
    return {family.name: family for family in text_string_to_metric_families(metrics.exposition().decode())}


def _values(metrics, name):
    """The samples of that name, by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in _families(metrics).values()
        for sample in family.samples
        if sample.name == f"{PREFIX}{name}"
    }


def result(up, down, held, *authors):
    """A decision that starts and removes so many; the *authors* gave its reasons."""
    if held:
        decided = DecideResult.hold(Factors(), "not known", who=authors[0])
        authors = authors[1:]
    else:
        actions = [ScaleUpAction(count=up)] if up else [ScaleDownAction(worker_id=f"w{n}") for n in range(down)]
        decided = DecideResult(max_workers=5, actions=actions)
    for author in authors:
        decided = decided.because("so", who=author)
    return decided


def test_a_fresh_exposition_is_read_and_says_what_each_number_is():
    """Prometheus' own parser reads it; everything of ours has a help text, a type and our prefix."""
    metrics = Metrics()
    RequestMetrics(metrics.registry)
    families = _families(metrics)
    ours = {name: family for name, family in families.items() if not name.startswith("process_")}

    assert ours
    assert [] == [name for name in ours if not name.startswith(PREFIX)]
    assert [] == [name for name, family in ours.items() if len(family.documentation) < 15]
    assert {"gauge", "counter", "histogram"} == {family.type for family in ours.values()}


def test_names_keep_the_conventions():
    """What is a time says seconds, what only grows says total, and nothing says when a series was made."""
    samples = [s.name for f in _families(Metrics()).values() for s in f.samples if f.type == "counter"]
    histograms = [name for name, family in _families(Metrics()).items() if family.type == "histogram"]

    assert [] == [name for name in samples if not name.endswith("_total")]
    assert [] == [name for name in histograms if not name.endswith("_seconds")]
    assert "_created" not in Metrics().exposition().decode()


def test_two_runtimes_in_one_process_count_apart():
    """Each has a registry of its own."""
    one, other = Metrics(), Metrics()
    one.ticked(1, 0, failed=False)

    assert {(): 1.0} == _values(one, "tick_duration_seconds_count")
    assert {(): 0.0} == _values(other, "tick_duration_seconds_count")


@pytest.mark.parametrize(
    ("decision", "action"),
    [
        ((2, 0, False), "up"),
        ((0, 3, False), "down"),
        ((0, 0, True), "hold"),
        ((0, 0, False), "none"),
    ],
)
def test_decisions_are_counted_by_action_and_by_who_spoke_last(decision, action):
    """A decision counts once, under what it does and who had the last word."""
    metrics = Metrics()
    metrics.decided(result(*decision, "simple", "operator"))

    assert {(action, "operator"): 1.0} == _values(metrics, "decisions_total")


def test_workers_that_decisions_start_and_remove_are_counted():
    """By how many, not only how often."""
    metrics = Metrics()
    metrics.decided(result(2, 0, False, "simple"))
    metrics.decided(result(3, 0, False))
    metrics.decided(result(0, 1, False, "simple"))

    assert {("up",): 5.0, ("down",): 1.0} == _values(metrics, "decided_workers_total")


def test_what_the_guard_corrected_is_counted():
    """Only the decisions that it changed."""
    metrics = Metrics()
    metrics.decided(result(1, 0, False, "simple", "guard"))
    metrics.decided(result(1, 0, False, "simple"))

    assert {(): 1.0} == _values(metrics, "guard_interventions_total")


def test_ticks_are_timed_and_their_failures_counted():
    """How long they took, how late they began, when the last one was, how many failed."""
    metrics = Metrics(clock=lambda: 1722220970.0)
    metrics.ticked(0.004, 0.2, failed=False)
    metrics.ticked(0.004, 0.0, failed=True)

    assert {(): 2.0} == _values(metrics, "tick_duration_seconds_count")
    assert {(): 0.2} == _values(metrics, "tick_lag_seconds_sum")
    assert {(): 1.0} == _values(metrics, "tick_failures_total")
    assert {(): 1722220970.0} == _values(metrics, "last_tick_timestamp_seconds")


def test_the_fleet_is_shown_in_the_platforms_words():
    """Workers by status; the queue by reason, in the platform's words, and 0 when it is gone."""
    metrics = Metrics()
    sample = {"at": 1.0, "inflight": 1, "free": 2, "busy": 3, "draining": 4, "max_workers": 9}
    metrics.fleet(SampleForm(**sample, waiting={"QueueDueBusy": 5, "NotDispatch": 1}))
    metrics.fleet(SampleForm(**sample, waiting={"QueueDueSession": 7}))

    assert {("inflight",): 1, ("free",): 2, ("busy",): 3, ("draining",): 4} == _values(metrics, "workers")
    assert {("NotDispatch",): 0, ("WorkerBusy",): 0, ("SessionWorkerBusy",): 7} == _values(metrics, "queue_requests")
    assert {(): 9.0} == _values(metrics, "max_workers")

    metrics.fleet(SampleForm(**{**sample, "max_workers": 0}, waiting={}))
    assert {(): 0.0} == _values(metrics, "max_workers")


def test_a_hostile_policy_name_cannot_break_the_exposition():
    """A name with quotes and line breaks comes back as it was."""
    metrics = Metrics()
    metrics.decided(result(1, 0, False, 'a"b\n\\c'))

    assert {("up", 'a"b\n\\c'): 1.0} == _values(metrics, "decisions_total")


def test_demand_that_a_bound_swallows_is_counted():
    """How many workers are missing now, and in how many decisions, by what is in the way; a hold says nothing new."""
    metrics, full = Metrics(), result(0, 0, False, "simple")
    assert {("maximum",): 0.0} == _values(metrics, "capped_workers") == _values(metrics, "capped_decisions_total")

    metrics.decided(full.wanting(9))
    metrics.decided(full.wanting(12, allowed=4, by="budget"))
    metrics.decided(result(0, 0, True, "simple"))
    assert {("maximum",): 0.0, ("budget",): 8.0} == _values(metrics, "capped_workers")

    metrics.decided(full)
    assert {("maximum",): 0.0, ("budget",): 0.0} == _values(metrics, "capped_workers")
    assert {("maximum",): 1.0, ("budget",): 1.0} == _values(metrics, "capped_decisions_total")
