"""The exact optimum where nobody waits."""

from __future__ import annotations

import pytest
from brute_optimum import least_by_fleet, least_by_lives
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.simulator.workload import Workload

pytest.importorskip("numpy")
pytest.importorskip("highspy")

from everai_autoscaler.simulator.optimum import optimum

MOMENTS = st.integers(0, 12)
REQUESTS = st.lists(st.tuples(MOMENTS, st.integers(0, 5)), max_size=6).map(sorted)
LASTING = st.lists(st.tuples(MOMENTS, st.integers(1, 5)), max_size=6).map(sorted)


def _workload(requests) -> Workload:
    return Workload("tiny", [came for came, _ in requests], [service for _, service in requests])


@settings(max_examples=150, deadline=None)
@given(REQUESTS, st.integers(0, 6), st.integers(0, 2))
def test_it_is_the_least_over_all_lives_of_workers(requests, cold_start, workers):
    """On tiny workloads it is what trying every way to part the requests among workers finds."""
    best = optimum(_workload(requests), cold_start=cold_start, workers=workers)

    expected = least_by_lives(requests, cold_start=cold_start, workers=workers)
    assert (expected, expected) == (best.bound, best.schedule)


@settings(max_examples=150, deadline=None)
@given(LASTING, st.integers(0, 6), st.integers(0, 3), st.integers(0, 3))
def test_it_is_the_least_over_all_fleets(requests, cold_start, minimum, workers):
    """On tiny workloads it is what trying every number of workers in every second finds."""
    best = optimum(_workload(requests), cold_start=cold_start, minimum=minimum, workers=workers)

    expected = least_by_fleet(requests, cold_start=cold_start, minimum=minimum, workers=workers)
    assert (expected, expected) == (best.bound, best.schedule)


@pytest.mark.parametrize(
    ("second", "cost", "launches"),
    [(20, 20 + 40, 1), (39, 20 + 59, 1), (41, 20 + 60, 2), (1000, 20 + 60, 2)],
)
def test_a_gap_costs_the_smaller_of_itself_and_a_cold_start(second, cost, launches):
    """The worker is kept through a gap of 10 or 29 seconds, and launched again after 31."""
    best = optimum(Workload("two", [0, second], [10, 10]), cold_start=30)

    assert (cost, launches) == (best.schedule, best.launches)


def test_the_fleet_says_when_workers_come_and_go():
    """A worker is launched a cold start before it is needed, also before second 0."""
    best = optimum(Workload("three", [0, 5, 100], [10, 10, 10]), cold_start=30)

    assert ((-30, 1), (-25, 2), (10, 1), (15, 0), (70, 1), (110, 0)) == best.fleet


def test_what_the_fleet_costs_is_its_area():
    """Worker-seconds are the area under the fleet's steps."""
    best = optimum(Workload("four", [0, 1, 2, 90], [3, 9, 1, 4]), cold_start=7, minimum=1, workers=2)

    area = sum(there * (until - since) for (since, there), (until, _) in zip(best.fleet, best.fleet[1:], strict=False))
    assert area == best.schedule


def test_workers_that_are_ready_at_the_start_save_their_launch():
    """A worker that is ready at second 0 costs only its time."""
    best = optimum(Workload("two", [0, 5], [10, 10]), cold_start=30, workers=1)

    assert (50, 1) == (best.schedule, best.launches)


def test_an_empty_workload_costs_nothing():
    """Nothing comes, nothing is paid."""
    best = optimum(Workload("none", [], []))

    assert (0, 0, (), 0) == (best.bound, best.schedule, best.fleet, best.gap)
