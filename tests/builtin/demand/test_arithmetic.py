"""The arithmetic of demand: numbers by hand, and its edges."""

from __future__ import annotations

from math import ceil, exp, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.builtin.demand.arithmetic import NOTHING, ahead, faded, weight_in_service, workers_for

FUNCTIONS = {
    faded: [(0.0, 0.0, 10.0), (12.5, 20.0, 8.0)],
    weight_in_service: [(0.8, 4.0, 2.0, 1.5), (0.8, 0.0, 2.0, 1.5), (0.8, 2.0, 9.0, 1.5)],
    ahead: [(8.0, 0.5, 10.0, 35.0), (0.0, 2.0, 0.1, 600.0)],
    workers_for: [(1.3, 1.5, 0.0, 3.2), (1.0, 0.0, 1.0, NOTHING), (1.0, 0.0, 0.0, 3.0000000001)],
}


def test_what_waits_fades_with_its_wait() -> None:
    """A service time later it counts for 1/e."""
    assert (1.0, exp(-1), 0.0) == (faded(0, 0, 8), faded(8, 8, 8), faded(1e9, 2e9, 8))


def test_waits_that_are_spread_count_as_their_mean() -> None:
    """Against a sum of many; the smallest spread is no division by nothing."""
    assert sum(exp(-(5 + 0.01 * k + 0.005) / 8) for k in range(2000)) / 2000 == pytest.approx(faded(5, 25, 8))
    assert exp(-5 / 8) == pytest.approx(faded(5, 5 + 5e-324, 8))


@pytest.mark.parametrize(
    ("weight", "before", "served", "begun", "begun_weight"),
    [
        (1.0, 0.3, 0, 5, 2.0),
        (0.3, 0.3, 4, 0, 0.0),
        (0.75, 1.0, 4, 2, 1.0),
        (0.5, 0.9, 2, 10, 5.0),
        (1.0, 1.0, 3, 3, 3.0000001),
    ],
)
def test_what_a_request_in_service_counts_for(
    weight: float, before: float, served: float, begun: float, begun_weight: float
) -> None:
    """The mean of those that stayed and those that began; of these no more than are served."""
    assert weight == weight_in_service(before, served, begun, begun_weight)


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
