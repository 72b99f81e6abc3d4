"""Linear programmes, and the bound that is computed from any prices."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")
pytest.importorskip("highspy")

import numpy as np

from everai_autoscaler.simulator.optimum.programme import Programme


def _random(seed, *, variables=12, rows=9) -> Programme:
    draw = np.random.default_rng(seed)
    programme = Programme()
    places = programme.variables(variables, cost=draw.uniform(0, 2, variables), least=0, most=10)
    for _ in range(rows):
        chosen = draw.choice(places, 4, replace=False)
        terms = [(np.array([place]), draw.uniform(0.2, 1)) for place in chosen]
        programme.rows(draw.uniform(0, 4), np.inf, *terms)
    return programme


@pytest.mark.parametrize("seed", range(20))
def test_the_solvers_prices_give_its_objective(seed):
    """The bound of the best prices is the least cost, up to the solver's tolerance."""
    programme = _random(seed)
    solution = programme.solve()

    assert "Optimal" == solution.status
    assert programme.bound(solution.prices) == pytest.approx(solution.objective, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_no_prices_give_more_than_the_least(seed):
    """Whatever the prices are, wrong signs included, the bound is at most the least cost."""
    programme = _random(seed)
    solution, draw = programme.solve(), np.random.default_rng(seed)

    for spread in (1e-6, 0.1, 10.0):
        wrong = solution.prices + draw.normal(0, spread, len(solution.prices))
        assert programme.bound(wrong) <= solution.objective + 1e-7


def test_prices_that_are_no_numbers_are_left_out():
    """A solver that gives up leaves a bound that is weak, not wrong."""
    programme = _random(3)

    assert 0.0 == pytest.approx(programme.bound(np.full(9, np.nan)), abs=1e-9)


def test_a_limit_from_above_has_a_negative_price():
    """Minus x, with x at most 4 by a row, costs minus 4 at least."""
    programme = Programme()
    x = programme.variables(1, cost=-1, least=0, most=10)
    programme.rows(-np.inf, 4, (x, 1))

    assert -4 == pytest.approx(programme.bound(np.array([-1.0])))
    assert -10 == pytest.approx(programme.bound(np.array([1.0])))
