"""A workload refuses what no request can have."""

from __future__ import annotations

import math

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator.workload import LONGEST_GAP, Workload


def test_an_empty_workload_has_no_span():
    """No request: nothing comes, and nothing takes time."""
    empty = Workload("none", [], [])

    assert (0, 0.0, 0.0, 0.0) == (len(empty), empty.span, empty.end, empty.mean_service)


def test_the_end_is_that_of_the_last_answer():
    """A long request that came early may end last."""

    assert 100.0 == Workload("two", [0, 5], [100, 1]).end


@pytest.mark.parametrize(
    ("arrivals", "services", "told"),
    [
        ([1, 0], [1, 1], "w: request 2: arrival: 0.0 comes after 1.0, not in order"),
        ([-1], [1], "w: request 1: arrival: -1.0 is not a number of seconds of at least 0"),
        ([0, math.nan, 1], [1, 1, 1], "w: request 2: arrival: nan is not a number of seconds of at least 0"),
        ([0, math.inf], [1, 1], "w: request 2: arrival: inf is not a number of seconds of at least 0"),
        ([0, 1], [1, -1], "w: request 2: service: -1.0 is not a number of seconds of at least 0"),
        ([0, 1], [math.nan, 1], "w: request 1: service: nan is not a number of seconds of at least 0"),
        ([0, 1], [1, math.inf], "w: request 2: service: inf is not a number of seconds of at least 0"),
        ([0, 1], [1], "w: services: has 1 values, not one for each of 2 requests"),
        ([0, 1 + LONGEST_GAP * 2], [1, 1], "comes 732 days after 0.0; at most 366 days may lie between"),
    ],
)
def test_what_no_request_can_have_is_refused_by_number(arrivals, services, told):
    """One line that names the request, what was given, and what is accepted."""
    with pytest.raises(ContractError) as raised:
        Workload("w", arrivals, services)

    assert told in str(raised.value)


def test_several_years_are_accepted_while_no_gap_is_longer_than_one():
    """A gap of years is refused; years of requests are not."""
    arrivals = [number * LONGEST_GAP for number in range(4)]

    assert 3 * LONGEST_GAP == Workload("years", arrivals, [1] * 4).span


def test_more_requests_than_the_limit_are_refused(monkeypatch):
    """The limit is named."""
    monkeypatch.setattr("everai_autoscaler.simulator.workload.MOST_REQUESTS", 2)

    with pytest.raises(ContractError, match="w: has 3 requests; at most 2 are accepted"):
        Workload("w", [0, 1, 2], [1, 1, 1])


def test_a_part_keeps_every_column():
    """Sessions, tokens, classes and the moment of second 0 go along with a part."""
    whole = Workload(
        "w",
        [0, 5, 9],
        [1, 1, 1],
        sessions=["a", None, "b"],
        input_tokens=[1, 2, 3],
        classes=["x", "y", "z"],
        start=100.0,
    )
    part = whole.between(5, 9)

    assert ([None], [2], ["y"], 105.0) == (part.sessions, part.input_tokens, part.classes, part.start)
    assert part.output_tokens is None
