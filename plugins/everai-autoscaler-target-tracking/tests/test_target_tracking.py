"""The scaler ``target-tracking``: what it does with what the rule wants."""

from __future__ import annotations

from itertools import islice

import pytest
from everai_autoscaler_target_tracking import TargetTrackingAutoScaler
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import Decider, Registry, run
from everai_autoscaler.model import Fleet
from everai_autoscaler.testing import Clients, VirtualTarget, snapshot, worker


@pytest.mark.parametrize(
    ("busy", "free", "inflight", "up", "down"),
    [
        (4, 0, 0, 1, 0),  # 100 % at a target of 80 %
        (4, 1, 0, 0, 0),  # just the target
        (4, 0, 1, 0, 0),  # the starting one will bring it there
        (2, 2, 0, 0, 1),  # 50 %: 3 are wanted
        (0, 3, 0, 0, 2),  # the minimum stays
        (20, 0, 0, 5, 0),
        (30, 0, 0, 0, 0),  # at the maximum
    ],
)
def test_it_goes_to_what_the_rule_wants(busy, free, inflight, up, down):
    """Up at once, down by free workers, between the minimum and the maximum."""
    policy = TargetTrackingAutoScaler(max_workers=30)

    result = policy.decide(snapshot(busy=busy, free=free, inflight=inflight, idle_for=60))

    assert (up, down) == (result.up, len(result.down))


def test_only_idle_workers_go():
    """A free worker stays until it has been idle for long enough."""
    policy = TargetTrackingAutoScaler(max_idle_time=60)

    assert () == policy.decide(snapshot(busy=2, free=2, idle_for=59)).down
    assert "; nobody may go yet" in policy.decide(snapshot(busy=2, free=2, idle_for=59)).reasons[0].why


def test_starting_workers_are_no_reason_to_go_down():
    """Within the tolerance without them, the workers that start don't make it too few."""
    busy = worker("a", "Busy", concurrency=20, current_request=19)

    wanted = TargetTrackingAutoScaler(target=1).wanted(
        Fleet.of(snapshot(workers=[busy, worker("b", "Inflight", concurrency=20)]))
    )

    assert 2 == wanted.count


def test_a_share_that_only_looks_like_more_starts_nobody():
    """Seven busy ones at 70 % are ten, though floating point makes a little more of it."""
    assert 10 == TargetTrackingAutoScaler(target=0.7).wanted(Fleet.of(snapshot(busy=7))).count


def test_a_busy_worker_with_one_place_needs_no_number():
    """Senders that leave out the requests in service are understood where a worker serves one at a time."""
    quiet = [worker(f"w{n}", "Busy", current_request=0) for n in range(4)]

    assert 5 == TargetTrackingAutoScaler().wanted(Fleet.of(snapshot(workers=quiet))).count
    assert TargetTrackingAutoScaler(concurrency=8).wanted(Fleet.of(snapshot(workers=quiet))).count is None


@pytest.mark.parametrize(
    ("factors", "why"),
    [
        (snapshot(busy=3, workers=None), "the workers are not known"),
        (snapshot(waiting=None, free=3, idle_for=900), "the queue is not known"),
        (snapshot(inflight=3), "no worker that is ready says how much of it is in use"),
    ],
)
def test_not_known_holds(factors, why):
    """Where something that it needs isn't known, it does nothing and says so."""
    result = TargetTrackingAutoScaler().decide(factors)

    assert (True, []) == (result.held, result.actions)
    assert why == result.reasons[0].why


def test_the_minimum_is_kept_whatever_is_known():
    """Below the minimum it starts workers also where the queue isn't known."""
    assert 2 == TargetTrackingAutoScaler(min_workers=3).decide(snapshot(waiting=None, free=1)).up


def test_anything_that_waits_wakes_the_first_worker():
    """From zero one worker is started for whatever waits, and none for nothing."""
    policy = TargetTrackingAutoScaler(min_workers=0)

    assert 1 == policy.decide(snapshot(waiting=7)).up
    assert [] == policy.decide(snapshot(waiting=0)).actions


def test_the_last_worker_stays_while_anything_waits():
    """An idle fleet goes to zero, but not while a request waits for a worker to take it."""
    policy = TargetTrackingAutoScaler(min_workers=0)

    assert 2 == len(policy.decide(snapshot(waiting=0, free=2, idle_for=60)).down)
    assert 1 == len(policy.decide(snapshot(waiting=1, free=2, idle_for=60)).down)


