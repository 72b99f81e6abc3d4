"""The scaler ``backlog``: what it wants, what it leaves alone, and how it lives."""

from __future__ import annotations

from itertools import islice

import pytest
from everai_autoscaler_backlog import BacklogAutoScaler
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import Decider, Registry, run
from everai_autoscaler.testing import Clients, VirtualTarget, snapshot, worker

TEN_SECONDS_EACH = BacklogAutoScaler(drain_time=30, service_time=10, max_workers=20)


@pytest.mark.parametrize(
    ("waiting", "busy", "free", "inflight", "up"),
    [
        (8, 1, 0, 0, 3),  # 80 s of work are 2.67 workers for 30 s
        (9, 1, 0, 0, 3),  # 90 s are exactly 3
        (10, 1, 0, 0, 4),
        (1, 4, 0, 0, 1),
        (3, 0, 0, 0, 1),
        (8, 1, 1, 0, 2),  # the free one is one of the three
        (8, 1, 0, 2, 1),  # and so are those on their way
        (8, 1, 1, 2, 0),
        (0, 4, 0, 0, 0),
        (1000, 1, 0, 0, 19),
    ],
)
def test_it_starts_what_drains_the_queue_in_time(waiting, busy, free, inflight, up):
    """Beside the busy workers there are as many as do the waiting work within the drain time."""
    result = TEN_SECONDS_EACH.decide(snapshot(waiting=waiting, busy=busy, free=free, inflight=inflight))

    assert up == result.up
    assert () == result.down


@pytest.mark.parametrize(
    ("arrivals", "histories", "up"),
    [
        (None, {20: {}}, 3),  # not known: the four are kept busy, and 2.67 more
        (8, {}, 3),
        (8, {20: {}, 40: {}}, 3),  # 0.4 a second at 10 s each keep four busy
        (40, {20: {}}, 3),  # more than are busy aren't kept busy
        (4, {20: {}}, 1),  # two
        (0, {20: {}}, 0),  # a burst that came alone: four drain it in 20 s
        (0, {0: {}, 20: {}}, 0),
    ],
)
def test_arrivals_say_how_many_are_kept_busy(arrivals, histories, up):
    """Where the arrival rate is known, workers that it doesn't keep busy help to drain the queue."""
    factors = snapshot(waiting=8, busy=4, arrivals=arrivals, queue_histories=histories)

    assert up == TEN_SECONDS_EACH.decide(factors).up


def test_workers_that_serve_several_at_once_drain_faster():
    """Eight at once need an eighth of the workers: what the workers say wins over the argument."""
    silent = [worker(f"w{n}", "Busy") for n in range(2)]
    outspoken = [worker(f"w{n}", "Busy", concurrency=8) for n in range(2)]
    policy = BacklogAutoScaler(drain_time=30, service_time=10, concurrency=2, max_workers=100)

    assert 4 == policy.decide(snapshot(waiting=24, workers=silent)).up
    assert 1 == policy.decide(snapshot(waiting=24, workers=outspoken)).up


def test_the_service_time_is_the_mean_over_all_answers():
    """A worker that has answered 99 requests weighs 99 times as much as one that has answered one."""
    seasoned = worker("a", "Busy", average_response_time=1.0, number_of_successes=90, number_of_failures=9)
    fresh = worker("b", "Busy", average_response_time=101.0, number_of_successes=1)

    result = BacklogAutoScaler(drain_time=10, max_workers=50).decide(snapshot(waiting=20, workers=[seasoned, fresh]))

    assert 4 == result.up  # 20 requests at 2 s each within 10 s
    assert "20 waiting at 2 s each" in result.reasons[0].why


def test_without_a_reported_service_time_it_holds():
    """Workers that have answered nothing yet say nothing about how long a request takes."""
    new = worker("a", "Busy", average_response_time=0.0, number_of_successes=0)

    result = BacklogAutoScaler().decide(snapshot(waiting=50, workers=[new]))

    assert result.held
    assert "50 waiting, but no worker has reported how long a request takes" == result.reasons[0].why


def test_the_first_request_wakes_one_worker():
    """From zero anything that waits starts a worker, although no service time is known."""
    result = BacklogAutoScaler(min_workers=0).decide(snapshot(waiting=50))

    assert 1 == result.up


@pytest.mark.parametrize(
    ("factors", "why"),
    [
        (snapshot(waiting=8, workers=None), "the workers are not known"),
        (snapshot(waiting=None, free=3, idle_for=900), "the queue is not known"),
    ],
)
def test_not_known_holds(factors, why):
    """Where the workers or the queue aren't known, it does nothing and says so."""
    result = BacklogAutoScaler().decide(factors)

    assert (True, []) == (result.held, result.actions)
    assert why == result.reasons[0].why


def test_the_minimum_is_kept_whatever_the_queue_does():
    """Below the minimum it starts workers also where the queue isn't known."""
    assert 2 == BacklogAutoScaler(min_workers=3).decide(snapshot(waiting=None, free=1)).up


def test_idle_workers_go_when_nothing_waits():
    """Those that have been idle for long enough go, the newest first; the busy ones and the minimum stay."""
    policy = BacklogAutoScaler(min_workers=2, max_idle_time=60)

    assert ("free-3", "free-2") == policy.decide(snapshot(busy=1, free=3, idle_for=60)).down
    assert () == policy.decide(snapshot(busy=1, free=3, idle_for=59)).down


