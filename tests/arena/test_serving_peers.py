"""The rules of Ray Serve, SkyServe, Dynamo and beta9, as published."""

from __future__ import annotations

import pytest

from benchmarks.arena.peers.beta9 import Beta9AutoScaler
from benchmarks.arena.peers.dynamo import DynamoAutoScaler
from benchmarks.arena.peers.ray_serve import RayServeAutoScaler
from benchmarks.arena.peers.skyserve import SkyServeAutoScaler
from everai_autoscaler.testing import snapshot

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


@pytest.mark.parametrize(("arrivals", "wanted"), [(0, 1), (149, 1), (150, 1), (151, 2), (300, 2), (301, 3)])
def test_skyserve_has_a_worker_for_each_rate(arrivals, wanted):
    """The target is the arrivals of a minute over 60 s over the rate of a replica, rounded up."""
    _, memory = SkyServeAutoScaler(upscale_delay=20).decide_with_memory(
        snapshot(observed_at=NOW, busy=1, arrivals=arrivals), None
    )

    assert wanted == memory["target"]


def test_skyserve_waits_for_fifteen_looks_upwards():
    """The 15th look in a row at which more are wanted (300 s at 20 s) sets the target."""
    enough, more = {"busy": 1, "arrivals": 0}, {"busy": 1, "arrivals": 100}
    moments = [(0, enough), (20, more), *((20 * look, more) for look in range(2, 18))]

    assert [0] * 16 + [1] == asked(SkyServeAutoScaler(), *moments)[:17]


def test_skyserve_waits_for_sixty_looks_downwards():
    """The 60th look in a row at which fewer are wanted (1200 s) sets the target."""
    moments = [(20 * look, {"free": 2, **IDLE, "arrivals": 0}) for look in range(61)]

    assert 59 == asked(SkyServeAutoScaler(), *moments).index(-1)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ({"waiting": 1, "busy": 2}, 1),  # 150 %
        ({"waiting": 50, "busy": 2}, 1),
        ({"busy": 2}, 0),  # 100 %
        ({"busy": 3, "free": 2, **IDLE}, 0),  # 60 %
        ({"busy": 1, "free": 1, **IDLE}, -1),  # 50 %
        ({"free": 1, **IDLE}, 0),  # the last one stays
        ({"waiting": 50, "busy": 2, "inflight": 1}, 0),  # a change is in progress
        ({"waiting": 1}, 1),
    ],
)
def test_dynamo_changes_by_one(words, change):
    """One more above 100 % load, one fewer below 60 %, nothing while a change is in progress."""
    assert [change] == asked(DynamoAutoScaler(), (0, words))


@pytest.mark.parametrize(
    ("tasks", "words", "change"),
    [
        (1, {"waiting": 4, "busy": 1}, 4),
        (2, {"waiting": 4, "busy": 1}, 2),
        (3, {"waiting": 6}, 2),
        (1, {"free": 2, "idle_for": 179}, 0),
        (1, {"free": 2, "idle_for": 180}, -2),
        (1, {"busy": 1, "free": 2, "idle_for": 180}, -2),
        (1, {}, 0),
    ],
)
def test_beta9_has_a_container_for_each_so_many_tasks(tasks, words, change):
    """Tasks in flight over the tasks for each container, rounded up; who served within 180 s stays warm."""
    assert [change] == asked(Beta9AutoScaler(tasks_per_container=tasks), (0, words))
