"""The scaler ``ray-serve``: what it desires, and how long it waits."""

from __future__ import annotations

from itertools import islice

import pytest
from everai_autoscaler_ray_serve import RayServeAutoScaler, at_once

from everai_autoscaler import Decider, Registry, run
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.testing import Clients, VirtualTarget, snapshot, worker

NOW = snapshot().observed_at
IDLE = {"idle_for": 900}


def asked(policy, *moments):
    """What *policy* starts, or removes as a negative number, at each of *moments*: seconds, and a snapshot's words."""
    memory, told = None, []
    for second, words in moments:
        result, memory = policy.decide_with_memory(snapshot(observed_at=NOW + second, **words), memory)
        told.append(result.up or -len(result.down))
    return told


@pytest.mark.parametrize(
    ("requests", "ready", "factors", "desired"),
    [
        (8, 2, {}, 4),
        (9, 2, {}, 5),
        (2, 4, {}, 1),
        (12, 2, {"upscaling_factor": 0.5}, 4),
        (2, 5, {"downscaling_factor": 0.5}, 3),
        (9, 5, {"downscaling_factor": 0.1}, 5),  # ceil(4.5) is 5: nothing to go down to
        (8, 5, {"downscaling_factor": 0.1}, 4),  # ceil(4.9) is 5, so that one is taken off
    ],
)
def test_ray_desires_the_ratio_of_ongoing_requests(requests, ready, factors, desired):
    """Ongoing requests over the target, the way there multiplied by the factor of its direction."""
    assert desired == RayServeAutoScaler(**factors).desired(requests, ready)


def test_ray_waits_for_its_delay_upwards():
    """Thirty seconds of more being desired start workers, for what is desired then."""
    moments = [(0, {"busy": 1}), *((second, {"waiting": 5, "busy": 1}) for second in (20, 40, 60))]

    assert [0, 0, 0, 2] == asked(RayServeAutoScaler(), *moments)


def test_ray_begins_to_wait_anew():
    """A look at which nothing else is desired resets the delay."""
    many, few = {"waiting": 5, "busy": 1}, {"waiting": 1, "busy": 1}

    assert [0, 0, 0, 0, 2] == asked(RayServeAutoScaler(), (0, many), (20, few), (40, many), (60, many), (80, many))


def test_ray_waits_ten_minutes_downwards():
    """Ten minutes of fewer being desired remove workers, but not the last one at once."""
    moments = [(second, {"free": 3, **IDLE}) for second in (0, 20, 580, 600)]

    assert [0, 0, 0, -2] == asked(RayServeAutoScaler(min_workers=0), *moments)


def test_ray_averages_over_its_look_back():
    """What was 20 s ago counts as much as now; what was 40 s ago doesn't."""
    past = {"queue_histories": {20: {}, 40: {"WorkerBusy": 90}}, "worker_histories": {20: {"Busy": 1}, 40: {}}}
    result = RayServeAutoScaler(upscale_delay=0).decide(snapshot(waiting=8, busy=1, **past))

    assert 2 == result.up
    assert result.reasons[0].why.startswith("5 requests over 30 s")


def test_ray_starts_from_zero_at_once():
    """Without a replica one is started without delay."""
    assert [1] == asked(RayServeAutoScaler(min_workers=0), (0, {"waiting": 9}))


def test_the_last_worker_has_a_delay_of_its_own():
    """To none it goes from one only, after the delay that is given for that."""
    policy = RayServeAutoScaler(min_workers=0, downscale_delay=10, downscale_to_zero_delay=60)
    three, one = {"free": 3, **IDLE}, {"free": 1, **IDLE}

    assert [0, -2, 0, 0, -1] == asked(policy, (0, three), (10, three), (20, one), (79, one), (80, one))


@pytest.mark.parametrize(("aggregation", "told"), [("mean", "4"), ("max", "6"), ("min", "2")])
def test_the_look_back_becomes_one_number(aggregation, told):
    """The mean of the moments, the largest or the smallest."""
    past = {"queue_histories": {10: {"WorkerBusy": 5}, 20: {}}, "worker_histories": {10: {"Busy": 1}, 20: {"Busy": 4}}}
    result = RayServeAutoScaler(aggregation=aggregation).decide(snapshot(waiting=1, busy=1, **past))

    assert result.reasons[0].why.startswith(f"{told} requests over 30 s")


def test_it_begins_with_the_initial_workers():
    """Where nothing is remembered, as many are wanted as it is told to begin with; later they go like any others."""
    policy = RayServeAutoScaler(initial_workers=3, downscale_delay=60)
    moments = [(0, {"free": 1}), *((second, {"free": 3, **IDLE}) for second in (20, 60))]

    assert [2, 0, -2] == asked(policy, *moments)


def test_requests_at_once_are_known_now_and_earlier():
    """Those that wait and those that are served, by age; each busy worker of the past as many as one serves now."""
    past = {"queue_histories": {20: {"WorkerBusy": 2}, 40: {}}, "worker_histories": {20: {"Busy": 3}}}
    several = [worker("a", "Busy", current_request=6), worker("b", "Busy", current_request=2)]

    assert {0: 3.0, 20: 5.0} == at_once(snapshot(waiting=1, busy=2, **past))
    assert {0: 8.0, 20: 14.0} == at_once(snapshot(workers=several, **past))
    assert at_once(snapshot(waiting=None, busy=2)) is None


@pytest.mark.parametrize("unknown", [{"waiting": None}, {"workers": None}])
def test_not_known_holds_and_forgets_nothing(unknown):
    """Where the queue or the workers aren't known nothing is done, and what was remembered stays."""
    memory = {"target": 4, "side": 1, "since": NOW - 20}
    result, remembered = RayServeAutoScaler().decide_with_memory(snapshot(**unknown), memory)

    assert (True, [], memory) == (result.held, result.actions, remembered)


def test_an_unknown_aggregation_is_one_line():
    """What isn't accepted is named, with what is."""
    with pytest.raises(ArgumentError, match="aggregation 'median' is not one of max, mean, min"):
        RayServeAutoScaler(aggregation="median")


@pytest.mark.parametrize("memory", ["nonsense", 7, [], {"target": "x"}, {"target": 2, "side": 0, "since": None}])
def test_a_memory_that_it_did_not_write_does_no_harm(memory):
    """Another policy's memory is as good as none."""
    factors = snapshot(waiting=3, busy=2)

    assert RayServeAutoScaler().decide(factors) == RayServeAutoScaler().decide_with_memory(factors, memory)[0]


def test_a_clock_that_was_set_back_begins_the_delay_anew():
    """A delay that began later than now begins now."""
    later = {"target": 1, "side": 1, "since": NOW + 9000}
    _, memory = RayServeAutoScaler().decide_with_memory(snapshot(waiting=9, busy=1), later)

    assert {"target": 1, "side": 1, "since": NOW} == memory


def test_constant_load_never_flaps():
    """Eight clients get four workers at two requests for each, and from then on nobody comes or goes."""
    target = VirtualTarget(workers=1, cold_start=15, load=[Clients(8, service_time=7)])

    ticks = list(islice(run(target, Decider(RayServeAutoScaler()), interval=10, clock=target.clock), 100))

    assert 4 == len(target.workers)
    assert [] == [tick.result.actions for tick in ticks[20:] if tick.result.actions]


def test_it_is_found_by_its_name():
    """Once the distribution is installed, a Decider knows the scaler by name, and reads text arguments."""
    decider = Decider("ray-serve", {"upscale_delay": "0"}, registry=Registry.installed())

    assert 1 == decider.decide(snapshot(waiting=3, busy=1)).up
