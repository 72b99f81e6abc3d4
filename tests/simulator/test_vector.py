from __future__ import annotations

import random

import pytest

from everai_autoscaler.simulator import metrics as metrics_module
from everai_autoscaler.simulator import totals as totals_module
from everai_autoscaler.simulator.faults import Faults
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.metrics import measure
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.waits import Waits

numpy = pytest.importorskip("numpy")
vector = pytest.importorskip("everai_autoscaler.simulator.vector")


def _load(number, seed):
    luck, came, pairs = random.Random(f"vector:{seed}"), 0.0, []
    for _ in range(number):
        came += luck.expovariate(1 / 4)
        pairs.append((came, luck.expovariate(1 / 15)))
    return pairs


RUNS = {
    "plain": (_load(400, 1), {}),
    "refused and late": (_load(300, 2), {"queue_limit": 2, "warm_up": 200, "concurrency": 2}),
    "interrupted": (_load(300, 3), {"faults": Faults(crashes_per_hour=40, start_failure=0.2), "tail": 30}),
    "cut short": (_load(300, 4), {"until": 500}),
    "hung up": (Clients(4, service_time=10, start=5, stop=125), {"until": 200}),
    "nothing": ([], {"until": 60}),
}


@pytest.fixture(params=RUNS)
def kind(request):
    return request.param


def _run(kind, **more):
    load, options = RUNS[kind]
    return simulate("free-worker", load, arguments={"max_workers": 6, "max_idle_time": 40}, **options, **more)


def _about(number):
    return None if number is None else pytest.approx(number, rel=1e-9)


def _equal(expected, found):
    for name in {one.name for one in expected.__attrs_attrs__} - {"elasticity"}:
        assert getattr(expected, name) == _about(getattr(found, name)), name


def test_many_requests_are_measured_as_few(kind, monkeypatch):
    """Column by column each metric is what it is one by one."""
    run = _run(kind)
    one_by_one = measure(run, slo=5.0)
    monkeypatch.setattr(metrics_module, "MANY", 0)
    columns = measure(run, slo=5.0)

    _equal(one_by_one, columns)
    for name in {one.name for one in columns.elasticity.__attrs_attrs__} - {"divisor"}:
        assert getattr(one_by_one.elasticity, name) == pytest.approx(getattr(columns.elasticity, name)), name


def test_many_requests_are_added_up_as_few(kind, monkeypatch):
    """So are the totals of a run that keeps none."""
    monkeypatch.setattr(totals_module, "STRETCH", 10**9)
    one_by_one = _run(kind, keep="totals").metrics()
    monkeypatch.setattr(totals_module, "STRETCH", 0)

    assert one_by_one == _run(kind, keep="totals").metrics()


def test_waits_are_added_as_one_by_one():
    """To the last bit, also to others that are there, and none."""
    seconds = [0.0, 1e-7, 0.0005, 0.3, 5.0, 5.000001, 59.2, 1e4]
    one_by_one, together = Waits(), Waits()
    for wait in seconds * 2:
        one_by_one.add(wait)
    for part in (seconds, [], seconds):
        vector.add_waits(together, numpy.array(part))

    assert one_by_one == together
