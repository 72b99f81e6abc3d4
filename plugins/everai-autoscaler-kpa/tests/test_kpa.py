"""The scaler ``kpa``: its windows, its memory, and how it lives."""

from __future__ import annotations

from itertools import islice

import pytest
from everai_autoscaler_kpa import KpaAutoScaler
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import Decider, Registry, run
from everai_autoscaler.testing import Clients, VirtualTarget, snapshot, worker

STEADY = {"panicking_since": None, "most": 0, "idle_since": None}
NOW = snapshot().observed_at
ONE_EACH = KpaAutoScaler(target_utilization=1, max_workers=20)


def seen(history=None, **now):
    """A snapshot with so many busy workers and waiting requests at each age."""
    history = history or {}
    return snapshot(
        **now,
        queue_histories={age: {"WorkerBusy": waiting} for age, (_, waiting) in history.items()},
        worker_histories={age: {"Busy": busy} for age, (busy, _) in history.items()},
    )


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ({}, "4 requests at once over 60 s, 4 over 6 s"),
        ({20: (2, 0), 40: (0, 0)}, "2 requests at once over 60 s, 4 over 6 s"),
        ({20: (2, 0), 40: (1, 5)}, "4 requests at once over 60 s, 4 over 6 s"),
        ({6: (2, 0), 60: (0, 0)}, "2 requests at once over 60 s, 3 over 6 s"),
        ({61: (50, 50)}, "4 requests at once over 60 s, 4 over 6 s"),
    ],
)
def test_the_windows_average_what_was_served_and_what_waited(history, told):
    """Each window averages the requests at once over the moments that lie in it, now included."""
    result, _ = ONE_EACH.decide_with_memory(seen(history, waiting=1, busy=3), STEADY)

    assert result.reasons[0].why.startswith(told)


def test_a_moment_that_only_one_history_knows_is_left_out():
    """Requests at once are known where both the queue and the workers are."""
    factors = snapshot(busy=4, queue_histories={20: {}}, worker_histories={20: {"Busy": 2}, 40: {"Busy": 90}})

    result, _ = ONE_EACH.decide_with_memory(factors, STEADY)

    assert result.reasons[0].why.startswith("3 requests at once over 60 s")


def test_workers_that_serve_several_at_once_are_counted_by_requests():
    """Of the past only busy workers are known: each is taken to have served as many as one does now."""
    now = [worker("a", "Busy", current_request=6), worker("b", "Busy", current_request=2)]
    factors = snapshot(workers=now, queue_histories={20: {}}, worker_histories={20: {"Busy": 1}})

    result, _ = KpaAutoScaler(concurrency=8).decide_with_memory(factors, STEADY)

    assert result.reasons[0].why.startswith("6 requests at once over 60 s, 8 over 6 s, 5.6 for each worker")


@pytest.mark.parametrize(
    "factors",
    [
        snapshot(busy=1, workers=None),
        snapshot(waiting=None, free=3, idle_for=900, worker_histories={}),
        snapshot(free=3, idle_for=900, worker_histories=None),
        snapshot(free=3, idle_for=900, worker_histories={}, queue_histories=None),
    ],
)
def test_not_known_holds_and_forgets_nothing(factors):
    """Where something that it needs isn't known it does nothing, says so, and remembers what it remembered."""
    memory = {"panicking_since": NOW - 5, "most": 7, "idle_since": None}

    result, remembered = KpaAutoScaler().decide_with_memory(factors, memory)

    assert (True, [], memory) == (result.held, result.actions, remembered)
    assert result.reasons[0].why.endswith("not known")


def test_with_nothing_remembered_nobody_is_removed():
    """After a restart it panics over the workers that are there, as long as a stable window lasts."""
    idle = seen(free=5, idle_for=900)

    result, memory = KpaAutoScaler().decide_with_memory(idle, None)

    assert [] == result.actions
    assert {"panicking_since": NOW, "most": 5, "idle_since": None} == memory
    assert KpaAutoScaler().decide(idle) == result


def test_starting_workers_are_kept_after_a_restart_too():
    """Those on their way are among the workers that there are."""
    result, memory = KpaAutoScaler().decide_with_memory(seen(busy=2, inflight=3), None)

    assert ([], 5) == (result.actions, memory["most"])


def test_with_one_worker_it_starts_in_stable_mode():
    """One worker is no reason to panic (StartInPanicMode)."""
    assert KpaAutoScaler().decide_with_memory(seen(free=1), None)[1]["panicking_since"] is None
    assert KpaAutoScaler().decide_with_memory(seen(free=2), None)[1]["panicking_since"] is not None


def test_changed_arguments_keep_the_panic():
    """What is remembered doesn't depend on the arguments."""
    _, memory = KpaAutoScaler().decide_with_memory(seen(waiting=5, busy=1), STEADY)

    result, later = KpaAutoScaler(target_utilization=1, min_workers=0).decide_with_memory(seen(free=9), memory)

    assert (9, ()) == (memory["most"], result.down)
    assert memory["panicking_since"] == later["panicking_since"]


