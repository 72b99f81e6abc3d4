"""What happens when somebody lowers the maximum while the workers are there."""

from __future__ import annotations

from itertools import islice

import pytest

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler, WorkerStatus, run
from everai_autoscaler.testing import Clients, VirtualTarget

SCALERS = {
    "simple": SimpleAutoScaler,
    "free-worker": FreeWorkerAutoScaler,
}


def lowered(name, maximum, *, busy=2, workers=5):
    """A target with *busy* of its *workers* serving, just after a tick that met a *maximum* lowered from five."""
    config = {"max_workers": "5"}
    scaler = SCALERS[name](max_workers=lambda: config["max_workers"], max_idle_time=3600)
    load = [Clients(busy, service_time=30, start=1)] if busy else []
    target = VirtualTarget(workers=workers, load=load)
    ticks = run(target, scaler, clock=target.clock)
    before = list(islice(ticks, 3))
    config["max_workers"] = str(maximum)
    after = next(ticks)

    assert [5, 5, 5] == [len(tick.factors.workers) for tick in before]
    assert "" == after.failure
    return target, after


@pytest.mark.parametrize("name", SCALERS)
@pytest.mark.parametrize("maximum", [4, 3, 2])
def test_free_workers_above_it_go_at_once_newest_first(name, maximum):
    """At the next tick only as many as the maximum are left: the oldest, without an idle time."""
    target, after = lowered(name, maximum)
    oldest = [worker.worker_id for worker in after.factors.workers[:maximum]]

    assert oldest == [worker.worker_id for worker in target.workers]
    assert all("above the maximum" in reason.why for reason in after.result.reasons)


@pytest.mark.parametrize("name", SCALERS)
def test_busy_workers_above_it_stay(name):
    """No request is cut off for a lower maximum: all free ones go, and whoever serves stays."""
    target, _ = lowered(name, 1)

    assert [WorkerStatus.Busy] * 2 == [worker.status for worker in target.workers]


@pytest.mark.parametrize("name", SCALERS)
def test_an_idle_app_comes_down_to_it(name):
    """Without load the newest go, down to the maximum."""
    target, after = lowered(name, 2, busy=0)

    assert after.factors.workers[:2] == target.workers
