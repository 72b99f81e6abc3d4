"""The error budget, the late share that is reckoned with, and the choice."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.tuning import Candidate, Constants, Slo
from everai_autoscaler.tuning.choose import budget_of, choose, risks_of
from everai_autoscaler.tuning.evidence import Account, Evidence

KNOWN = Constants()


@pytest.mark.parametrize(
    ("due", "late", "allowed", "why"),
    [
        (0, 0, 0.0056, "an app of which nothing is known may spend 0.7 of the aim"),
        (20_000, 160, 0.008, "one that is known, and spent what it may, has the aim"),
        (20_000, 0, 0.0128, "one that spent nothing has 1.6 times the aim at most"),
        (20_000, 210, 0.006, "one that spent too much has less: 50 of 25,000"),
        (20_000, 900, 0.004, "but never less than half the aim"),
        (10_000, 80, 0.0068, "half known, it has 0.85 of the aim"),
    ],
)
def test_the_budget_is_what_the_slo_leaves_minus_what_was_spent(
    due: float, late: float, allowed: float, why: str
) -> None:
    """Tighter while little is known, fed back by what was really late, and bounded."""
    budget = budget_of(Account(due=due, late=late), Slo(), KNOWN)

    assert pytest.approx(allowed) == budget.allowed, why
    assert pytest.approx(0.008) == budget.aim


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 1))
def test_more_late_requests_never_widen_the_budget(due: float, one: float, other: float) -> None:
    """The feedback has the right sign, whatever was spent."""
    few, many = sorted((one, other))
    allowed = [budget_of(Account(due=due, late=share * due), Slo(), KNOWN).allowed for share in (few, many)]

    assert allowed[1] <= allowed[0]


def test_what_was_expected_weighs_as_many_requests_as_the_prior_has() -> None:
    """500 requests of prior beside 500 of evidence: the mean of both shares, and the margin."""
    evidence = Evidence((0.0, 0.0), (10.0, 10.0), (0.0, 0.0), (0.0, 0.0), requests=500.0)
    expected = Candidate("demand", prior={30.0: 0.1})
    risks = risks_of(evidence, [expected, Candidate("simple")], 30.0, KNOWN)

    assert [pytest.approx(0.06), pytest.approx(0.02)] == risks


def test_without_traffic_and_prior_the_risk_is_unknown() -> None:
    """What nobody knows anything about is no candidate."""
    assert [math.inf] == risks_of(Evidence.none(1), [Candidate("simple")], 30.0, KNOWN)


@pytest.mark.parametrize(
    ("costs", "risks", "present", "chosen", "why"),
    [
        ([5, 3, 1], [0, 0, 0.5], 0, 1, "the cheapest within the budget"),
        ([5, 4.86], [0, 0], 0, 0, "a saving of 2.8 % isn't worth a switch"),
        ([5, 4.84], [0, 0], 0, 1, "one of 3.2 % is"),
        ([5, 9], [0.5, 0], 0, 1, "the present one is out of budget: the other, though it is dearer"),
        ([5, 4], [0.104, 0.1], 0, 1, "none is within: the cheapest of those nearly as little late as the best"),
        ([4, 5], [0.104, 0.1], 1, 0, "likewise"),
        ([1, 5], [0.2, 0.1], 0, 1, "none is within, and the present one is much worse than the best"),
        ([5, 5], [0.002, 0.001], None, 1, "of equal costs the one that is late less"),
    ],
)
def test_choices(costs: list[float], risks: list[float], present: int | None, chosen: int, why: str) -> None:
    """Within a budget of 1 %."""
    assert chosen == choose(costs, risks, 0.01, present=present, constants=KNOWN), why


RISK = st.floats(0, 1) | st.sampled_from([0.0, 0.01, math.inf])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e9), RISK), min_size=1, max_size=8), st.data())
def test_none_out_of_budget_is_chosen_while_one_is_within(rows: list[tuple[float, float]], data: st.DataObject) -> None:
    """Whatever is in force; and what is chosen costs at most 3 % more than the cheapest within."""
    costs, risks = [cost for cost, _ in rows], [risk for _, risk in rows]
    present = data.draw(st.none() | st.integers(0, len(rows) - 1))
    chosen = choose(costs, risks, 0.01, present=present, constants=KNOWN)
    within = [cost for cost, risk in rows if risk <= 0.01]

    if within:
        assert risks[chosen] <= 0.01
        assert costs[chosen] * (1 - KNOWN.switch_saving) <= min(within) * (1 + 1e-9)
