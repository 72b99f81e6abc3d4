"""The formula against queueing theory itself: the exact minimum by Erlang C's recursion."""

from __future__ import annotations

from collections import Counter
from math import ceil, erf, exp, floor, inf, pi, sqrt

import pytest
from everai_autoscaler_sqrt_staffing import beta_for, probability_of_waiting, refinement, staff
from hypothesis import given
from hypothesis import strategies as st

LOADS = range(1, 201)


def erlang_c(workers: int, load: float) -> float:
    """The probability that a request waits in M/M/n, by the recursion of Erlang B."""
    if workers <= load:
        return 1.0
    blocked = 1.0
    for n in range(1, workers + 1):
        blocked = load * blocked / (n + load * blocked)
    return workers * blocked / (workers - load * (1 - blocked))


def exact(load: float, waiting_probability: float) -> int:
    """The fewest workers with which a request waits with at most that probability."""
    workers = floor(load) + 1
    while erlang_c(workers, load) > waiting_probability:
        workers += 1
    return workers


@pytest.mark.parametrize(("workers", "load", "waits"), [(1, 0.5, 0.5), (2, 1, 1 / 3), (10, 8, 0.4092), (5, 5, 1)])
def test_the_yardstick_is_right(workers, load, waits):
    """Erlang C, as the textbooks have it: one worker's is its load, and two workers' at load 1 is a third."""
    assert waits == pytest.approx(erlang_c(workers, load), abs=5e-5)


@pytest.mark.parametrize("load", [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
@pytest.mark.parametrize("waiting_probability", [0.5, 0.2, 0.1])
def test_it_is_the_exact_minimum_at_the_table_of_loads(load, waiting_probability):
    """At each load of the table the formula gives what Erlang C gives."""
    assert exact(load, waiting_probability) == staff(load, waiting_probability)


@pytest.mark.parametrize(
    ("waiting_probability", "one_more_at", "plain_equal"),
    [
        (0.5, [], 166),
        (0.2, [], 124),
        (0.1, [3, 54], 89),
        (0.05, [6, 58, 110], 52),
        (0.01, [6, 17, 29, 50, 92, 109, 118, 147, 168], 0),
    ],
)
def test_where_it_is_off_it_is_off_by_one_more(waiting_probability, one_more_at, plain_equal):
    """At all loads up to 200 it is exact or one worker above; the README's table says how often, and this where."""
    off = {load: staff(load, waiting_probability) - exact(load, waiting_probability) for load in LOADS}
    beta = beta_for(waiting_probability)
    plain = Counter(ceil(load + beta * sqrt(load)) - exact(load, waiting_probability) for load in LOADS)

    assert dict.fromkeys(one_more_at, 1) == {load: by for load, by in off.items() if by}
    assert plain_equal == plain[0]
    assert 200 == plain[0] + plain[-1] + plain[-2]


@given(load=st.floats(0.05, 300), waiting_probability=st.floats(0.001, 0.95))
def test_it_is_never_far_off(load, waiting_probability):
    """At any load, whole or not, it is within one worker of the exact minimum."""
    assert abs(staff(load, waiting_probability) - exact(load, waiting_probability)) <= 1


@pytest.mark.parametrize(
    ("beta", "waits"),
    [(0.0, 1.0), (0.1, 0.8803), (0.5, 0.5045), (1.0, 0.2234), (1.5, 0.0847), (2.0, 0.0269)],
)
def test_halfin_and_whitts_function(beta, waits):
    """The values of the function, from 1 without a reserve on down."""
    density, distribution = exp(-(beta**2) / 2) / sqrt(2 * pi), (1 + erf(beta / sqrt(2))) / 2

    assert waits == pytest.approx(probability_of_waiting(beta), abs=5e-5)
    assert probability_of_waiting(beta) == pytest.approx(1 / (1 + beta * distribution / density))


@given(st.floats(1e-12, 1))
def test_beta_is_its_inverse(waiting_probability):
    """Solved for beta, the function gives the probability back."""
    assert waiting_probability == pytest.approx(probability_of_waiting(beta_for(waiting_probability)), rel=1e-9)


@pytest.mark.parametrize("waiting_probability", [0.5, 0.2, 0.1, 0.05, 0.01])
def test_the_refinement_is_the_next_term(waiting_probability):
    """Erlang C at ``R + beta * sqrt(R) + refinement`` comes nearer to the probability as 1 / R, not as 1 / sqrt(R)."""
    beta, errors = beta_for(waiting_probability), []
    for load in (100, 10_000):
        workers = load + beta * sqrt(load) + refinement(beta)
        # Between two whole numbers the logarithm of Erlang C is nearly straight.
        low, high = erlang_c(floor(workers), load), erlang_c(floor(workers) + 1, load)
        between = low ** (1 - workers % 1) * high ** (workers % 1)
        errors.append(abs(between - waiting_probability))

    assert errors[1] < errors[0] / 30


@given(load=st.floats(0, 1e6), waiting_probability=st.floats(1e-6, 1))
def test_it_is_never_below_the_load(load, waiting_probability):
    """With fewer workers than load the queue would grow without end."""
    assert load <= staff(load, waiting_probability) < inf
