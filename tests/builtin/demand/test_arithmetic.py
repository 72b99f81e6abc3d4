"""The arithmetic of demand: against sums by hand, and at its edges."""

from __future__ import annotations

from math import ceil, exp, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.builtin.demand.arithmetic import NOTHING, ahead, decayed, workers_for

FUNCTIONS = {
    decayed: [(4.0, 7.0, 5.0, 12.0), (0.0, 0.0, 20.0, 0.5), (3.0, 2.0, 0.0, 4.0)],
    ahead: [(8.0, 0.5, 10.0, 35.0), (0.0, 2.0, 0.1, 600.0)],
    workers_for: [(1.3, 1.5, 0.0, 3.2), (1.0, 0.0, 1.0, NOTHING), (1.0, 0.0, 0.0, 3.0000000001)],
}


def test_arrivals_count_by_their_age() -> None:
    """Evenly spread arrivals count as the sum of what each has decayed to."""
    each = [exp(-(age + 0.5) / 1000 * 30 / 8) for age in range(1000)]

    assert 4 * exp(-30 / 8) + 12 * sum(each) / 1000 == pytest.approx(decayed(4, 12, 30, 8), rel=1e-5)


def test_it_settles_at_the_rate_times_the_service_time() -> None:
    """Little's law: half a request a second at eight seconds each is four at once, whatever the step."""
    demand = 0.0
    for _ in range(100):
        demand = decayed(demand, 2.5, 5, 8)

    assert 4.0 == pytest.approx(demand)


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e5), st.floats(0.001, 1e4))
@settings(max_examples=50)
def test_demand_is_never_negative_and_never_more_than_there_is(
    demand: float, arrivals: float, seconds: float, service_time: float
) -> None:
    """It lies between nothing and all that came."""
    assert 0 <= decayed(demand, arrivals, seconds, service_time) <= (demand + arrivals) * (1 + 1e-12)


def test_arrivals_of_no_time_are_added() -> None:
    """Two snapshots of one moment don't divide by nothing."""
    assert 5.0 == decayed(3, 2, 0, 10)


@given(st.floats(0, 1e4), st.floats(0, 100), st.floats(0.001, 1e4), st.floats(0, 1e4))
@settings(max_examples=50)
def test_what_is_ahead_lies_between_now_and_the_settled_value(
    present: float, rate: float, service_time: float, horizon: float
) -> None:
    """The forecast goes from the one to the other and never beyond."""
    low, high = sorted([present, rate * service_time])

    assert low * (1 - 1e-9) <= ahead(present, rate, service_time, horizon) <= high * (1 + 1e-9)


@pytest.mark.parametrize(
    ("workers", "a", "b", "h", "value"),
    [
        (7, 1.3, 1.5, 0, 3.2),
        (3, 1, 0, 0, 3.0000000001),
        (4, 1, 0, 0, 3.001),
        (1, 1, 0, 0, 0.03),
        (0, 10, 10, 100, NOTHING),
        (0, 0, 0, 0, 5),
        (11, 1, 0, 1, 10),
        (100_000_000, 1, 0, 0, 100_000_000.01),
    ],
)
def test_workers_are_whole(workers: int, a: float, b: float, h: float, value: float) -> None:
    """Rounded up, but for what is only the noise of floats."""
    assert workers == workers_for(a, b, h, value)


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 100), st.floats(0.021, 1e4))
@settings(max_examples=50)
def test_noise_is_all_that_is_lost(a: float, b: float, h: float, value: float) -> None:
    """It is the ceiling, or one less where that is a hair away."""
    exact = a * value + b * sqrt(value + 0.25) + h

    assert workers_for(a, b, h, value) in {ceil(exact), ceil(exact * (1 - 2e-9))}


@pytest.mark.slow
def test_a_compiler_takes_the_very_same_functions() -> None:
    """Numba compiles each as it is, and counts the same."""
    numba = pytest.importorskip("numba")
    wrong = []
    for function, calls in FUNCTIONS.items():
        compiled = numba.njit(function)
        wrong += [(function, call) for call in calls if compiled(*call) != pytest.approx(function(*call), rel=1e-15)]

    assert [] == wrong
