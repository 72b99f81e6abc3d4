"""How an app that may have no worker wakes, and goes back to sleep."""

from __future__ import annotations

import pytest

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.testing import VirtualTarget, snapshot

SLEEPERS = {
    "simple": SimpleAutoScaler(min_workers=0, max_workers=5, max_queue_size=1, max_idle_time=60),
    "free-worker": FreeWorkerAutoScaler(min_workers=0, max_workers=5, min_free_workers=0, max_idle_time=60),
}


@pytest.mark.parametrize("name", SLEEPERS)
@pytest.mark.parametrize("reason", ["NotDispatch", "QueueDueBusy", "QueueDueSession", "GpuReserved"])
def test_one_waiting_request_wakes_one_worker(name, reason):
    """From zero, one request wakes a worker, whatever it waits for."""

    assert 1 == SLEEPERS[name].decide(snapshot(waiting={reason: 1})).up


@pytest.mark.parametrize("name", SLEEPERS)
def test_sleeps_while_nothing_waits(play, name):
    """Without requests an app without workers stays so."""
    target = VirtualTarget(workers=0)
    play(target, SLEEPERS[name], seconds=600)

    assert [] == target.everyone


@pytest.mark.parametrize("name", SLEEPERS)
def test_wakes_for_a_request_and_goes_back_to_sleep(play, name):
    """One request starts one worker; it is answered, and after the idle time nobody is left."""
    target = VirtualTarget(workers=0, cold_start=15, load=[[(5, 10)]])
    ticks = play(target, SLEEPERS[name], seconds=160)

    # Comes at 5, is seen at 20, taken at 35, answered at 45; 60 seconds after that are over at 105, seen at 120.
    assert [0, 0, 1, 1, 1, 1, 1, 0, 0] == [len(tick.factors.workers) for tick in ticks]
    assert 1 == target.served().answered == len(target.everyone)
    assert 30.0 == target.served().max_wait


@pytest.mark.parametrize("name", SLEEPERS)
def test_wakes_as_often_as_it_is_needed(play, name):
    """An app that went to sleep wakes for the next request."""
    target = VirtualTarget(workers=0, cold_start=15, load=[[(5, 10), (605, 10), (1205, 10)]])
    play(target, SLEEPERS[name], seconds=1800)

    assert 3 == target.served().answered == len(target.everyone) == len(target.deleted_at)


@pytest.mark.parametrize("name", SLEEPERS)
def test_the_last_worker_stays_while_it_serves(play, name):
    """A request that takes far longer than the idle time is not cut off."""
    target = VirtualTarget(workers=0, cold_start=15, load=[[(5, 900)]])
    play(target, SLEEPERS[name], seconds=1200)

    assert 1 == target.served().answered == len(target.everyone) == len(target.deleted_at)


@pytest.mark.parametrize("name", SLEEPERS)
def test_the_last_worker_stays_while_anything_waits(name):
    """A free worker that is alone isn't removed when a request is there that it will get; without one it is."""
    decide = SLEEPERS[name].decide

    assert () == decide(snapshot(waiting=1, free=1, idle_for=600)).down
    assert ("free-1",) == decide(snapshot(waiting=0, free=1, idle_for=600)).down
