from __future__ import annotations

import pytest
from attrs import define

from everai_autoscaler.builtin import FreeWorkerAutoScaler
from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import AutoScaler, argument
from everai_autoscaler.simulator.searched import Searched, searched_of


@define
class Odd(AutoScaler):
    """Has an argument of every kind."""

    gain: float = argument(0.5, gt=0, le=4, help="how strongly it answers")
    backlog: int = argument(30, ge=1, help="requests")
    mode: str = argument("calm", help="its mood")
    eager: bool = argument(False, help="whether it is")

    def decide(self, factors): ...


def searched(factory=FreeWorkerAutoScaler, given=None, wanted=None, peak=10):
    return [str(one) for one in searched_of(factory, given or {}, wanted or {}, peak=peak, owner="it")]


def test_every_number_that_is_not_given_is_searched():
    """Those that platforms don't know need to be named; texts and booleans can't be searched."""
    assert ["gain=0.01..4", "backlog=1..150"] == searched(Odd)
    assert "start_timeout" not in " ".join(searched())


def test_the_demand_says_how_many_workers_are_tried():
    """Up to twice as many as were ever busy at once, but no more than the maximum that is given."""
    names = "min_workers=0..{0} max_workers=0..{0} min_free_workers=0..{0} max_idle_time=0..600 scale_up_step=1..{0}"

    assert names.format(20).split() == searched()
    assert names.format(7).split()[2:] == searched(given={"max_workers": "7", "min_workers": 1})


def test_what_is_wanted_is_searched_alone():
    """In the range that was given, or in its own."""
    wanted = {"max_idle_time": (10, 60), "start_timeout": None}

    assert ["max_idle_time=10..60", "start_timeout=0..3000"] == searched(wanted=wanted)


def test_a_wide_range_above_nothing_is_searched_by_ratio():
    """From 1 to 500, a step from 1 to 2 matters more than one from 400 to 401."""
    assert Searched("x", 1, 500, whole=True).by_ratio
    assert not Searched("x", 0, 500, whole=True).by_ratio


@pytest.mark.parametrize(
    ("given", "wanted", "error", "why"),
    [
        ({}, {"idle": None}, UnknownNameError, "it: argument 'idle' is not one of max_idle_time"),
        ({"max_idle_time": 5}, {"max_idle_time": None}, ArgumentError, "it: max_idle_time: is fixed to 5"),
        ({}, {"max_idle_time": (60, 10)}, ArgumentError, "range 60..10 has to go from a lower number to a higher"),
        ({}, {"max_idle_time": (0, float("nan"))}, ArgumentError, "range 0..nan has to go from a lower"),
        ({}, {"max_idle_time": (0.5, 10)}, ArgumentError, "range 0.5..10 has to be of whole numbers"),
        ({}, {"scale_up_step": (0, 10)}, ArgumentError, "scale_up_step: 0 from the range of the search is not a whole"),
    ],
)
def test_a_search_that_cannot_be_is_refused(given, wanted, error, why):
    """In one line that names the scaler, the argument and what is wrong."""
    with pytest.raises(error, match=why):
        searched(given=given, wanted=wanted)


def test_only_numbers_are_searched():
    """A text has no range, and a scaler whose numbers are all given leaves nothing to search."""
    with pytest.raises(ArgumentError, match="it: mode: is text; only numbers can be searched"):
        searched(Odd, wanted={"mode": None})
    with pytest.raises(ArgumentError, match="nothing to search"):
        searched(Odd, given={"gain": 1, "backlog": 2})
