"""Axes: round numbers in units that a person would say."""

from __future__ import annotations

import pytest

from everai_autoscaler.simulator.plots.scale import (
    duration,
    log_scale,
    number_scale,
    step_near,
    time_ticks,
    time_unit,
    wait_scale,
)


@pytest.mark.parametrize(("span", "unit"), [(1, "s"), (180, "s"), (3500, "min"), (86400, "h"), (14 * 86400, "days")])
def test_the_unit_follows_the_length(span, unit):
    """A minute is written in seconds, a fortnight in days."""

    assert unit == time_unit(span)[1]


@pytest.mark.parametrize("span", [1e-3, 0.4, 3, 60, 181, 3500, 7e3, 86400, 3.1 * 86400, 1.2e6, 4e7, 3e9])
def test_a_time_axis_has_a_few_moments(span):
    """Neither a crowd of labels nor one alone, at any length."""
    moments = [moment for moment, _ in time_ticks(span)]

    assert 4 <= len(moments) <= 14
    assert moments[-1] <= span * 1.00001


@pytest.mark.parametrize("most", [0, 0.3, 1, 2, 7, 34, 1000, 123456])
def test_a_number_axis_holds_its_largest(most):
    """The largest number is inside, and whole numbers have whole ticks."""
    scale = number_scale(most)

    assert 0 <= scale.place(most) <= 1
    assert 2 <= len(scale.ticks) <= 6 or most == 0.3
    assert all("." not in label for _, label in scale.ticks)


def test_waits_far_above_the_limit_leave_the_limit_in_sight():
    """With waits of an hour a limit of 5 s isn't at the bottom."""
    scale = wait_scale(3600, 5)

    assert 0.1 < scale.place(5) < 0.25
    assert "1 h" == duration(3600)


def test_waits_near_the_limit_are_on_an_even_scale():
    """Twice as long stands twice as high."""
    scale = wait_scale(9, 5)

    assert 2 * scale.place(4) == pytest.approx(scale.place(8))


@pytest.mark.parametrize(("longest", "limit"), [(0, 0), (0, 5), (10, 0), (1e-9, 0), (1e7, 0.1)])
def test_any_wait_has_an_axis(longest, limit):
    """No wait at all, no limit, and years have one too."""
    scale = wait_scale(longest, limit)

    assert 0 <= scale.place(longest) <= 1
    assert scale.ticks


def test_a_logarithmic_axis_holds_both_ends():
    """The smallest and the largest are inside."""
    scale = log_scale(0.3, 4000)

    assert 0 < scale.place(0.3) < scale.place(4000) < 1


def test_steps_are_round():
    """Ones, twos and fives; on a clock minutes and hours."""

    assert (0.05, 20, 3600) == (step_near(0.04), step_near(11), step_near(2000, duration_like=True))
