"""Evidence and what was spent: sums that fade, whatever the length of the stretches."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.tuning import Spent
from everai_autoscaler.tuning.evidence import Account, Evidence, Outcome, faded, weight

DAY = 86_400.0


def steady(seconds: float) -> Outcome:
    """Two workers, a request a second and one of a hundred late."""
    return Outcome([2 * seconds], [seconds / 100], round(seconds), seconds)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([60.0, 300.0, 900.0, 3600.0]), min_size=1, max_size=20))
def test_steady_traffic_comes_to_the_same_in_stretches_of_any_length(stretches: list[float]) -> None:
    """It doesn't matter how often the tuner is told."""
    evidence = Evidence.none(1)
    for seconds in stretches:
        evidence = evidence.with_outcome(steady(seconds), half_life=DAY, block=3600.0)
    whole = Evidence.none(1).with_outcome(steady(sum(stretches)), half_life=DAY, block=3600.0)

    assert pytest.approx(whole.requests) == evidence.requests
    assert pytest.approx(whole.worker_seconds[0]) == evidence.worker_seconds[0]
    assert pytest.approx(whole.late[0]) == evidence.late[0]
    assert pytest.approx(whole.seconds) == evidence.seconds


def test_evidence_counts_half_after_its_half_life() -> None:
    """A day without traffic halves all sums, and so leaves every share as it was."""
    evidence = Evidence.none(1).with_outcome(steady(3600.0), half_life=DAY, block=300.0)
    later = evidence.after(DAY, half_life=DAY)

    assert pytest.approx(evidence.requests / 2) == later.requests
    assert pytest.approx(evidence.late[0] / evidence.requests) == later.late[0] / later.requests
    assert pytest.approx(evidence.squared(0) / 2) == later.squared(0)


def test_late_requests_of_one_block_are_one_draw() -> None:
    """Four late in one block weigh twice as much as in two blocks of two, also while the block isn't over."""
    half = Outcome([0.0], [2.0], 10, 150.0)
    one, two = Evidence.none(1), Evidence.none(1)
    for _ in range(2):
        one = one.with_outcome(half, half_life=1e12, block=300.0)
        two = two.with_outcome(half, half_life=1e12, block=150.0)

    assert (pytest.approx(16.0), pytest.approx(8.0)) == (one.squared(0), two.squared(0))
    assert pytest.approx(4.0) == Evidence.none(1).with_outcome(half, half_life=1e12, block=300.0).squared(0)


def test_evidence_is_a_json_value() -> None:
    """It is the same after it was written and read."""
    evidence = Evidence.none(2).with_outcome(Outcome([1.0, 2.0], [0.0, 3.0], 7, 100.0), half_life=DAY, block=300.0)

    assert evidence == Evidence.of(json.loads(json.dumps(evidence.to_json())))


def test_a_stretch_that_is_over_has_faded_at_its_beginning() -> None:
    """Its seconds count less than 1 on average, and more than its first."""
    assert faded(3600.0, DAY) < weight(3600.0, DAY) < 1.0


def test_workers_are_known_only_where_they_were_told() -> None:
    """An app that doesn't say what it used has no average."""
    spent = Account().with_spent(Spent(10, 1), seconds=300.0, half_life=DAY)
    told = spent.with_spent(Spent(10, 0, worker_seconds=900.0), seconds=300.0, half_life=DAY)

    assert spent.workers is None
    assert pytest.approx(3.0) == told.workers
    assert spent.due < told.due < 20
