"""The two walks that users are shown, out of the simulator: the same facts as ``tests/runtime/test_walks.py``."""

from __future__ import annotations

from itertools import pairwise

import pytest

from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.simulate import simulate

STEADY = {"free-worker": (4, 1, 0), "queue": (2, 0, 2)}
"""Under load in the end: how many are busy, how many free, how many wait; as ``tests/runtime/test_walks.py`` has it."""
SCALERS = {
    "free-worker": ("free-worker", {"max_workers": 5, "min_free_workers": 1, "max_idle_time": 60}),
    "queue": ("simple", {"max_workers": 5, "max_queue_size": 2, "max_idle_time": 60}),
}
BEGINS, LASTS, INTERVAL = 85, 120, 20


@pytest.fixture(params=[10, 60], ids=["10 s each", "60 s each"])
def walks(request):
    clients = Clients(4, service_time=request.param, start=BEGINS, stop=BEGINS + LASTS)
    return {
        name: simulate(scaler, clients, arguments=arguments, cold_start=15, interval=INTERVAL, until=420)
        for name, (scaler, arguments) in SCALERS.items()
    }


def _seen(run, *, since=BEGINS, until=BEGINS + LASTS):
    return [(tick.busy, tick.free, tick.waiting) for tick in run.ticks if since <= tick.at < until]


@pytest.mark.parametrize("name", SCALERS)
def test_before_the_load_there_is_one_free_worker(walks, name):
    """The minimum is one, and nobody wants more."""
    assert [(0, 1, 0)] * 5 == _seen(walks[name], since=0, until=BEGINS)


def test_workers_come_one_a_period(walks):
    """The first decision under load starts the second worker, and each after it one more, until there are five."""
    _first, *others = [life.started_at for life in walks["free-worker"].workers]

    assert 4 == len(others)
    assert [INTERVAL] * 3 == [later - earlier for earlier, later in pairwise(others)]


def test_four_are_busy_and_one_is_free_while_the_load_lasts(walks):
    """Each decision from then on sees the same, and nobody is started or removed."""
    seen = _seen(walks["free-worker"])
    reached = seen.index(STEADY["free-worker"])

    assert [STEADY["free-worker"]] * len(seen[reached:]) == seen[reached:]
    assert 5 == len(walks["free-worker"].workers)


def test_two_are_busy_and_two_wait(walks):
    """Two is not more than two: from the second decision on it is so, and stays so."""
    first, *others = _seen(walks["queue"])

    assert (1, 0, 3) == first
    assert [STEADY["queue"]] * len(others) == others
    assert 2 == len(walks["queue"].workers)


@pytest.mark.parametrize("name", SCALERS)
def test_afterwards_the_first_is_alone(walks, name):
    """The others are gone, when they have been idle for long enough; the one that was there before stays."""
    first, *others = walks[name].workers

    assert ("", True) == (first.why, first.ended_at is None)
    assert ["removed"] * len(others) == [life.why for life in others]
    assert (0, 1, 0) == _seen(walks[name], since=380, until=420)[-1]


def test_the_last_come_free_worker_leaves_before_the_others(walks):
    """The spare goes about a minute before those that served, which go together."""
    *others, last = [life.ended_at for life in walks["free-worker"].workers[1:]]

    assert 1 == len(set(others))
    assert others[0] - last in {2 * INTERVAL, 3 * INTERVAL}


def test_clients_that_hang_up_are_no_more_waiting(walks):
    """What they had asked for counts as left, and the run's workload says that it depends on the answers."""
    run = walks["queue"]

    assert len(run.requests) == run.metrics().answered + len(run.requests.left)
    assert {float(BEGINS + LASTS)} == {moment for _, moment in run.requests.left}
    assert 0 == run.metrics().waiting_at_end
    assert len(run.workload) == len(run.requests)
    assert "slower answers make fewer requests" in str(run)
