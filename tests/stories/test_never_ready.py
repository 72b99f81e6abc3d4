"""What becomes of a worker that never becomes ready, and of the others beside it."""

from __future__ import annotations

from math import inf

import pytest

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler, WorkerStatus
from everai_autoscaler.testing import Clients, VirtualTarget

SCALERS = {
    "free-worker": FreeWorkerAutoScaler,
    "simple": SimpleAutoScaler,
}


def starts(target, ticks):
    """Seconds from the first tick at which workers were started, those after the initial ones."""
    begin = ticks[0].factors.observed_at
    return [worker.started_at - begin for worker in target.everyone if worker.started_at >= begin]


def stuck_target(cold_start, *, clients=8):
    return VirtualTarget(cold_start=cold_start, load=[Clients(clients, service_time=10, start=5)])


@pytest.mark.parametrize("name", SCALERS)
def test_a_younger_starting_worker_holds_others_back(play, name):
    """Until its start-up limit is over, a worker that starts is waited for."""
    target = stuck_target([inf, 15])
    ticks = play(target, SCALERS[name](max_workers=5, start_timeout=100), seconds=120)

    assert [20] == starts(target, ticks)


@pytest.mark.parametrize("name", SCALERS)
def test_past_its_limit_it_blocks_nothing(play, name):
    """Past the limit it holds nobody back: the next worker is started at once, and so are those after it."""
    target = stuck_target([inf, 15])
    ticks = play(target, SCALERS[name](max_workers=5, start_timeout=100), seconds=180)

    assert [20, 140, 160, 180] == starts(target, ticks)


@pytest.mark.parametrize("name", SCALERS)
def test_it_goes_when_nobody_needs_to_be_started(play, name):
    """The first answer that starts nobody removes it, without waiting for an idle time."""
    enough = {"min_free_workers": 0} if name == "free-worker" else {"max_queue_size": 99}
    target = VirtualTarget(workers=1, cold_start=[inf, 15])
    scaler = SCALERS[name](min_workers=2, max_workers=5, start_timeout=100, max_idle_time=9999, **enough)
    ticks = play(target, scaler, seconds=160)
    stuck = target.everyone[1]

    assert [0, 120] == starts(target, ticks)
    assert {stuck.worker_id: ticks[0].factors.observed_at + 140} == target.deleted_at


@pytest.mark.parametrize("name", SCALERS)
def test_at_the_maximum_it_makes_room(play, name):
    """Where it takes the place that a new worker needs, it goes first, and the new one comes at the next tick."""
    target = stuck_target([inf, 15])
    ticks = play(target, SCALERS[name](max_workers=2, start_timeout=100), seconds=200)
    begin = ticks[0].factors.observed_at
    stuck = target.everyone[1]

    assert {stuck.worker_id: begin + 140} == target.deleted_at
    assert [20, 160] == starts(target, ticks)
    assert 2 == ticks[-1].factors.count(WorkerStatus.Busy)
    assert 2 == max(len(tick.factors.workers) for tick in ticks)


@pytest.mark.parametrize("name", SCALERS)
def test_an_app_whose_workers_all_get_stuck_keeps_trying(play, name):
    """When no new worker ever becomes ready, the stuck are replaced for ever; the one that works is left alone."""
    target = stuck_target(inf)
    first = target.workers[0].worker_id
    ticks = play(target, SCALERS[name](max_workers=3, start_timeout=100), seconds=1800)
    trials = starts(target, ticks)

    assert first in [worker.worker_id for worker in target.workers]
    assert trials[-1] > 1600
    assert 3 >= max(len(tick.factors.workers) for tick in ticks)


def test_it_does_not_count_towards_the_minimum(play):
    """A minimum is of workers that serve or soon will: the stuck one is replaced, then removed."""
    target = VirtualTarget(workers=0, cold_start=[inf, 15])
    ticks = play(target, SimpleAutoScaler(min_workers=1, max_workers=1, start_timeout=100), seconds=200)

    assert [0, 140] == starts(target, ticks)
    assert [WorkerStatus.Free] == [worker.status for worker in target.workers]
