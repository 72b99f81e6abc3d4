"""Numbers over time in columns, without losing what is paid or the most at once."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.simulator.plots.levels import counts, level, quantiles, thinned, united

MOMENTS = st.floats(0, 100, allow_nan=False).map(lambda moment: round(moment, 2))
SPANS = st.lists(st.tuples(MOMENTS, MOMENTS).map(sorted), max_size=30)


@given(SPANS, st.integers(1, 40))
@settings(max_examples=60)
def test_the_area_is_what_is_paid(spans, columns):
    """The average of each column times its width comes to the seconds of all spans together."""
    found = level([start for start, _ in spans], [stop for _, stop in spans], end=100, columns=columns)

    paid = sum(stop - start for start, stop in spans)
    assert paid == pytest.approx(sum(found.mean) * 100 / columns, abs=1e-6)


@given(SPANS, st.integers(1, 40))
@settings(max_examples=60)
def test_no_peak_is_lost(spans, columns):
    """The most at once is in a column, however few of them there are."""
    found = level([start for start, _ in spans], [stop for _, stop in spans], end=100, columns=columns)

    here = [sum(a <= start < b for a, b in spans) for start, stop in spans if stop > start]
    assert max(here, default=0) == max(found.peak)


def test_a_peak_of_a_moment_is_in_its_column():
    """Five that are there for a hundredth of a second are seen in a picture of an hour."""
    found = level([1800.0] * 5, [1800.01] * 5, end=3600, columns=100)

    assert (50, 5) == (found.peak.index(5), max(found.peak))


def test_what_never_comes_is_not_there():
    """Moments that are NaN, or after the end, don't count; those before second 0 count from then on."""
    found = level([-60, math.nan, 200], [math.nan], end=100, columns=2)

    assert ([1.0, 1.0], [1, 1]) == (found.mean, found.peak)


def test_spans_that_overlap_are_one():
    """A worker with two requests at once is busy once."""

    assert ([0.0], [3.0]) == united([(0, 0.0, 2.0), (0, 1.0, 3.0)], end=10)


def test_counts_put_the_last_moment_into_the_last_column():
    """What comes at the very end is counted."""

    assert [0, 1] == counts([10], width=5, columns=2)


def test_quantiles_are_values_that_were_there():
    """The nearest rank, also of a single value; a column without any has none."""
    (half,) = quantiles([0, 9], [5, 7], [0.5], width=3, columns=4)

    assert "[5, nan, nan, 7]" == str(half)


def test_thinning_keeps_the_extent():
    """A million dots in one place are one; those elsewhere stay."""

    assert [(0.2, 0.2), (9, 9)] == thinned([(0.2, 0.2)] * 1000 + [(9, 9)])
