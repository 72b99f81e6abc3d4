"""Workloads made of others."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.compose import merge, pick, repeat, scale, shift, splice, thin
from everai_autoscaler.simulator.generate import generate
from everai_autoscaler.simulator.processes import Poisson
from everai_autoscaler.simulator.workload import Workload


def workload(arrivals, services=None, **columns):
    return Workload("w", arrivals, services or [1.0] * len(arrivals), **columns)


SORTED = st.lists(st.integers(0, 100), min_size=1, max_size=8).map(sorted)


def test_a_faster_workload_keeps_its_requests():
    """Twice the rate is half the time, with the same requests."""
    scaled = scale(workload([0, 10, 30], sessions=["a", "b", "c"]), rate=2, service=0.5)

    assert [(0.0, 0.5), (5.0, 0.5), (15.0, 0.5)] == list(scaled)
    assert ["a", "b", "c"] == scaled.sessions
    assert "its rate is 2 times, and its service times are 0.5 times as given" == scaled.modelled


def test_a_thinned_workload_keeps_its_share():
    """Each request stays by chance, with all that belongs to it."""
    whole = workload(list(range(4000)), classes=[str(number) for number in range(4000)])
    part = thin(whole, 0.25, seed=1)

    assert math.isclose(1000, len(part), rel_tol=0.1)
    assert [str(round(came)) for came in part.arrivals] == part.classes
    assert list(part) == list(thin(whole, 0.25, seed=1))
    assert list(part) != list(thin(whole, 0.25, seed=2))


def test_the_classes_that_are_picked_stay():
    """A health check needn't count as a request."""
    whole = workload([0, 1, 2], classes=["/chat", "/health", "/chat"])

    assert [(0.0, 1.0), (2.0, 1.0)] == list(pick(whole, ["/chat"]))


def test_what_comes_before_the_start_is_left_out():
    """Later keeps everything, earlier drops what would come before second 0; the moment of second 0 goes along."""
    whole = workload([0, 10], start=100.0)

    assert ([5.0, 15.0], 95.0) == (list(shift(whole, 5).arrivals), shift(whole, 5).start)
    assert ([5.0], 105.0) == (list(shift(whole, -5).arrivals), shift(whole, -5).start)


def test_one_after_the_other():
    """Each begins where the one before ends, or at the given second, which cuts the one before."""
    one, other = workload([0, 10]), workload([1, 2])

    assert [0, 10, 11, 12] == list(splice(one, other).arrivals)
    assert [0, 6, 7] == list(splice(one, other, at=[5]).arrivals)
    assert [0, 10, 31, 32] == list(splice(one, other, at=[30]).arrivals)
    assert [0, 6, 8, 9] == list(splice(one, other, other, at=[5, 7]).arrivals)


def test_together_they_stay_in_order():
    """Requests of both, in order of arrival, each with its own; a column that one lacks is left out."""
    both = merge(workload([0, 10], [1, 2], classes=["a", "b"]), workload([5], [3], classes=["c"], sessions=["s"]))

    assert [(0.0, 1.0), (5.0, 3.0), (10.0, 2.0)] == list(both)
    assert ["a", "c", "b"] == both.classes
    assert both.sessions is None


def test_again_and_again():
    """Without noise each repetition is the same, a period later."""

    assert [0, 4, 10, 14, 20, 24] == list(repeat(workload([0, 4]), 3, period=10).arrivals)
    assert [0, 4, 4, 8] == list(repeat(workload([0, 4]), 2).arrivals)


def test_noise_makes_more_of_some_days_and_less_of_others():
    """The number of requests of a repetition varies as asked for, and no two are alike; seeded."""
    day = generate(Poisson(0.2), service=1, duration=1000)
    month = repeat(day, 200, noise=0.3, period=1000, seed=1)
    counts = [len(month.between(1000 * number, 1000 * (number + 1))) for number in range(200)]

    assert math.isclose(len(day), fmean(counts), rel_tol=0.08)
    assert math.isclose(0.3, pstdev(counts) / fmean(counts), rel_tol=0.25)
    assert list(month) == list(repeat(day, 200, noise=0.3, period=1000, seed=1))


@given(one=SORTED, other=SORTED, seed=st.integers(0, 9))
def test_no_request_is_lost_or_made_up(one, other, seed):
    """Whatever is put together has the requests of its parts, in order."""
    first, second = workload(one), workload(other)

    assert sorted([*one, *other]) == list(merge(first, second).arrivals)
    assert len(one) + len(other) == len(splice(first, second))
    assert 3 * len(one) == len(repeat(first, 3))
    assert set(thin(first, 0.5, seed=seed).arrivals) <= set(one)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda w: scale(w, rate=0), "rate: 0 is not a number above 0"),
        (lambda w: scale(w, service=math.nan), "service: nan is not a number above 0"),
        (lambda w: thin(w, 1.5), "share: 1.5 is not a number from 0 to 1"),
        (lambda w: pick(w, ["a"]), "classes: a: w has no classes"),
        (lambda w: pick(workload([0], classes=["b"]), ["a"]), "classes: a: w has only b"),
        (lambda w: shift(w, math.inf), "seconds: inf is not a finite number"),
        (lambda w: splice(w, w, at=[1, 2]), "is not a second for each of 1 further workloads"),
        (lambda w: splice(w, w, w, at=[2, 1]), "never falling"),
        (lambda w: repeat(w, 0), "times: 0"),
        (lambda w: repeat(w, 2, noise=-1), "noise: -1"),
        (lambda w: repeat(w, 2, period=1), "period: 1 is not a number of seconds of at least the 10 s it lasts"),
        (lambda w: repeat(w, 10**8), "times: 100000000 of 2 requests are more than 20,000,000"),
    ],
)
def test_what_makes_no_sense_is_refused(make, told):
    """One line says what was given and what is accepted."""
    with pytest.raises(ArgumentError) as raised:
        make(workload([0, 10]))

    assert told in str(raised.value)


def test_more_than_the_limit_is_not_put_together(monkeypatch):
    """The limit holds for what is put together, too."""
    monkeypatch.setattr("everai_autoscaler.simulator.compose.MOST_REQUESTS", 3)

    with pytest.raises(ArgumentError, match="4 requests are more than 3"):
        merge(workload([0, 1]), workload([0, 1]))
