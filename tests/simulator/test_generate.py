"""Generated workloads: rates and variation as asked for, and the same for the same seed."""

from __future__ import annotations

import hashlib
import math
import sys
from itertools import pairwise
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.simulator.generate import generate, generated, is_generated
from everai_autoscaler.simulator.processes import (
    PROCESSES,
    Diurnal,
    Gamma,
    Modulated,
    Poisson,
    Spike,
    Step,
    Weibull,
)
from everai_autoscaler.simulator.reading import read
from everai_autoscaler.simulator.service import Deterministic, Exponential, LogNormal, Pareto

SECONDS = 20_000.0


def gaps(process, seconds=SECONDS, seed=1):
    arrivals = list(process.arrivals(seconds, Random(seed)))
    return [after - before for before, after in pairwise([0.0, *arrivals])]


def rate_between(process, start, end):
    return sum(start <= came < end for came in process.arrivals(end, Random(2))) / (end - start)


@pytest.mark.parametrize(
    ("process", "cv"),
    [
        (Poisson(2), 1),
        (Gamma(2, cv=0.3), 0.3),
        (Gamma(2, cv=1), 1),
        (Gamma(2, cv=3), 3),
        (Weibull(2, cv=0.3), 0.3),
        (Weibull(2, cv=1), 1),
        (Weibull(2, cv=3), 3),
    ],
)
def test_gaps_have_the_mean_and_variation_that_were_asked_for(process, cv):
    """Over forty thousand gaps both are within four standard errors or so."""
    found = gaps(process)

    assert math.isclose(0.5, fmean(found), rel_tol=4 * cv / math.sqrt(len(found)))
    assert math.isclose(cv, pstdev(found) / fmean(found), rel_tol=0.03 * max(1, cv))


@pytest.mark.parametrize("cv", [0.02, 0.5, 1.0, 2.0, 13.0, 99.0])
def test_the_shape_of_a_weibull_gives_its_variation(cv):
    """Put into the formula of the coefficient of variation, the shape gives the one that was asked for."""
    shape = Weibull(1, cv=cv).shape
    ratio = math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2

    assert math.isclose(cv, math.sqrt(ratio - 1), rel_tol=1e-6)


def test_a_poisson_process_counts_as_often_as_it_should():
    """The counts of seconds have a variance equal to their mean (index of dispersion 1)."""
    counts = [0] * int(SECONDS)
    for came in Poisson(2).arrivals(SECONDS, Random(5)):
        counts[int(came)] += 1

    assert math.isclose(1, pstdev(counts) ** 2 / fmean(counts), rel_tol=0.05)


