"""The forms of the tuner refuse what can't be meant."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.tuning import Budget, Candidate, Choice, Slo, Spent, Standing, Traffic


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"within": -1}, "within: -1 is not a number of seconds"),
        ({"within": math.nan}, "within: nan"),
        ({"share": 1.0}, "share: 1.0 is not a share above 0 and below 1"),
        ({"share": 0}, "share: 0 is"),
    ],
)
def test_an_slo_is_a_wait_and_a_share(given: dict[str, float], why: str) -> None:
    """A share of 1 leaves no budget, and is refused."""
    with pytest.raises(ContractError, match=why):
        Slo(**given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"services": [1.0]}, "2 arrivals, but 1 service times"),
        ({"arrivals": [5.0, 4.0]}, "request 2: came at 4.0, not in order"),
        ({"arrivals": [5.0, 10.0]}, "request 2: came at 10.0, not in order between 0.0 and 10.0"),
        ({"services": [1.0, -1.0]}, "request 2: service: -1.0"),
        ({"until": -1.0}, "until: -1.0 is not"),
        ({"cold_start": math.inf}, "cold_start: inf"),
        ({"period": 0.0}, "period: 0.0 is not a number of seconds above 0"),
        ({"concurrency": 0}, "concurrency: 0"),
    ],
)
def test_traffic_is_in_order_and_within_its_stretch(given: dict[str, Any], why: str) -> None:
    """A request of another stretch, or a number that can't be, is named."""
    usual = {"arrivals": [5.0, 6.0], "services": [1.0, 1.0], "start": 0.0, "until": 10.0, "cold_start": 30.0}

    with pytest.raises(ContractError, match=why):
        Traffic(**{**usual, **given})


def test_no_more_are_late_than_were_due() -> None:
    """What was spent is a part of what was due."""
    with pytest.raises(ContractError, match="3 late of 2 requests"):
        Spent(due=2, late=3)


def test_a_choice_is_a_json_value() -> None:
    """The whole of it can be written into a file."""
    candidate = Candidate("demand", {"rule": "now"}, prior={10.0: 0.1})
    standing = Standing(0, candidate, workers=2.0, share=0.99, risk=0.01, allowed=True)
    budget = Budget(due=1000.0, late=3.0, aim=0.009, allowed=0.01)
    choice = Choice(5.0, 0, candidate, "it is the cheapest", True, 0.1, 0.99, standing, (standing,), budget, 24.0)
    told = json.loads(json.dumps(choice.to_json()))

    assert {"rule": "now"} == told["arguments"]
    assert told["runners_up"] == [told["standing"]]
    assert (pytest.approx(1 / 3), pytest.approx(6)) == (told["budget"]["spent"], told["budget"]["left"])


def test_nothing_is_spent_where_nothing_came() -> None:
    """A day without traffic leaves the whole budget."""
    assert 0.0 == Budget(due=0.0, late=0.0, aim=0.009, allowed=0.01).spent
