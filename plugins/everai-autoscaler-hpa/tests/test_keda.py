"""The scaler ``keda``: from none to one and back, and a HorizontalPodAutoscaler in between."""

from __future__ import annotations

import pytest
from everai_autoscaler_hpa import KedaAutoScaler

from everai_autoscaler import Decider, Registry
from everai_autoscaler.model import Signal
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


def test_all_workers_leave_after_the_cooldown():
    """KEDA goes from any number to none, whatever the windows remember."""
    idle = {"free": 3, **IDLE}

    assert [0, 0, -3] == asked(KedaAutoScaler(down_window=9000), (0, {"busy": 3}), (299, idle), (300, idle))


def test_below_the_activation_is_not_active():
    """A metric that isn't above the threshold starts nobody, and keeps nobody longer than the cooldown."""
    policy = KedaAutoScaler(activation=5, cooldown=60)

    assert [0, 1] == asked(policy, (0, {"waiting": 5}), (20, {"waiting": 6}))
    assert [0, -1] == asked(policy, (0, {"waiting": 5, "free": 1, **IDLE}), (60, {"waiting": 5, "free": 1, **IDLE}))


def test_between_none_and_one_the_other_rule_begins_anew():
    """What was recommended before the fleet went to zero is forgotten."""
    _, memory = KedaAutoScaler().decide_with_memory(snapshot(waiting=1), {"active_at": NOW - 9, "inside": {"most": []}})

    assert {"active_at": NOW, "inside": None} == memory


@pytest.mark.parametrize(
    ("policy", "words", "why"),
    [
        (KedaAutoScaler(), {"workers": None}, "the workers are not known"),
        (KedaAutoScaler(), {"waiting": None, "free": 2, **IDLE}, "the metric, requests, is not known"),
        (KedaAutoScaler(metric="lag"), {"free": 2, **IDLE}, "the metric, lag, is not known"),
    ],
)
def test_not_known_holds(policy, words, why):
    """Where the workers or the metric aren't known, nothing is done."""
    result, memory = policy.decide_with_memory(snapshot(**words), {"active_at": 1.0, "inside": None})

    assert (True, why, {"active_at": 1.0, "inside": None}) == (result.held, result.reasons[0].why, memory)


def test_a_signal_wakes_it_too():
    """The metric may be a signal."""
    policy = KedaAutoScaler(metric="lag", target=10)

    assert 1 == policy.decide(snapshot(waiting=0, signals={"lag": Signal(value=90, age=1)})).up


def test_it_is_found_by_its_name():
    """Once the distribution is installed, a Decider knows the scaler by name."""
    assert 1 == Decider("keda", registry=Registry.installed()).decide(snapshot(waiting=3)).up
