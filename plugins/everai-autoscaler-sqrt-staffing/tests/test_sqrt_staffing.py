"""The scaler ``sqrt-staffing``: where its load comes from, and how it lives."""

from __future__ import annotations

from itertools import accumulate, islice
from random import Random

import pytest
from everai_autoscaler_sqrt_staffing import SqrtStaffingAutoScaler, staff
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import Decider, Registry, run
from everai_autoscaler.testing import Clients, VirtualTarget, snapshot, worker


def seen(history, **now):
    """A snapshot with so many busy workers and waiting requests at each age."""
    return snapshot(
        **now,
        queue_histories={age: {"WorkerBusy": waiting} for age, (_, waiting) in history.items()},
        worker_histories={age: {"Busy": busy} for age, (busy, _) in history.items()},
    )


@pytest.mark.parametrize(
    ("history", "load"),
    [
        ({20: (4, 0)}, "4 over 20 s"),
        ({20: (2, 0), 40: (3, 0)}, "3 over 40 s"),
        ({20: (4, 3)}, "5.5 over 20 s"),  # what waits is load, too
        ({300: (6, 0)}, "5 over 300 s"),
        ({20: (4, 0), 301: (99, 99)}, "4 over 20 s"),
    ],
)
def test_the_load_is_the_mean_of_served_and_waiting(history, load):
    """Little's law: the mean of busy workers and waiting requests over the moments in the window, now included."""
    result = SqrtStaffingAutoScaler().decide(seen(history, busy=4))

    assert result.reasons[0].why.startswith(f"a load of {load}, and ")


def test_what_waits_now_is_load():
    """The present counts like each moment before."""
    result = SqrtStaffingAutoScaler().decide(seen({20: (4, 0)}, busy=4, waiting=2))

    assert result.reasons[0].why.startswith("a load of 5 over 20 s, and ")


def test_it_staffs_for_the_load():
    """Up to what the formula wants, free and starting workers counted, and at most to the maximum."""
    policy = SqrtStaffingAutoScaler(waiting_probability=0.1, max_workers=20)
    history = {20: (10, 0)}

    assert 16 == staff(10, 0.1)
    assert 6 == policy.decide(seen(history, busy=10)).up
    assert 1 == policy.decide(seen(history, busy=10, free=2, inflight=3)).up
    assert 10 == policy.decide(seen({20: (10, 50)}, busy=10)).up


def test_idle_workers_go_once_the_load_is_known_for_long_enough():
    """A load that is known for less than the idle time removes nobody."""
    policy = SqrtStaffingAutoScaler()

    long_known = policy.decide(seen({20: (0, 0), 60: (0, 0)}, free=3, idle_for=900))
    just_known = policy.decide(seen({59: (0, 0)}, free=3, idle_for=900))

    assert ("free-3", "free-2") == long_known.down
    assert (True, ()) == (just_known.held, just_known.down)
    assert "0 wanted, 3 there, but the load is known for only 59 s" == just_known.reasons[0].why


@pytest.mark.parametrize(
    ("factors", "why"),
    [
        (snapshot(busy=1, workers=None), "the workers are not known"),
        (seen({20: (1, 0)}, waiting=None, free=3), "the queue is not known"),
        (snapshot(busy=3, worker_histories=None), "how the queue and the workers have been is not known"),
        (snapshot(busy=3, worker_histories={}), "how the queue and the workers have been is not known"),
        (
            snapshot(busy=3, queue_histories=None, worker_histories={20: {"Busy": 9}}),
            "how the queue and the workers have been is not known",
        ),
        (
            snapshot(busy=3, queue_histories={20: {}}, worker_histories={40: {"Busy": 9}}),
            "how the queue and the workers have been is not known",
        ),
    ],
)
def test_not_known_holds(factors, why):
    """Where the workers, the queue or their past aren't known, it does nothing and says so."""
    result = SqrtStaffingAutoScaler().decide(factors)

    assert (True, []) == (result.held, result.actions)
    assert why == result.reasons[0].why


