"""Knative's rules, by the cases and numbers of its own tests.

The facts are those of ``pkg/autoscaler/scaling/autoscaler_test.go`` in knative/serving; each test or row names its
case. Left out are excess burst capacity, requests per second and the scale-down delay, which aren't offered here.
"""

from __future__ import annotations

from math import inf

import pytest
from everai_autoscaler_kpa import KpaAutoScaler, Past

START = 1_720_000_000.0
TICK = 2.0


def knative(target: float = 10, **arguments: float) -> KpaAutoScaler:
    """The arguments that Knative's tests have unless they say otherwise."""
    usual = {"target_utilization": 1.0, "max_scale_up_rate": 10.0, "max_scale_down_rate": 10.0}
    return KpaAutoScaler(concurrency=target, **{**usual, **arguments})


PANICKING = Past(panicking_since=START - 5, most=5)


@pytest.mark.parametrize(
    ("case", "policy", "stable", "panic", "ready", "past", "wanted"),
    [
        ("AutoscalerNoDataAtZeroNoAutoscale", knative(), 0, 0, 1, Past(), 0),
        ("AutoscalerStableModeUnlimitedTBC", knative(181), 21, 26, 1, Past(), 1),
        ("Autoscaler0TBC", knative(), 50, 49, 1, Past(), 5),
        ("AutoscalerStableModeNoChange", knative(), 50, 50, 1, Past(), 5),
        ("AutoscalerPanicStableLargerThanPanic", knative(1), 50, 30, 5, PANICKING, 50),
        ("AutoscalerPanicStableLessThanPanic", knative(1), 20, 30, 5, PANICKING, 30),
        ("AutoscalerStableModeNoChangeAlreadyScaled", knative(), 50, 50, 5, Past(), 5),
        (
            "AutoscalerStableModeIncreaseWithSmallScaleUpRate",
            knative(1, max_scale_up_rate=1.1),
            3,
            3.1,
            2,
            Past(),
            3,
        ),
        (
            "AutoscalerStableModeDecreaseWithSmallScaleDownRate",
            knative(max_scale_down_rate=1.1),
            1,
            1,
            100,
            Past(),
            90,
        ),
        ("AutoscalerPanicModeDoublePodCount", knative(), 50, 100, 1, Past(), 10),
        ("AutoscalerStableModeIncreaseWithConcurrencyDefault", knative(), 50, 10, 1, Past(), 5),
        ("AutoscalerStableModeIncreaseWithConcurrencyDefault, 2", knative(), 100, 10, 1, Past(), 10),
        ("AutoscalerStableModeDecrease", knative(), 100, 100, 8, Past(), 10),
        ("AutoscalerStableModeDecrease, 2", knative(), 50, 50, 8, Past(), 5),
        ("AutoscalerStableModeNoTrafficScaleToZero", knative(), 1, 0, 1, Past(), 1),
        ("AutoscalerStableModeNoTrafficScaleToZero, 2", knative(), 0, 0, 1, Past(), 0),
        ("AutoscalerActivationScale", knative(activation_scale=2), 0, 0, 1, Past(), 0),
        ("AutoscalerActivationScale, 2", knative(activation_scale=2), 1, 0, 1, Past(), 2),
        ("AutoscalerRateLimitScaleUp", knative(), 1000, 1001, 1, Past(), 10),
        ("AutoscalerRateLimitScaleUp, 2", knative(), 1000, 1001, 10, Past(), 100),
        ("AutoscalerRateLimitScaleDown", knative(), 1, 1, 100, Past(), 10),
        ("AutoscalerRateLimitScaleDown, 2", knative(), 1, 1, 10, Past(), 1),
        ("AutoscalerUseOnePodAsMinimumIfEndpointsNotFound", knative(), 1000, 888, 0, Past(), 10),
        ("AutoscalerUpdateTarget", knative(), 100, 101, 1, Past(), 10),
        ("AutoscalerUpdateTarget, 2", knative(1), 100, 101, 10, Past(START, 10), 100),
    ],
)
def test_knatives_own_cases(case, policy, stable, panic, ready, past, wanted):
    """Each case of Knative's tests ends in the number of workers that is stated there."""
    assert wanted == policy.scale(stable, panic, ready, now=START, past=past)[0], case


def story(policy, *steps):
    """What is wanted at each step, and since when it panics, in seconds from the start."""
    past, told = Past(), []
    for seconds, ready, stable, panic in steps:
        wanted, past = policy.scale(stable, panic, ready, now=START + seconds, past=past)
        since = past.panicking_since
        told.append((wanted, None if since is None else since - START))
    return told


def test_exponential_track_and_stabilize():
    """Sixfold at every step: it follows at once, renews its panic each time, and then stays."""
    assert [(6, 0), (36, 0), (216, 1), (1296, 1), (1296, 1)] == story(
        knative(1), (0, 1, 6, 6), (0, 6, 36, 36), (1, 36, 216, 216), (1, 216, 1296, 1296), (2, 1296, 1296, 1296)
    )


def test_unpanic_after_slow_increase():
    """A panic that isn't renewed ends after the stable window, though there were ever more workers meanwhile."""
    assert [(25, 0), (41, 0), (50, None)] == story(
        knative(1), (0, 10, 11, 25), (30, 40, 30, 41), (60 + TICK, 55, 50, 56)
    )


def test_extend_panic_window():
    """A panic is renewed while the surge goes on."""
    assert [(25, 0), (80, 30)] == story(knative(1), (0, 10, 11, 25), (30, 40, 30, 80))


def test_panic_then_unpanic_scale_down():
    """While it panics it doesn't scale down; past the stable window it does."""
    assert [(10, 0), (100, 0), (100, 0), (1, None)] == story(
        knative(), (0, 1, 100, 100), (0, 10, 100, 1000), (30, 10, 1, 1), (61, 10, 1, 1)
    )


def test_a_panic_lasts_the_stable_window_to_the_second():
    """It ends after the window, not at its end."""
    assert [(10, 0), (10, 0), (1, None)] == story(knative(), (0, 1, 100, 100), (60, 10, 1, 1), (60.001, 10, 1, 1))


def test_a_new_panic_begins_from_nothing():
    """What an earlier panic wanted is forgotten with its end."""
    assert [(100, 0), (1, None), (4, 62)] == story(knative(), (0, 10, 100, 1000), (61, 10, 1, 1), (62, 1, 1, 40))


def test_a_share_of_a_request_too_many_is_no_worker():
    """21 requests at 0.7 a worker are 30 workers, though floating point makes a little more of it."""
    assert 30 == KpaAutoScaler().scale(21, 21, 30, now=START, past=Past())[0]


def test_the_defaults_are_knatives():
    """The defaults of ``config/core/configmaps/autoscaler.yaml``, where they exist here."""
    policy = KpaAutoScaler()

    assert (0.7, 60, 10, 200) == (
        policy.target_utilization,
        policy.stable_window,
        policy.panic_window_percentage,
        policy.panic_threshold_percentage,
    )
    assert (1000, 2, 1, 30, 0) == (
        policy.max_scale_up_rate,
        policy.max_scale_down_rate,
        policy.activation_scale,
        policy.scale_to_zero_grace_period,
        policy.min_workers,
    )


@pytest.mark.parametrize("rate", [1, 0.5, inf])
def test_rates_are_above_one(rate):
    """As in Knative, a rate of 1 or less isn't accepted; nor is one without end."""
    with pytest.raises(ValueError, match="max_scale_up_rate: "):
        KpaAutoScaler(max_scale_up_rate=rate)