def test_the_last_worker_stays_for_the_grace_period():
    """Without a request in the stable window it goes to one worker, and half a minute later to none."""
    policy, memory, told = KpaAutoScaler(), STEADY, []
    for seconds in (0, 20, 29, 30):
        factors = seen(free=1, idle_for=900, observed_at=NOW + seconds)
        result, memory = policy.decide_with_memory(factors, memory)
        told.append(len(result.down))

    assert [0, 0, 0, 1] == told


def test_a_request_ends_the_grace_period():
    """The grace period begins anew when no worker is wanted again."""
    policy = KpaAutoScaler()
    _, memory = policy.decide_with_memory(seen(free=1), STEADY)
    _, after_a_request = policy.decide_with_memory(seen(busy=1), memory)

    assert (NOW, None) == (memory["idle_since"], after_a_request["idle_since"])


def test_from_zero_anything_that_waits_wakes_a_worker():
    """The first request is more than nothing at once."""
    assert 1 == ONE_EACH.decide(seen({20: (0, 0), 40: (0, 0)}, waiting=1)).up
    assert [] == ONE_EACH.decide(seen({20: (0, 0)})).actions


def test_the_minimum_is_kept_whatever_is_known():
    """Below the minimum it starts workers also where the queue isn't known."""
    assert 2 == KpaAutoScaler(min_workers=3).decide(snapshot(waiting=None, free=1)).up


def test_a_worker_that_never_becomes_ready_is_given_up():
    """Past the start-up limit a worker is none of those that a panic keeps: it goes when nobody is to be started."""
    stuck = worker("stuck", "Inflight", started_ago=601)

    more, _ = ONE_EACH.decide_with_memory(seen(waiting=1, busy=1, workers=[stuck]), STEADY)
    enough, memory = ONE_EACH.decide_with_memory(seen(busy=2, workers=[stuck]), None)

    assert (1, ()) == (more.up, more.down)
    assert (0, ("stuck",)) == (enough.up, enough.down)
    assert "gives up stuck: starting for longer than 600 s" == enough.reasons[0].why
    assert 2 == memory["most"]


@pytest.mark.parametrize("memory", ["nonsense", 7, [], {"panicking_since": "yesterday", "most": None}])
def test_a_memory_that_it_did_not_write_does_no_harm(memory):
    """Another policy's memory is read as far as it makes sense."""
    assert KpaAutoScaler().decide_with_memory(seen(busy=1), memory)[0].reasons


@given(waiting=st.integers(0, 50), more=st.integers(1, 50), ready=st.integers(0, 12), panicking=st.booleans())
def test_more_requests_never_want_fewer_workers(waiting, more, ready, panicking):
    """Whatever it remembers, more waiting asks for at least as many workers."""
    policy = KpaAutoScaler(max_workers=99)
    memory = {**STEADY, "panicking_since": NOW - 50 if panicking else None, "most": 3 if panicking else 0}

    few, many = (
        policy.decide_with_memory(seen({20: (1, 0)}, waiting=count, free=ready), memory)[0]
        for count in (waiting, waiting + more)
    )

    assert few.up - len(few.down) <= many.up - len(many.down)


def test_a_burst_comes_and_goes():
    """It panics with the burst, follows the stable average down, keeps the last worker a while, and goes to zero."""
    target = VirtualTarget(workers=1, cold_start=15, load=[Clients(8, service_time=4, start=10, stop=130)])
    decider = Decider(KpaAutoScaler(target_utilization=1))

    ticks = list(islice(run(target, decider, interval=20, clock=target.clock), 20))

    assert "" == "".join(tick.failure for tick in ticks)
    assert [1, 1, 8, 8, 8, 8, 8, 8, 6, 4, 2, 1, 1, 1, 0] == [len(tick.factors.workers) for tick in ticks[:15]]
    assert any("panicking" in str(tick.result.reasons[0]) for tick in ticks)
    assert 0 == len(target.workers)


def test_constant_load_never_flaps():
    """Four clients get six workers at a target of 70 %, and from then on nobody comes or goes."""
    target = VirtualTarget(workers=1, cold_start=15, load=[Clients(4, service_time=7)])
    decider = Decider(KpaAutoScaler())

    ticks = list(islice(run(target, decider, interval=20, clock=target.clock), 100))

    assert 6 == len(target.workers)
    assert [] == [tick.result.actions for tick in ticks[10:] if tick.result.actions]


def test_it_is_found_by_its_name():
    """Once the distribution is installed, a Decider knows the scaler by name, and reads text arguments."""
    decider = Decider("kpa", {"target_utilization": "1", "max_workers": "20"}, registry=Registry.installed())

    assert 3 == decider.decide(seen(waiting=3, busy=1)).up