def test_the_minimum_is_kept_whatever_is_known():
    """Below the minimum it starts workers also where the queue isn't known."""
    assert 2 == SqrtStaffingAutoScaler(min_workers=3).decide(snapshot(waiting=None, free=1)).up


def test_anything_that_waits_wakes_the_first_worker():
    """From zero one worker is started for whatever waits, although the past isn't known."""
    assert 1 == SqrtStaffingAutoScaler(min_workers=0).decide(snapshot(waiting=7)).up


def test_workers_on_their_way_are_not_called_off():
    """A load that is a little less for a moment doesn't undo what the one before asked for."""
    assert [] == SqrtStaffingAutoScaler().decide(seen({20: (0, 0), 60: (0, 0)}, busy=1, inflight=4)).actions


def test_a_worker_that_never_becomes_ready_is_given_up():
    """Past the start-up limit a worker is replaced where the load needs it, and goes when nobody is to be started."""
    stuck = worker("stuck", "Inflight", started_ago=601)

    more = SqrtStaffingAutoScaler().decide(seen({20: (4, 0)}, busy=4, workers=[stuck]))
    enough = SqrtStaffingAutoScaler().decide(seen({20: (4, 0)}, busy=4, inflight=4, workers=[stuck]))

    assert (4, ()) == (more.up, more.down)
    assert (0, ("stuck",)) == (enough.up, enough.down)
    assert "gives up stuck: starting for longer than 600 s" == enough.reasons[0].why


@pytest.mark.parametrize("history", [{}, {20: (0, 0)}])
def test_a_worker_that_never_becomes_ready_goes_while_the_load_is_not_known(history):
    """Where the load isn't known, or not for long enough, those that are stuck go, and nobody else comes or goes."""
    stuck = worker("stuck", "Inflight", started_ago=601)

    result = SqrtStaffingAutoScaler().decide(seen(history, free=3, idle_for=900, workers=[stuck]))

    assert (0, ("stuck",)) == (result.up, result.down)


@given(waiting=st.integers(0, 50), more=st.integers(1, 50), free=st.integers(0, 12), reach=st.integers(1, 300))
def test_more_requests_never_want_fewer_workers(waiting, more, free, reach):
    """Whatever is there, more waiting asks for at least as many workers."""
    policy = SqrtStaffingAutoScaler(max_workers=99, min_workers=0)

    few, many = (
        policy.decide(seen({reach: (1, 0)}, waiting=count, free=free, idle_for=900))
        for count in (waiting, waiting + more)
    )

    assert few.up - len(few.down) <= many.up - len(many.down)


def test_constant_load_never_flaps():
    """Four clients are a load of four, and once the window knows only that, nobody comes or goes."""
    target = VirtualTarget(workers=1, cold_start=15, load=[Clients(4, service_time=7)])
    policy = SqrtStaffingAutoScaler()

    ticks = list(islice(run(target, policy, interval=20, clock=target.clock), 100))

    assert staff(4, policy.waiting_probability) == len(target.workers)
    assert [] == [tick.result.actions for tick in ticks[20:] if tick.result.actions]


def test_about_as_many_wait_as_may():
    """Under Poisson arrivals and exponential service times of a load of 10 about a tenth of the requests wait."""
    chance = Random(7)  # noqa: S311 - nobody is to be surprised
    times = accumulate(chance.expovariate(1.0) for _ in range(20_000))
    target = VirtualTarget(
        workers=16, cold_start=15, load=[[(time, chance.expovariate(0.1)) for time in times]], start=0
    )
    policy = SqrtStaffingAutoScaler(waiting_probability=0.1, max_workers=40, max_idle_time=0)

    for _ in islice(run(target, policy, interval=20, clock=target.clock), 1001):
        pass

    served = [request for request in target.requests if request.wait is not None][2000:]
    waited = sum(1 for request in served if request.wait > 0) / len(served)
    assert 0.06 < waited < 0.14


def test_it_is_found_by_its_name():
    """Once the distribution is installed, a Decider knows the scaler by name, and reads text arguments."""
    decider = Decider("sqrt-staffing", {"waiting_probability": "0.1"}, registry=Registry.installed())

    assert 4 == decider.decide(seen({20: (4, 0)}, busy=4)).up