def test_nobody_goes_while_anything_waits():
    """A queue that few would drain in time is no reason to remove idle workers, nor those that start."""
    assert [] == TEN_SECONDS_EACH.decide(snapshot(waiting=1, free=4, idle_for=900)).actions
    assert [] == TEN_SECONDS_EACH.decide(snapshot(waiting=1, free=1, inflight=4)).actions


def test_workers_on_their_way_are_not_called_off():
    """A queue that is empty for a moment doesn't undo what the one before asked for."""
    assert [] == TEN_SECONDS_EACH.decide(snapshot(waiting=0, busy=2, inflight=3)).actions


def test_a_maximum_that_was_lowered_wins():
    """Above the maximum idle workers go, also while something waits."""
    policy = BacklogAutoScaler(service_time=10, max_workers=2)

    assert ("free-4", "free-3") == policy.decide(snapshot(waiting=1, free=4, idle_for=900)).down


def test_a_worker_that_never_becomes_ready_is_given_up():
    """Past the start-up limit a worker is no capacity on its way: another is started, and then it goes."""
    stuck = worker("stuck", "Inflight", started_ago=601)

    more = TEN_SECONDS_EACH.decide(snapshot(waiting=3, busy=1, workers=[stuck]))
    enough = TEN_SECONDS_EACH.decide(snapshot(waiting=3, busy=1, inflight=1, workers=[stuck]))
    none_waits = TEN_SECONDS_EACH.decide(snapshot(waiting=0, busy=1, inflight=1, workers=[stuck]))

    assert (1, ()) == (more.up, more.down)
    assert (0, ("stuck",)) == (enough.up, enough.down)
    assert (0, ("stuck",)) == (none_waits.up, none_waits.down)
    assert "gives up stuck: starting for longer than 600 s" == enough.reasons[0].why


def test_a_worker_that_never_becomes_ready_makes_room():
    """At the maximum it goes, so that another can take its place."""
    stuck = worker("stuck", "Inflight", started_ago=601)

    result = BacklogAutoScaler(service_time=10, max_workers=2).decide(snapshot(waiting=50, busy=1, workers=[stuck]))

    assert ("stuck",) == result.down


def test_a_worker_that_never_becomes_ready_goes_without_a_service_time_too():
    """Where the rule can't tell how many are wanted, those that are stuck go, and nobody else comes or goes."""
    workers = [worker("new", "Free", average_response_time=0.0), worker("stuck", "Inflight", started_ago=601)]

    result = BacklogAutoScaler(max_workers=5).decide(snapshot(waiting=50, workers=workers))

    assert (0, ("stuck",)) == (result.up, result.down)


def test_a_starting_worker_in_a_session_stays():
    """Nobody who may not be removed is given up."""
    pinned = worker("pinned", "Inflight", started_ago=601, number_of_sessions=1)

    assert () == TEN_SECONDS_EACH.decide(snapshot(waiting=3, busy=1, workers=[pinned])).down


@given(
    waiting=st.integers(1, 10**6),
    busy=st.integers(0, 9),
    service_time=st.floats(0.01, 1e4),
    drain_time=st.floats(0.1, 1e4),
)
def test_one_worker_fewer_would_be_late(waiting, busy, service_time, drain_time):
    """What it wants drains the queue in time, and one worker fewer doesn't, unless it is the only one."""
    policy = BacklogAutoScaler(
        service_time=service_time, drain_time=drain_time, min_workers=0, max_workers=10**12, max_idle_time=0
    )

    result = policy.decide(snapshot(waiting=waiting, busy=busy))

    work = waiting * service_time
    assert result.up * drain_time >= work * (1 - 1e-6)
    assert 1 == result.up or (result.up - 1) * drain_time < work * (1 + 1e-6)


def test_a_burst_is_drained_in_time():
    """Sixty requests of 10 s at once are under way within a minute, a cold start and a tick."""
    target = VirtualTarget(workers=1, cold_start=15, load=[[(1.0, 10.0)] * 60])
    policy = BacklogAutoScaler(drain_time=60, service_time=10, max_workers=20)

    ticks = list(islice(run(target, policy, interval=20, clock=target.clock), 15))

    assert 11 == max(len(tick.factors.workers) for tick in ticks)
    assert (60, 60) == (target.served().came, target.served().answered)
    assert target.served().max_wait <= 60 + 15 + 20
    assert 1 == len(target.workers)


def test_constant_load_never_flaps():
    """Four clients get four workers, and from then on nobody comes or goes."""
    target = VirtualTarget(workers=1, cold_start=15, load=[Clients(4, service_time=7)])
    policy = BacklogAutoScaler(service_time=7, max_workers=20)

    ticks = list(islice(run(target, policy, interval=20, clock=target.clock), 100))

    assert 4 == len(target.workers)
    assert [] == [tick.result.actions for tick in ticks[10:] if tick.result.actions]


def test_it_is_found_by_its_name():
    """Once the distribution is installed, a Decider knows the scaler by name, and reads text arguments."""
    decider = Decider("backlog", {"drain_time": "30", "service_time": "10"}, registry=Registry.installed())

    assert 3 == decider.decide(snapshot(waiting=9, busy=1)).up
