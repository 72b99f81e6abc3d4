from __future__ import annotations

import math
from array import array

import pytest
from attrs import evolve

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.metrics import measure
from everai_autoscaler.simulator.run import Life, Requests, Run, Setting, TickRow
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.workload import Workload

SETTING = Setting("simple", {}, "10 s", 20.0, "oldest", price=3.6)


def _run(requests, lives, *, ended_at=100.0, ticks=(), refused=(), left=(), interrupted=(), **setting):
    """A run from rows: requests are (came, service, began, answered, worker), ``None`` for what didn't happen."""
    came, service, began, answered, worker = zip(*requests, strict=True) if requests else ((),) * 5
    columns = Requests(
        array("d", came),
        array("d", service),
        array("d", (math.nan if one is None else one for one in began)),
        array("d", (math.nan if one is None else one for one in answered)),
        array("q", worker),
        refused,
        interrupted,
        left,
    )
    workload = Workload("rows", came, service)
    return Run(workload, evolve(SETTING, **setting), columns, tuple(lives), tuple(ticks), ended_at)


def _tick(at, *, up=0, down=0, **more):
    return TickRow(at, 0, 0, 0, 0, 0, up, down, held=False, **more)


ONE = Life("a", -60.0, 0.0, None)
TWO = Life("b", 20.0, 30.0, 80.0, "removed")
REQUESTS = [(0, 10, 0, 10, 0), (5, 10, 10, 20, 0), (22, 10, 30, 40, 1), (95, 10, None, None, -1)]


@pytest.fixture
def metrics():
    return measure(_run(REQUESTS, [ONE, TWO]), slo=5.0)


def test_requests_are_counted_by_their_fate(metrics):
    """Four came, three were answered, and one waits."""

    assert (4, 3, 0, 1) == (metrics.requests, metrics.answered, metrics.refused, metrics.waiting_at_end)


def test_waits_are_by_nearest_rank(metrics):
    """A percentile is a wait that a request had; what waits at the end has waited until then."""

    assert (5.0, 8.0, 8.0, 8.0) == (metrics.wait_p50, metrics.wait_p95, metrics.wait_p99, metrics.wait_max)
    assert 18.0 / 4 == metrics.mean_wait


def test_a_wait_of_exactly_the_limit_is_in_time(metrics):
    """Two of four began within five seconds; the one that never began is late."""

    assert 0.5 == metrics.slo_attainment


def test_a_request_that_met_a_starting_worker_is_cold_start_delayed(metrics):
    """Only the third waited for a worker that wasn't ready when it came."""

    assert 0.25 == metrics.cold_start_delayed


def test_a_worker_is_billed_from_its_launch_and_not_from_before_the_start(metrics):
    """The first worker for 100 s, the second for 60 s with its cold start; 160 s at 3.60 an hour are 0.16."""

    assert 160.0 == metrics.worker_seconds
    assert metrics.cost == pytest.approx(0.16)
    assert (1.6, 2) == (metrics.mean_workers, metrics.peak_workers)


def test_utilisation_is_serving_over_billed_time(metrics):
    """Thirty seconds of serving in 160 s."""

    assert 30 / 160 == metrics.utilisation


def test_starts_and_removals_are_those_of_the_run(metrics):
    """The workers that were there at the start weren't started by the policy."""

    assert (1, 1) == (metrics.starts, metrics.removals)


def test_the_warm_up_is_not_judged():
    """With a warm-up of 22 s two requests and 138 worker-seconds remain."""
    run = _run(REQUESTS, [ONE, TWO], warm_up=22.0)

    assert (2, 136.0, 0) == (run.metrics().requests, run.metrics().worker_seconds, run.metrics().starts)
    assert 0.0 == run.slo(5.0)


def test_concurrency_divides_the_utilisation():
    """A worker that could serve two at once is half as busy."""
    run = _run(REQUESTS, [ONE, TWO], concurrency=2)

    assert 30 / 320 == run.metrics().utilisation


def test_a_refused_request_is_late_and_has_no_wait():
    """It counts against the attainment, and no wait is made up for it."""
    found = measure(_run([(0, 1, 0, 1, 0), (0, 1, None, None, -1)], [ONE], refused=(1,)))

    assert (1, 0, 0.5, 0.0) == (found.refused, found.waiting_at_end, found.slo_attainment, found.wait_max)


def test_a_client_that_hung_up_waits_no_more():
    """It isn't waiting at the end, and is late unless a worker had begun with it."""
    found = measure(_run([(0, 9, 0, None, 0), (0, 1, None, None, -1)], [ONE], left=((0, 4.0), (1, 4.0))))

    assert (0, 0.5) == (found.waiting_at_end, found.slo_attainment)
    assert 4 / 100 == found.utilisation


def test_a_start_soon_after_a_removal_is_a_flap():
    """Within five minutes the removal was taken back; later it wasn't, and a start is counted once."""
    ticks = [_tick(0, down=2), _tick(300, up=1), _tick(320, up=1), _tick(400, down=1), _tick(800, up=1)]

    assert 1 == measure(_run([], [], ticks=ticks, ended_at=900)).flaps


def test_a_gpu_type_may_have_its_own_price():
    """A life's own price goes before the setting's, and is enough where all have one."""
    lives = [evolve(ONE, cost=7.2), evolve(TWO, cost=3.6)]

    assert _run([], lives).metrics().cost == pytest.approx(0.2 + 0.06)
    assert _run([], lives, price=None).metrics().cost == pytest.approx(0.2 + 0.06)
    assert _run([], [ONE, TWO], price=None).metrics().cost is None


def test_nothing_has_no_average():
    """Of no requests and no workers the shares aren't known, and nothing is divided by 0."""
    found = measure(_run([], [], ended_at=0.0))

    assert (None, None, None, None) == (found.mean_wait, found.slo_attainment, found.utilisation, found.wait_p99)
    assert (0.0, 0) == (found.mean_workers, found.peak_workers)


def test_what_failed_or_held_is_counted():
    """A tick that held, and one that failed as well."""
    ticks = [evolve(_tick(0), held=True), evolve(_tick(20), held=True, failure="decide failed: no"), _tick(40)]
    found = measure(_run([], [], ticks=ticks))

    assert (2, 1) == (found.held_ticks, found.failed_ticks)


@pytest.mark.parametrize("slo", [-1, math.nan, math.inf])
def test_a_limit_is_a_number_of_seconds(slo):
    """Anything else is refused, by the measurement and the assertion alike."""
    with pytest.raises(ArgumentError, match="is not a number of seconds"):
        measure(_run([], []), slo=slo)
    with pytest.raises(ArgumentError, match="is not a number of seconds"):
        _run([], []).slo(slo)


@pytest.mark.parametrize(("pause", "flaps"), [(100, 1), (900, 0)])
def test_a_removal_that_is_soon_taken_back_is_a_flap(pause, flaps):
    """A worker that is started within five minutes after one was removed makes that removal a flap."""
    arguments = {"min_workers": 0, "max_workers": 1, "max_idle_time": 20}
    run = simulate("simple", [(0, 5), (60 + pause, 5)], arguments=arguments, cold_start=10)

    assert flaps == run.metrics().flaps
