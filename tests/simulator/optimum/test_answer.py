"""The question and the answer as values."""

from __future__ import annotations

import math

import pytest

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.simulator.optimum import Optimum, Question


def test_an_answer_can_be_stored():
    """What is read back equals what was written, fleet and question too."""
    best = Optimum(
        bound=1.5, schedule=2.5, question=Question(wait=5, share=0.99, requests=7), fleet=((-3.0, 1), (4.5, 0))
    )

    assert best == Optimum.from_json(best.to_json())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bound": 1}', '{"question": 3}'])
def test_what_is_no_answer_is_one_clear_line(text):
    """Text that isn't an answer is refused with the names that an answer has."""
    with pytest.raises(ContractError, match="is not an object with bound, schedule"):
        Optimum.from_json(text)


@pytest.mark.parametrize(
    ("bound", "schedule", "gap"), [(100, 110, 0.1), (100, 100, 0), (0, 0, 0), (0, 5, math.inf), (100, 99.9999, 0)]
)
def test_the_gap_is_a_part_of_the_bound(bound, schedule, gap):
    """It is 0 where the two meet, and infinite above a bound of nothing."""
    assert gap == pytest.approx(Optimum(bound=bound, schedule=schedule).gap)


def test_regret_is_a_multiple_of_the_schedule():
    """Twice the cheapest schedule known is a regret of two."""
    assert 2.0 == Optimum(bound=40, schedule=50).regret(100)
    assert math.inf == Optimum(bound=0, schedule=0).regret(100)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"wait": -1}, "wait: -1 is not a number of seconds, at least 0"),
        ({"wait": math.nan}, "wait: nan is not a number of seconds"),
        ({"cold_start": math.inf}, "cold_start: inf is not a number of seconds"),
        ({"share": 1.1}, "share: 1.1 is not a number from 0 to 1"),
        ({"minimum": -1}, "minimum: -1 is not a whole number, at least 0"),
        ({"concurrency": 0}, "concurrency: 0 is not a whole number, at least 1"),
        ({"workers": 1.5}, "workers: 1.5 is not a whole number, at least 0"),
    ],
)
def test_a_question_out_of_bounds_is_one_clear_line(arguments, words):
    """The line names the value, what was given and what is accepted."""
    with pytest.raises(ArgumentError, match=words):
        Question(**arguments)


@pytest.mark.parametrize(("share", "requests", "late"), [(0.99, 100, 1), (0.99, 99, 0), (1, 5, 0), (0.07, 100, 93)])
def test_how_many_may_be_late_is_counted_exactly(share, requests, late):
    """A share of a number of requests is rounded in their favour, without the error of floating-point numbers."""
    assert late == Question(share=share, requests=requests).may_be_late
