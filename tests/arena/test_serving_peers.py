"""The rules of SkyServe, Dynamo and beta9, as published."""

from __future__ import annotations

import pytest

from benchmarks.arena.peers.beta9 import Beta9AutoScaler
from benchmarks.arena.peers.dynamo import DynamoAutoScaler
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
