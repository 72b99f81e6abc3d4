"""What steady load, or none, makes of the workers: nothing."""

from __future__ import annotations

import pytest

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.testing import Clients, Dispatch, VirtualTarget

SETTLED = 200
TWENTY_EIGHT_MINUTES = 28 * 60


def restless(ticks):
    """The ticks that changed something after the fleet had time to settle."""
    begin = ticks[0].factors.observed_at
    return [tick for tick in ticks if tick.result.actions and tick.factors.observed_at > begin + SETTLED]


@pytest.mark.parametrize("dispatch", list(Dispatch))
@pytest.mark.parametrize("service_time", [0.7, 10, 20, 33])
def test_steady_load_starts_and_stops_nobody(play, service_time, dispatch):
    """With four steady busy workers and one spare, nobody is started or stopped in 28 minutes."""
    scaler = FreeWorkerAutoScaler(min_workers=1, max_workers=5, min_free_workers=1, max_idle_time=60)
    target = VirtualTarget(cold_start=15, load=[Clients(4, service_time=service_time, start=5)], dispatch=dispatch)
    ticks = play(target, scaler, seconds=TWENTY_EIGHT_MINUTES)

    assert [] == restless(ticks)
    assert 5 == len(target.everyone)


@pytest.mark.parametrize("service_time", [0.7, 10, 20, 33])
def test_a_steady_queue_starts_and_stops_nobody(play, service_time):
    """With two waiting, which is not more than two, nobody is started or stopped in 28 minutes."""
    scaler = SimpleAutoScaler(min_workers=1, max_workers=5, max_queue_size=2, max_idle_time=60)
    target = VirtualTarget(cold_start=15, load=[Clients(4, service_time=service_time, start=5)])
    ticks = play(target, scaler, seconds=TWENTY_EIGHT_MINUTES)

    assert [] == restless(ticks)
    assert 2 == len(target.everyone)


@pytest.mark.parametrize("idle_time", [0, 60])
def test_spares_above_the_minimum_stay_without_load(play, idle_time):
    """With more spares than the minimum and no load, the spares are started once and stay."""
    scaler = FreeWorkerAutoScaler(min_workers=1, max_workers=5, min_free_workers=3, max_idle_time=idle_time)
    target = VirtualTarget(cold_start=15)
    ticks = play(target, scaler, seconds=TWENTY_EIGHT_MINUTES)

    assert [] == restless(ticks)
    assert 3 == len(target.everyone) == len(target.workers)


@pytest.mark.parametrize("dispatch", list(Dispatch))
@pytest.mark.parametrize(("clients", "workers"), [(1, 1), (7, 1), (8, 2), (15, 2), (16, 3)])
def test_steady_load_settles_on_the_slots_it_needs(play, dispatch, clients, workers):
    """With eight slots a worker, all clients find one and the next would, too; nobody is started and stopped."""
    scaler = FreeWorkerAutoScaler(max_workers=9, max_idle_time=60)
    load = [Clients(clients, service_time=10, start=5)]
    target = VirtualTarget(workers=1, cold_start=15, load=load, dispatch=dispatch, concurrency=8)
    ticks = play(target, scaler, seconds=TWENTY_EIGHT_MINUTES)

    assert [] == restless(ticks)
    assert workers == len(target.everyone) == len(target.workers)
