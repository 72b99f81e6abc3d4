"""The rules of Kubernetes' HorizontalPodAutoscaler and of KEDA, as published."""

from __future__ import annotations

import pytest

from benchmarks.arena.peers.hpa import HpaAutoScaler
from benchmarks.arena.peers.keda import KedaAutoScaler
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
    ("requests", "there", "wanted"),
    [
        (200, 1, 2),  # the documentation's example: 200m of a target of 100m doubles the replicas
        (50, 2, 1),  # and half of it halves them
        (109, 1, 1),  # a ratio of 1.09 is within the tolerance of 0.1
        (110, 1, 1),  # so is 1.1 itself
        (111, 1, 2),
        (90, 1, 1),
        (0, 3, 0),
        (1, 0, 1),
    ],
)
def test_hpa_recommends_the_ceiling_of_the_ratio(requests, there, wanted):
    """The recommendation is ceil(current x metric / target), and the present count within the tolerance."""
    assert wanted == HpaAutoScaler(target=100).recommended(requests, there)


@pytest.mark.parametrize(("before", "most"), [(1, 5), (3, 7), (4, 8), (5, 10), (40, 80)])
def test_hpa_starts_at_most_four_or_as_many_again(before, most):
    """In one period the workers become at most twice as many, or four more: the larger of both."""
    assert most == HpaAutoScaler().highest(before)


def test_hpa_rises_in_steps():
    """Fifty requests on one worker are met by doubling: 1, 5, 10, 20."""
    steps = [
        (0, {"waiting": 49, "busy": 1}),
        (20, {"waiting": 45, "busy": 5}),
        (40, {"waiting": 40, "busy": 10}),
        (60, {"waiting": 30, "busy": 20}),
        (80, {"waiting": 10, "busy": 40}),
    ]

    assert [4, 5, 10, 20, 10] == asked(HpaAutoScaler(target=1, max_workers=50), *steps)


def test_hpa_counts_what_it_started_within_the_period():
    """Two looks within 15 s share one period."""
    twice = [(0, {"waiting": 49, "busy": 1}), (10, {"waiting": 49, "busy": 1, "inflight": 4})]

    assert [4, 0] == asked(HpaAutoScaler(target=1, max_workers=50), *twice)


def test_hpa_goes_down_to_the_highest_wish_of_five_minutes():
    """Idle workers leave only when the last higher recommendation is 300 s old."""
    moments = [(0, {"waiting": 0, "busy": 3}), *((second, {"free": 3, **IDLE}) for second in (20, 280, 299, 300))]

    assert [0, 0, 0, 0, -2] == asked(HpaAutoScaler(target=1), *moments)


def test_hpa_kills_nobody_at_work():
    """Where all are busy, nobody leaves, however few are wanted."""
    moments = [(second, {"busy": 3}) for second in (0, 301, 602)]

    assert [0, 0, 0] == asked(HpaAutoScaler(target=3), *moments)


@pytest.mark.parametrize("unknown", [{"waiting": None}, {"workers": None}])
@pytest.mark.parametrize("policy", [HpaAutoScaler(), KedaAutoScaler()])
def test_not_known_holds(policy, unknown):
    """Where the queue or the workers aren't known, nothing is done."""
    assert policy.decide(snapshot(**unknown)).held


@pytest.mark.parametrize(("waiting", "up"), [(0, 0), (1, 1), (100, 1)])
def test_keda_activates_one(waiting, up):
    """From zero, KEDA itself starts one worker, whatever the length of the queue."""
    assert [up] == asked(KedaAutoScaler(), (0, {"waiting": waiting}))


@pytest.mark.parametrize(("waiting", "up"), [(4, 0), (5, 1), (9, 1), (10, 2)])
def test_keda_has_a_worker_for_each_queue_length(waiting, up):
    """From one up, there is a worker for every five requests in flight."""
    assert [up] == asked(KedaAutoScaler(), (0, {"waiting": waiting, "busy": 1}))


def test_keda_goes_to_zero_after_the_cooldown():
    """The last worker leaves when nothing has been there for 300 s; a request in between begins anew."""
    idle = {"free": 1, **IDLE}
    moments = [(0, {"busy": 1}), (200, idle), (220, {"busy": 1}), (500, idle), (519, idle), (520, idle)]

    assert [0, 0, 0, 0, 0, -1] == asked(KedaAutoScaler(), *moments)


def test_keda_with_a_minimum_stays():
    """Above a minimum of zero the cooldown has no say."""
    idle = {"free": 1, **IDLE}

    assert [0, 0] == asked(KedaAutoScaler(min_workers=1), (0, idle), (900, idle))
