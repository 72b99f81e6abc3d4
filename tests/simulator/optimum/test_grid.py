"""The grid over time, and its cuts."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")
pytest.importorskip("highspy")

import numpy as np

from everai_autoscaler.simulator.optimum.grid import grid, stretches


@pytest.mark.parametrize("gap", [100.0, 1e5, 1e9])
def test_quiet_times_take_one_cell(gap):
    """Where nothing can run there is one cell, or three with its neighbours, and the rest gets what was asked for."""
    came = np.array([0.0, 10.0, 20.0, 20.0 + gap])
    edges = grid(came, came + 15, 40 + gap, 60)

    quiet = edges[(edges > 36) & (edges < 19 + gap)]
    assert 2 >= len(quiet)
    assert 40 <= len(edges) <= 80
    assert (0, 40 + gap) == (edges[0], edges[-1])
    assert (np.diff(edges) > 0).all()


def test_stretches_cover_the_grid_once():
    """Each begins where the one before ended."""
    came = np.sort(np.random.default_rng(1).uniform(0, 1000, 300))
    edges = np.linspace(0, 1010, 2001)
    cut = stretches(came, came + 5, edges, 300, 30.0)

    assert (0, 2000) == (cut[0][0], cut[-1][1])
    assert [last for _, last in cut[:-1]] == [first for first, _ in cut[1:]]
    assert 450 > max(last - first for first, last in cut)
