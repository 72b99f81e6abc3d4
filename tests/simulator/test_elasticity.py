from __future__ import annotations

import math
from array import array

import pytest

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.elasticity import Follow, elasticity
from everai_autoscaler.simulator.run import Life, Requests, Run, Setting
from everai_autoscaler.simulator.workload import Workload


def _run(spans, lives, *, ended_at=100.0, concurrency=1, warm_up=0.0):
    """Each request is there from when until when; each worker is ready from when until when."""
    came, answered = zip(*spans, strict=True) if spans else ((), ())
    service = [1.0] * len(came)
    requests = Requests(
        array("d", came), array("d", service), array("d", came), array("d", answered), array("q", [0] * len(came))
    )
    setting = Setting("s", {}, "0 s", 20.0, "oldest", concurrency=concurrency, warm_up=warm_up)
    workers = tuple(Life(str(n), ready, ready, gone) for n, (ready, gone) in enumerate(lives))
    return Run(Workload("w", came, service), setting, requests, workers, (), ended_at)


def _followed(late, time):
    """For *late* seconds a worker is missing, for as long there is one too many, and then all is well."""
    follow = Follow()
    for seconds, ready in ((late, 0), (late, 2), (time - 2 * late, 1)):
        follow.span(seconds, needed=1, ready=ready)
    return follow.elasticity("workers")


def test_perfect_supply_has_no_error():
    """Where as many workers are ready as are needed, everything is 0."""
    found = elasticity(_run([(0, 100)], [(0, None)]))

    assert (0, 0, 0, 0, 0) == (
        found.under_accuracy,
        found.over_accuracy,
        found.under_timeshare,
        found.over_timeshare,
        found.instability,
    )


def test_accuracy_and_timeshare_by_hand():
    """Two needed for 50 s and one for 50 s, one ready: 1 missing half of the time, 0.5 workers of 1.5 needed."""
    found = elasticity(_run([(0, 100), (0, 50)], [(0, None)]))

    assert found.under_accuracy == pytest.approx(0.5 / 1.5)
    assert (0.5, 0.0, 1.5, 1.0) == (found.under_timeshare, found.over_accuracy, found.mean_demand, found.mean_supply)
    assert "mean demand: 1.5 workers needed on average" == found.divisor


def test_the_divisor_may_be_the_demand_of_the_moment_or_one_worker():
    """Missing one of two is half at that moment, for half of the time; in workers it is 0.5."""
    run = _run([(0, 100), (0, 50)], [(0, None)])

    assert 0.25 == elasticity(run, divisor="demand").under_accuracy
    assert 0.5 == elasticity(run, divisor="workers").under_accuracy


def test_supply_without_demand_is_too_much():
    """A spare worker with nothing to do counts in the timeshare; over no demand at all its accuracy is infinite."""
    found = elasticity(_run([], [(0, None)]))

    assert (1.0, math.inf) == (found.over_timeshare, found.over_accuracy)


def test_demand_is_workers_needed():
    """Three requests at two a worker need two workers."""
    found = elasticity(_run([(0, 100)] * 3, [(0, None)], concurrency=2))

    assert 2.0 == found.mean_demand


def test_a_starting_worker_is_no_supply():
    """It supplies once it is ready."""
    found = elasticity(_run([(0, 100)], [(30, None)]))

    assert 0.3 == found.under_timeshare


def test_the_warm_up_is_left_out():
    """What was missing before it ended isn't counted."""
    found = elasticity(_run([(0, 100)], [(30, None)], warm_up=50.0))

    assert 0.0 == found.under_timeshare


def test_instability_is_moving_apart():
    """Over five periods demand falls once, and supply doesn't follow: one of four changes differs."""
    found = elasticity(_run([(0, 100), (0, 50)], [(0, None), (0, None)]))

    assert 0.25 == found.instability


def test_the_speed_up_is_the_geometric_mean_of_the_ratios():
    """Half the errors everywhere is twice as elastic; the reference itself is 1."""
    slow, fast = (_followed(late, 100) for late in (40, 20))

    assert fast.speed_up(slow) == pytest.approx(2.0)
    assert 1.0 == slow.speed_up(slow)


def test_runs_with_other_divisors_are_not_compared():
    """The ratio would mean nothing."""
    run = _run([(0, 100)], [(0, None)])
    with pytest.raises(ArgumentError, match="its divisor is workers"):
        elasticity(run).speed_up(elasticity(run, divisor="workers"))


def test_an_unknown_divisor_is_refused():
    """The message says which there are."""
    with pytest.raises(ArgumentError, match="'R' is not one of mean demand, demand, workers"):
        elasticity(_run([], []), divisor="R")
