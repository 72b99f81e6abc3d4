"""Curves of a workload, against sums over its requests."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")
pytest.importorskip("highspy")

import numpy as np

from everai_autoscaler.simulator.optimum.curves import load_in_cells, work_done


@pytest.mark.parametrize("seed", range(5))
def test_work_done_is_the_sum_over_requests(seed):
    """Each request has done as many seconds of its service as have passed since it began."""
    draw = np.random.default_rng(seed)
    begins, services, moments = draw.uniform(0, 9, 30), draw.uniform(0, 4, 30), np.sort(draw.uniform(-1, 15, 50))
    expected = [np.minimum(services, np.maximum(0, moment - begins)).sum() for moment in moments]

    assert expected == pytest.approx(work_done(begins, services, moments).tolist())


@pytest.mark.parametrize("concurrency", [1, 3])
def test_load_in_cells_is_what_runs_then(concurrency):
    """Integral, value at the edges and maximum are those of the number that run, in workers."""
    draw = np.random.default_rng(concurrency)
    begins = draw.integers(0, 20, 15) / 1.0
    ends = begins + draw.integers(1, 8, 15)
    edges = np.arange(0, 31, 5.0)
    needed = np.array([-(-((begins <= t) & (t < ends)).sum() // concurrency) for t in range(31)])

    area, at_edge, most = load_in_cells(begins, ends, edges, concurrency)
    assert [needed[i : i + 5].sum() for i in range(0, 30, 5)] == area.tolist()
    assert needed[::5].tolist() == at_edge.tolist()
    assert [needed[i : i + 5].max() for i in range(0, 30, 5)] == most.tolist()


def test_nothing_makes_no_curve():
    """Without requests every curve is 0."""
    none, edges = np.zeros(0), np.array([0.0, 1.0])

    assert [0, 0] == work_done(none, none, edges).tolist()
    assert [[0], [0, 0], [0]] == [curve.tolist() for curve in load_in_cells(none, none, edges, 1)]
