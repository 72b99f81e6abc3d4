"""News that come late or not at all, and decisions that take time."""

from __future__ import annotations

from itertools import islice

import pytest

from everai_autoscaler import Decider, Target, run
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import DecideResult, ScaleDownAction, ScaleUpAction
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.lag import Lag, Lagged
from everai_autoscaler.simulator.load import Clients

START = 1_000_000.0


def make(seed=0, **lag):
    load = [Clients(3, service_time=10, start=5)]
    return Lagged(Cluster(workers=1, cold_start=10, load=load, start=START, removal="drain"), Lag(**lag), seed=seed)


def looks(target, *seconds):
    seen = []
    for second in seconds:
        target.clock.sleep_until(START + second)
        seen.append(target.observe())
    return seen


def test_is_a_target():
    """The loop can run it."""

    assert isinstance(make(), Target)


def test_without_a_lag_it_is_the_target():
    """Where nothing is late or lost, a run is as without it."""

    def told(target):
        decider = Decider("simple", {"max_workers": 3})
        return [tick.factors.json() for tick in islice(run(target, decider, clock=target.clock), 20)]

    assert told(make()) == told(make().target)


def test_news_are_as_old_as_said():
    """The snapshot of a moment is the youngest that is old enough, as it was then."""
    seen = looks(make(observation=30), 0, 20, 40, 60)
    fresh = looks(make(), 0, 20, 40, 60)

    assert [None, None] == [one.workers for one in seen[:2]]
    assert [START, START + 20] == [one.observed_at for one in seen[2:]]
    assert fresh[:2] == seen[2:]


def test_a_lost_observation_knows_nothing():
    """Neither workers nor queue are known, at the share said, and a policy holds."""
    target = make(loss=0.3)
    ticks = list(islice(run(target, Decider("simple", {"max_workers": 3}), clock=target.clock), 300))
    lost = [tick for tick in ticks if tick.factors.workers is None]

    assert 0.3 == pytest.approx(len(lost) / 300, abs=0.08)
    assert all(tick.factors.waiting() is None and tick.result.held for tick in lost)


def test_a_decision_is_carried_out_later():
    """A decision's workers start after the delay, and the tick says so; what was done then is kept."""
    target = make(decision=7)
    applied = target.apply(DecideResult(max_workers=9, actions=[ScaleUpAction(count=2)]))
    looks(target, 6)
    before = len(target.workers)
    looks(target, 8)

    assert (0, ("it is carried out 7 s later",)) == (applied.up, applied.why)
    assert (1, 3) == (before, len(target.workers))
    assert [7.0, 7.0] == [life.started_at for life in target.lives()[1:]]
    assert [(START + 7, 2, "")] == [(moment, done.up, failure) for moment, done, failure in target.applied]


def test_a_late_decision_that_fails_is_contained():
    """What the target refuses when the time has come stops nothing; it is kept, with the reason."""
    target = Lagged(Cluster(workers=1, load=[[(5, 30)]], start=START), Lag(decision=10))
    (worker,) = target.workers
    target.apply(DecideResult(max_workers=9, actions=[ScaleDownAction(worker_id=worker.worker_id)]))
    looks(target, 20)

    assert 1 == len(target.workers)
    assert "is serving, and can't be removed" in target.applied[0][2]


def test_a_late_decision_about_a_worker_that_is_busy_by_now_lets_it_finish():
    """Where removal drains, a worker that has become busy finishes what it serves before it goes."""
    target = make(decision=10)
    (worker,) = target.workers
    target.apply(DecideResult(max_workers=9, actions=[ScaleDownAction(worker_id=worker.worker_id)]))
    looks(target, 12, 16)

    assert [15.0] == [life.ended_at for life in target.lives()]
    assert 1 == target.served().answered


def test_the_same_seed_loses_the_same():
    """Which observations are lost repeats with the seed."""
    lost = [[one.workers is None for one in looks(make(seed=seed, loss=0.5), *range(0, 600, 20))] for seed in (1, 1, 2)]

    assert lost[0] == lost[1] != lost[2]


@pytest.mark.parametrize(
    ("lag", "words"),
    [
        ({"observation": -1}, "observation: -1 is not a number of seconds of at least 0"),
        ({"loss": 1.1}, "loss: 1.1 is not a number from 0 to 1"),
        ({"decision": float("nan")}, "decision: nan is not a number of seconds of at least 0"),
    ],
)
def test_a_lag_that_can_not_be_is_refused(lag, words):
    """A number out of its bounds is one clear line."""
    with pytest.raises(ArgumentError, match=words):
        Lag(**lag)
