from __future__ import annotations

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Factors
from everai_autoscaler.simulator.backtest import backtest


def records(*seen, app="app", **arguments):
    decider = Decider("simple", {"max_workers": 9, "min_workers": 0, **arguments}, app=app)
    return [
        decider.decision(Factors(observed_at=at, queue={"QueueDueBusy": waiting}, workers=[])).record()
        for at, waiting in seen
    ]


def test_the_same_scaler_agrees_with_itself():
    """Nothing would have been otherwise, and nothing would have cost more."""
    found = backtest(records((0, 3), (20, 0), (40, 0)), price=3.6)

    assert 1.0 == found.agreement
    assert found.cost == found.recorded_cost == 0.02
    assert () == found.differences


def test_what_differs_is_counted_until_the_next_decision():
    """Two workers more for 20 s, and for the last decision nobody knows how long."""
    found = backtest(records((0, 3), (20, 3), (60, 0), (80, 3)), arguments={"scale_up_step": 3}, price=3.6)

    assert 0.25 == found.agreement
    assert [(1, 2, 20.0), (2, 2, 40.0), (4, 2, 0.0)] == [(d.number, d.workers, d.seconds) for d in found.differences]
    assert 120.0 == found.worker_seconds - found.recorded_worker_seconds
    assert 0.12 == pytest.approx(found.cost - found.recorded_cost)


def test_the_largest_differences_come_first():
    """By their worker-seconds."""
    found = backtest(records((0, 3), (20, 3), (60, 0), (80, 3)), arguments={"scale_up_step": 3})

    assert [2, 1] == [one.number for one in found.largest(2)]


def test_decisions_are_counted_by_what_they_did():
    """And by what they would have done."""
    found = backtest(records((0, 3), (20, 0), (40, 3)), arguments={"max_queue_size": 5, "min_workers": 0})

    assert 3 == sum(found.counts.values())
    assert {("up", "up"), ("nothing", "nothing")} >= set(found.counts) - {("up", "nothing")}


def test_a_gap_in_the_records_is_not_counted():
    """A day in which nothing was recorded says nothing."""
    found = backtest(records((0, 3), (20, 3), (86_420, 3), (86_440, 3)))

    assert 40.0 == found.seconds


def test_apps_are_held_apart():
    """Each decision lasts until the next one about its own app."""
    one, other = records((0, 3), (20, 3), app="one"), records((5, 3), (35, 3), app="other")
    found = backtest([one[0], other[0], one[1], other[1]])

    assert ("one", "other") == found.apps
    assert 50.0 == found.seconds


def test_an_unknown_fleet_has_no_workers_to_compare():
    """The decision counts, its workers don't."""
    decider = Decider("simple", {"max_workers": 9})
    record = decider.decision(Factors(observed_at=0.0, workers=None)).record()
    found = backtest([record], scaler="free-worker")

    assert 1 == found.decisions
    assert 0.0 == found.worker_seconds
    assert {("hold", "hold"): 1} == found.counts


def test_no_records_are_refused():
    """There is nothing to agree with."""
    with pytest.raises(ContractError, match="there are no records"):
        backtest([])


def test_a_record_that_cannot_be_replayed_is_named():
    """By its number, with what is wrong."""
    with pytest.raises(ContractError, match=r"record 2: .*'nope' is not one of"):
        backtest([*records((0, 3)), *[one.model_copy(update={"scaler": "nope"}) for one in records((20, 3))]])