def test_a_worker_that_never_becomes_ready_is_given_up():
    """Past the start-up limit a worker doesn't count as idle: another is started, and then it goes."""
    workers = [worker("stuck", "Inflight", started_ago=601), *snapshot(busy=4).workers]

    more = TargetTrackingAutoScaler().decide(snapshot(workers=workers))
    enough = TargetTrackingAutoScaler().decide(snapshot(workers=workers, inflight=1))

    assert (1, ()) == (more.up, more.down)
    assert (0, ("stuck",)) == (enough.up, enough.down)
    assert "gives up stuck: starting for longer than 600 s" == enough.reasons[0].why
    assert "100 % of 4 workers in use, 1 starting, target 80 %, within 10 %" in enough.reasons[1].why


def test_a_worker_that_never_becomes_ready_goes_where_the_others_are_silent():
    """Where the rule can't tell how many are wanted, those that are stuck go, and nobody else comes or goes."""
    silent = [worker(name, "Busy", current_request=0) for name in "abc"]
    stuck = worker("stuck", "Inflight", started_ago=601)

    result = TargetTrackingAutoScaler(concurrency=8).decide(snapshot(workers=[*silent, stuck]))

    assert (0, ("stuck",)) == (result.up, result.down)


def test_a_starting_worker_in_a_session_is_one_of_those_there_are():
    """It may not go, and nobody goes in its stead."""
    pinned = worker("pinned", "Inflight", started_ago=601, number_of_sessions=1)

    assert [] == TargetTrackingAutoScaler().decide(snapshot(busy=4, free=1, idle_for=900, workers=[pinned])).actions


def test_the_reason_tells_of_workers_that_are_not_ready_and_not_known():
    """Whoever reads the sentence sees which workers were put into the sum."""
    workers = [worker(f"w{n}", "Busy", concurrency=4, current_request=4) for n in range(6)]
    workers += [worker("silent", "Busy", concurrency=4, current_request=0), worker("new", "Inflight", concurrency=4)]

    result = TargetTrackingAutoScaler(target=0.5, max_workers=20).decide(snapshot(workers=workers))

    assert 4 == result.up
    assert [
        "100 % of 6 workers in use, 1 silent, 1 starting, target 50 %: 12 wanted (1 to 20), 8 there",
    ] == [reason.why for reason in result.reasons]


ready = st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda pair: (min(pair), pair[1]))


@given(levels=st.lists(ready, min_size=1, max_size=12), starting=st.integers(0, 4), target=st.floats(0.05, 1))
def test_what_it_wants_is_enough_for_itself(levels, starting, target):
    """Where it wants other than what is there, and got it, the same load would not move it on in the same direction."""
    workers = [
        worker(f"w{n}", "Busy" if used else "Free", concurrency=8, current_request=used)
        for n, (used, _) in enumerate(levels)
    ]
    policy = TargetTrackingAutoScaler(target=target)
    starters = [worker(f"s{n}", "Inflight", concurrency=8) for n in range(starting)]

    wanted = policy.wanted(Fleet.of(snapshot(workers=workers + starters))).count

    used = sum(one.current_request for one in workers)
    if wanted > len(workers) + len(starters):
        assert used / (wanted * 8) <= target * (1 + 1e-6)
    if wanted < len(workers):
        assert wanted == 0 or used / ((wanted - 1) * 8 or 1e-9) > target * (1 - 1e-6)


def test_constant_load_never_flaps():
    """Four clients get five workers at a target of 80 %, and from then on nobody comes or goes."""
    target = VirtualTarget(workers=1, cold_start=15, load=[Clients(4, service_time=7)])
    policy = TargetTrackingAutoScaler()

    ticks = list(islice(run(target, policy, interval=20, clock=target.clock), 100))

    assert 5 == len(target.workers)
    assert [] == [tick.result.actions for tick in ticks[10:] if tick.result.actions]


def test_it_is_found_by_its_name():
    """Once the distribution is installed, a Decider knows the scaler by name, and reads text arguments."""
    decider = Decider("target-tracking", {"target": "0.5"}, registry=Registry.installed())

    assert 2 == decider.decide(snapshot(busy=3, free=1)).up
