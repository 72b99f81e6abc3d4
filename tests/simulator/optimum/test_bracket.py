"""The two limits where requests may wait, against trying everything."""

from __future__ import annotations

import random

import pytest
from brute_optimum import least_by_fleet, least_by_lives
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.simulator.optimum.static import static_fleet
from everai_autoscaler.simulator.workload import Workload

pytest.importorskip("numpy")
pytest.importorskip("highspy")

from everai_autoscaler.simulator.optimum import optimum

ROUNDING = 1e-9


def _workload(requests) -> Workload:
    return Workload("tiny", [came for came, _ in requests], [service for _, service in requests])


def _requests(most, *, shortest=0):
    return st.lists(st.tuples(st.integers(0, 12), st.integers(shortest, 5)), min_size=1, max_size=most).map(sorted)


@settings(max_examples=40, deadline=None)
@given(_requests(5), st.integers(1, 4), st.integers(0, 6), st.integers(1, 3), st.integers(0, 1))
def test_the_least_lies_between_them(requests, wait, cold_start, concurrency, workers):
    """What trying every way finds is at least the bound and at most the schedule."""
    best = optimum(_workload(requests), wait=wait, cold_start=cold_start, concurrency=concurrency, workers=workers)

    least = least_by_lives(requests, wait=wait, cold_start=cold_start, concurrency=concurrency, workers=workers)
    assert best.bound <= least + ROUNDING
    assert least <= best.schedule + ROUNDING


@settings(max_examples=25, deadline=None)
@given(_requests(4, shortest=1), st.integers(0, 3), st.integers(0, 6), st.integers(0, 2), st.integers(0, 2))
def test_the_least_with_a_minimum_lies_between_them(requests, wait, cold_start, minimum, workers):
    """A minimum, and workers that are ready at the start, are in both limits."""
    best = optimum(_workload(requests), wait=wait, cold_start=cold_start, minimum=minimum, workers=workers)

    least = least_by_fleet(requests, wait=wait, cold_start=cold_start, minimum=minimum, workers=workers)
    assert best.bound <= least + ROUNDING
    assert least <= best.schedule + ROUNDING


@settings(max_examples=25, deadline=None)
@given(_requests(3), st.integers(0, 3), st.integers(0, 6), st.integers(1, 2))
def test_the_least_with_late_requests_lies_between_them(requests, wait, cold_start, concurrency):
    """One request that may be late, and is served all the same, is in both limits."""
    share = 1 - 1 / len(requests)
    best = optimum(_workload(requests), wait=wait, share=share, cold_start=cold_start, concurrency=concurrency)

    late = best.question.may_be_late
    least = least_by_lives(requests, wait=wait, late=late, cold_start=cold_start, concurrency=concurrency)
    assert best.bound <= least + ROUNDING
    assert least <= best.schedule + ROUNDING
    assert best.late <= late


@pytest.mark.parametrize("seed", range(20))
def test_the_static_fleet_where_nobody_waits_is_the_one_that_trying_finds(seed):
    """As many workers as requests are ever served at once, with and without a minimum and workers that are ready."""
    draw = random.Random(seed)
    requests = sorted((draw.randint(0, 9), draw.randint(seed % 2, 4)) for _ in range(draw.randint(0, 12)))
    options = {"cold_start": 3, "minimum": draw.randint(0, 3), "workers": draw.randint(0, 3)}
    workload = _workload(requests)

    best = optimum(workload, **options)

    assert static_fleet(workload, best.question) == (best.static, best.static_cost)


@pytest.mark.slow
def test_the_least_lies_between_them_on_hundreds():
    """On hundreds of seeded workloads of all kinds the limits hold, and are near on average."""
    draw = random.Random("brackets")
    near = []
    for _ in range(200):
        requests = sorted((draw.randint(0, 15), draw.randint(0, 5)) for _ in range(draw.randint(1, 5)))
        wait, cold_start, concurrency = draw.randint(0, 4), draw.randint(1, 6), draw.choice([1, 1, 2])
        share = 0.7 if len(requests) == 4 and draw.random() < 0.5 else 1.0
        best = optimum(_workload(requests), wait=wait, share=share, cold_start=cold_start, concurrency=concurrency)
        least = least_by_lives(
            requests,
            wait=wait,
            late=best.question.may_be_late,
            cold_start=cold_start,
            concurrency=concurrency,
        )
        assert best.bound - ROUNDING <= least <= best.schedule + ROUNDING, (requests, best)
        near.append((best.bound / least, best.schedule / least))

    assert 0.75 < sum(bound for bound, _ in near) / len(near)
    assert 1.1 > sum(schedule for _, schedule in near) / len(near)


def _busy(requests, seed="busy") -> Workload:
    draw = random.Random(seed)
    arrivals = sorted(draw.uniform(0, 1.5 * requests) for _ in range(requests))
    return Workload("busy", arrivals, [draw.lognormvariate(1.5, 0.7) for _ in arrivals])


@pytest.mark.parametrize(("share", "gap"), [(1.0, 0.2), (0.97, 0.3)])
def test_the_limits_are_near_on_a_busy_workload(share, gap):
    """At a few workers' load the schedule is little above the bound."""
    best = optimum(_busy(400), wait=10, share=share)

    assert gap > best.gap
    assert best.late <= best.question.may_be_late


def test_longer_waits_and_lateness_cost_less():
    """What is allowed makes the bound and the schedule no dearer."""
    busy = _busy(150)
    strict, patient, lax = optimum(busy), optimum(busy, wait=20), optimum(busy, wait=20, share=0.95)

    assert strict.schedule >= patient.schedule >= lax.schedule
    assert strict.bound >= patient.bound >= lax.bound


@pytest.mark.parametrize("requests", [[], [(0, 0)], [(5, 0), (5, 0)], [(0, 0), (10**6, 0)]])
@pytest.mark.parametrize("wait", [0, 3])
def test_work_that_takes_no_time_is_bracketed(requests, wait):
    """Requests of no length, or none at all, cost a cold start each time that somebody has to be there."""
    best = optimum(_workload(requests), wait=wait, share=0.5, concurrency=2)

    assert 0 <= best.bound <= best.schedule <= 30 * len(requests)


def test_the_same_question_has_the_same_answer():
    """Nothing in it is left to chance, so that answers may be stored."""
    assert optimum(_busy(40), wait=5, share=0.9) == optimum(_busy(40), wait=5, share=0.9)


def test_a_wait_joins_two_requests_on_one_worker():
    """The first waits for the second: one worker, launched once, busy without a gap."""
    best = optimum(Workload("two", [0, 8], [4, 4]), wait=4, cold_start=30)

    assert (38, 1) == (best.schedule, best.launches)
    assert 38 == pytest.approx(best.bound)


def test_the_fleet_costs_what_the_schedule_costs():
    """The area under the fleet's steps is the schedule's worker-seconds."""
    best = optimum(_busy(100), wait=5)

    area = sum(there * (until - since) for (since, there), (until, _) in zip(best.fleet, best.fleet[1:], strict=False))
    assert area == pytest.approx(best.schedule)
    assert 0 == best.fleet[-1][1]


def test_nothing_is_printed(capfd):
    """The solver's banner and log stay away from the output."""
    optimum(_busy(50), wait=5)

    assert ("", "") == tuple(capfd.readouterr())