def test_a_modulated_process_is_stationary_and_bursty():
    """Its rate over many turns is that of the formula, and its counts vary more than those of a Poisson process."""
    process = Modulated([0.5, 20], stays=[30, 3])
    arrivals = list(process.arrivals(100_000, Random(1)))
    counts = [0] * 1000
    for came in arrivals:
        counts[int(came // 100)] += 1

    assert math.isclose(process.rate, len(arrivals) / 100_000, rel_tol=0.05)
    assert pstdev(counts) ** 2 / fmean(counts) > 5


def test_a_modulated_process_begins_in_either_state():
    """The first state is drawn by the share of time that each has."""
    fast = sum(len(list(Modulated([0, 1000], stays=[100, 100]).arrivals(0.1, Random(seed)))) > 0 for seed in range(200))

    assert 70 < fast < 130


def test_a_day_is_highest_at_its_peak():
    """A quarter of the period round the peak has the rate of the formula, and so has the quarter opposite."""
    process = Diurnal(5, swing=0.8, period=8000, peak=4000)
    swing = 5 * 0.8 * math.sin(math.pi / 4) / (math.pi / 4)

    assert math.isclose(5 + swing, rate_between(process, 3000, 5000), rel_tol=0.05)
    assert math.isclose(5 - swing, rate_between(process, 7000, 9000), rel_tol=0.1)
    assert math.isclose(5, rate_between(process, 0, 8000), rel_tol=0.03)


def test_a_step_changes_the_rate_once():
    """Before and after it the rate is as asked for."""
    process = Step(2, to=10, at=5000)

    assert math.isclose(2, rate_between(process, 0, 5000), rel_tol=0.05)
    assert math.isclose(10, rate_between(process, 5000, 9000), rel_tol=0.05)


def test_a_spike_ends():
    """The rate is as before when the spike is over; nothing comes where it is 0."""
    process = Spike(0, peak=10, at=1000, lasts=1000)

    assert 0 == rate_between(process, 0, 1000)
    assert math.isclose(10, rate_between(process, 1000, 2000), rel_tol=0.05)
    assert 0 == rate_between(process, 2000, 9000)


@pytest.mark.parametrize(
    ("drawn", "mean", "cv"),
    [
        (Deterministic(3), 3, 0),
        (Exponential(3), 3, 1),
        (LogNormal(3, cv=0.5), 3, 0.5),
        (LogNormal(3, cv=0), 3, 0),
        (LogNormal(3, cv=2), 3, 2),
        (Pareto(3, shape=5), 3, math.sqrt(1 / 15)),
    ],
)
def test_distributions_have_the_mean_and_variation_that_were_asked_for(drawn, mean, cv):
    """Over forty thousand values; the variance of a Pareto distribution is mean^2 / (shape (shape - 2))."""
    chance = Random(3)
    values = [drawn.draw(chance) for _ in range(40_000)]

    assert math.isclose(mean, fmean(values), rel_tol=0.001 + 0.02 * max(1, cv))
    assert math.isclose(cv, pstdev(values) / fmean(values), rel_tol=0.1, abs_tol=1e-9)


def digest(text):
    workload = generated(text)
    return hashlib.sha256(repr(list(workload)).encode()).hexdigest()[:12]


TEXTS = [
    ("poisson:2,service=exponential:3", "552773637d90"),
    ("modulated:0.5/20,300/30,service=2", "9fb6ac8025d8"),
    ("diurnal:2,service=lognormal:3:1", "85d5dc24dc3f"),
    ("step:1,5,600,service=pareto:3", "4257ce706992"),
    ("spike:1,20,600,120,service=deterministic:1", "dc5d5e669530"),
    ("gamma:2,4,service=lognormal:6", "4f84986d916f"),
    ("weibull:2,4,service=tokens,input_tokens=lognormal:1000,output_tokens=exponential:200", "a330f2cae82c"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_the_same_seed_gives_the_same_bytes(text, expected):
    """Arrivals and service times are these to the last bit, on every machine."""

    assert expected == digest(text)


def test_every_process_is_pinned():
    """None is missing above."""

    assert set(PROCESSES) == {text.partition(":")[0] for text, _ in TEXTS}


def test_another_model_of_service_times_leaves_the_arrivals():
    """Streams of chance are apart, so that one thing can be changed at a time."""
    one, other = generate(Poisson(2), service=3), generate(Poisson(2), service="exponential:3")

    assert one.arrivals == other.arrivals
    assert generate(Poisson(2), service=3, seed=1).arrivals != one.arrivals


@settings(max_examples=30)
@given(
    process=st.sampled_from(
        [Poisson(3), Modulated([0, 9], [5, 5]), Diurnal(3), Gamma(3, 5), Weibull(3, 5), Step(0, 3, 5)]
    ),
    duration=st.floats(0.001, 50),
    seed=st.integers(0, 1000),
)
def test_requests_come_in_order_within_the_duration(process, duration, seed):
    """None comes before 0, none at the end or after it, and each at a whole microsecond."""
    workload = generate(process, service="exponential:1", duration=duration, seed=seed)

    assert sorted(workload.arrivals) == list(workload.arrivals)
    assert all(0 <= came < duration for came in workload.arrivals)
    assert [round(came, 6) for came in workload.arrivals] == list(workload.arrivals)


def test_text_says_the_same_as_python():
    """Fields by name or in order, and what ``generate`` takes."""
    by_text = generated("gamma:rate=2,cv=4,service=lognormal:mean=6:cv=2,duration=100,seed=7")

    assert list(by_text) == list(generate(Gamma(2, cv=4), service=LogNormal(6, cv=2), duration=100, seed=7))
    assert list(by_text) == list(generated("gamma:2,4,seed=7,duration=100,service=lognormal:6:2"))
    assert list(by_text) == list(read("gamma:2,4,duration=100", service=LogNormal(6, cv=2), seed=7))


def test_what_is_assumed_is_stated():
    """The process, the service times and the seed are told in words."""
    told = generated("poisson:2,service=exponential:3,seed=4").modelled

    assert (
        "arrivals are Poisson at 2 a second; service times are exponential, mean 3, in seconds; generated with seed 4"
        == told
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("poison:rate=2", "process of arrivals 'poison' is not one of diurnal, gamma, modulated, poisson, "),
        ("poisson:raet=2,service=1", "argument of poisson 'raet' is not one of duration, input_tokens, "),
        ("poisson:raet=2,service=1", "did you mean 'rate'?"),
        ("poisson:rate=-2,service=1", "rate: -2 is not a number of requests a second above 0"),
        ("poisson:rate=x,service=1", "rate: 'x' is not a number of requests a second above 0"),
        ("poisson:rate=nan,service=1", "rate: nan is not a number of requests a second above 0"),
        ("poisson:rate=inf,service=1", "rate: inf is not"),
        ("poisson:service=1", "rate missing; poisson takes rate"),
        ("poisson:1,2,service=1", "'2' is one value too many; poisson takes rate"),
        ("poisson:1,rate=2,service=1", "rate: was given twice"),
        ("poisson:1,service=1,service=2", "service: was given twice"),
        ("poisson:2", "service missing: how long a request takes, such as service=exponential:3"),
        ("poisson:2,service=exponental:3", "service times 'exponental' is not one of deterministic, "),
        ("poisson:2,service=exponential:0", "exponential:0: mean: 0 is not a number above 0"),
        ("poisson:2,service=pareto:3:shap=1", "argument of pareto 'shap' is not one of mean, shape; did you mean"),
        ("poisson:2,service=pareto:3:1", "shape: 1 is not a number above 1"),
        ("poisson:2,service=1,duration=0", "duration: 0.0 is not a number of seconds above 0"),
        ("poisson:2,service=1,duration=x", "duration: 'x' is not a number of seconds above 0"),
        ("poisson:2,service=1,seed=x", "seed: 'x' is not a whole number"),
        ("poisson:2,service=tokens", "give input_tokens and output_tokens, too"),
        ("modulated:1/2,3,service=1", "rates: 1/2: give a rate for each of 1 stays"),
        ("gamma:1,0,service=1", "cv: 0 is not a number from 0.01 to 100"),
        ("diurnal:1,swing=2,service=1", "swing: 2 is not a number from 0 to 1"),
    ],
)
def test_bad_text_is_one_line(text, told):
    """What was given, and what is accepted, begins with the text or with what it names."""
    with pytest.raises((ArgumentError, UnknownNameError)) as raised:
        read(text)

    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_more_requests_than_the_limit_are_refused(monkeypatch):
    """A rate far too high ends with one line, not with the machine's memory."""
    monkeypatch.setattr(sys.modules[generate.__module__], "MOST_REQUESTS", 100)

    with pytest.raises(ArgumentError, match="more than 100 requests come in 3600 s; fewer are accepted"):
        generate(Poisson(1e9), service=1)


def test_a_model_of_service_times_is_one():
    """Something else is told in one line."""
    with pytest.raises(ArgumentError, match=r"service times: \[3\] is neither a number nor one of deterministic, "):
        generate(Poisson(1), service=[3])


def test_a_path_is_not_taken_for_text():
    """Only a process, or what looks like one, is generated."""

    assert [True, True, False, False] == [
        is_generated(one) for one in ("poisson:2", "poison:rate=2", "C:/own.csv", "own.csv")
    ]
