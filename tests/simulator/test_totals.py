from __future__ import annotations

import random

import pytest
from attrs import evolve

from everai_autoscaler.simulator.run import Requests
from everai_autoscaler.simulator.saving import load, save
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.totals import Tally
from everai_autoscaler.simulator.waits import RESOLUTION, Waits


@pytest.fixture
def run():
    luck = random.Random("totals")
    came, pairs = 0.0, []
    for _ in range(400):
        came += luck.expovariate(1 / 8)
        pairs.append((came, luck.expovariate(1 / 20)))
    return simulate("free-worker", pairs, arguments={"max_workers": 5}, warm_up=300)


@pytest.fixture
def totals(run):
    return _totals(run)


def _totals(run):
    """The run without its requests and decisions."""
    tally = Tally(warm_up=run.setting.warm_up, concurrency=run.setting.concurrency)
    for tick in run.ticks:
        tally.tick(tick)
    tally.requests(run.requests, [life.ready_at for life in run.workers], run.ended_at)
    empty = [type(column)(column.typecode) for column in (run.requests.came,) * 4]
    return evolve(run, requests=Requests(*empty, run.requests.worker[:0]), ticks=(), totals=tally.totals(run.ended_at))


@pytest.mark.parametrize("slo", [5.0, 30.0])
def test_counts_and_sums_are_those_of_the_requests(run, totals, slo):
    """All but the percentiles and the elasticity are equal to those of the run that kept everything."""
    kept, added = run.metrics(slo), totals.metrics(slo)
    left_out = {"wait_p50", "wait_p95", "wait_p99", "elasticity", "mean_wait", "utilisation"}

    for name in {one.name for one in kept.__attrs_attrs__} - left_out:
        assert getattr(kept, name) == getattr(added, name), name
    assert kept.mean_wait == pytest.approx(added.mean_wait)
    assert kept.utilisation == pytest.approx(added.utilisation)


def test_percentiles_are_at_most_the_resolution_too_long(run, totals):
    """They are read from classes of which each is 1 % longer than the one before."""
    kept, added = run.metrics(), totals.metrics()

    for name in ("wait_p50", "wait_p95", "wait_p99"):
        exact, read = getattr(kept, name), getattr(added, name)
        assert exact <= read * (1 + 1e-9), name
        assert read <= exact * (1 + RESOLUTION) + 0.001, name


def test_a_limit_of_ones_own_is_read_to_the_resolution(run, totals):
    """The share lies between those of the limit and of one that is a little longer."""

    assert run.slo(7.3) <= totals.slo(7.3) <= run.slo(7.3 * (1 + RESOLUTION))


def test_the_elasticity_is_that_of_the_decisions(run, totals):
    """What is seen at each decision is close to what was going on."""
    exact, sampled = run.metrics().elasticity, totals.metrics().elasticity

    assert sampled.mean_demand == pytest.approx(exact.mean_demand, rel=0.1)
    assert sampled.under_timeshare == pytest.approx(exact.under_timeshare, abs=0.1)


def test_totals_are_saved_and_loaded(totals, tmp_path):
    """A run that kept nothing else is saved as any other."""
    save(totals, tmp_path / "run.jsonl")

    assert totals.metrics() == load(tmp_path / "run.jsonl").metrics()


def test_the_memory_of_waits_is_bounded():
    """Waits of up to three weeks fall into at most 2,200 classes, however many they are."""
    waits = Waits()
    for exponent in range(-50, 60):
        for digit in range(100):
            waits.add((1 + digit / 100) * 2.0 ** (exponent / 3))

    assert len(waits.classes) <= 2200
