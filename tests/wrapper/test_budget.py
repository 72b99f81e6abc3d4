"""At most so much money: what may be started, what goes, what is said, and what is remembered."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.decision import guard
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.testing import factors, snapshot, story, worker
from everai_autoscaler.wrapper import Budget

NOON = datetime.fromisoformat("2024-07-01T12:00+00:00").timestamp()
HOUR = 3600
EAGER = SimpleAutoScaler(min_workers=0, max_workers=20, scale_up_step=5, max_idle_time=600)


def after(spent: float, budget: Budget, *, month: float | None = None, **fields):
    """What a budget decides at noon when so much was spent on this day."""
    own = {"at": NOON, "rate": 0.0, "dearest": None, "day": spent, "month": spent if month is None else month}
    memory = {"own": own, "children": [None]}
    return budget.decide_with_memory(snapshot(observed_at=NOON, **fields), memory)[0]


def told(result) -> str:
    """What the budget says of it."""
    return "; ".join(str(reason) for reason in result.reasons if reason.who == "budget")


class TestWhatMayBeStarted:
    """A start is refused that isn't paid for."""

    @pytest.mark.parametrize(("per_hour", "up"), [(9, 5), (6, 3), (5.9, 2), (3, 0), (2, 0), (0, 0)])
    def test_an_hour_of_all_workers(self, per_hour, up):
        """With three there, at 1.00 each."""
        result = Budget(EAGER, per_hour=per_hour, price=1, horizon=HOUR).decide(snapshot(busy=3, waiting=9))

        assert up == result.up

    @pytest.mark.parametrize(
        ("spent", "up"), [(0, 5), (11, 5), (12, 5), (13, 4), (16.9, 0), (17, 0), (18.4, 0), (30, 0)]
    )
    def test_a_day(self, spent, up):
        """What was spent and the next hour of all workers, three of whom are there, come to at most 20."""
        result = after(spent, Budget(EAGER, per_day=20, price=1, horizon=HOUR), busy=3, waiting=9)

        assert up == result.up

    def test_the_horizon_is_a_day(self):
        """What is left at noon has to last until midnight, and a new amount from then on until noon."""
        budget = Budget(EAGER, per_day=60, price=1)

        assert (2, 1, 0) == tuple(after(spent, budget, busy=3, waiting=9).up for spent in (0, 9, 18))
        assert 0 == after(0, Budget(EAGER, per_day=36, price=1), busy=3, waiting=9).up

    @pytest.mark.parametrize(("spent", "allowed"), [(0, 1), (3, 1), (3.1, 0), (9, 0)])
    def test_one_worker_may_be_there_while_the_money_lasts_an_hour(self, spent, allowed):
        """A small amount serves a while, rather than nobody all day."""
        assert allowed == after(spent, Budget(EAGER, per_day=5, price=2), waiting=1).max_workers

    def test_in_the_last_hour_only_that_hour_has_to_be_paid(self):
        """At half past eleven half an hour of four workers comes to 2.00."""
        late = NOON + 41_400
        own = {"at": late, "rate": 0.0, "dearest": None, "day": 18.0, "month": 18.0}
        night = snapshot(observed_at=late, busy=1, waiting=9)
        result, _ = Budget(EAGER, per_day=20, price=1, horizon=HOUR).decide_with_memory(
            night, {"own": own, "children": [None]}
        )

        assert 3 == result.up

    def test_the_tightest_of_several_budgets_binds(self):
        """And is the one that is named."""
        result = after(
            2,
            Budget(EAGER, per_hour=9, per_day=20, per_month=100, price=1, horizon=HOUR),
            month=95.0,
            busy=3,
            waiting=9,
        )

        assert 2 == result.up
        assert "budget: starts 2 of 5 workers: the budget of 100.00 a month allows 5 at 1.00 each: 95.00 spent" in told(
            result
        )

    def test_workers_that_drain_cost_as_well(self):
        """They count for the hour."""
        fleet = snapshot(waiting=9, workers=[worker("a", "Busy"), worker("b", "Busy", draining=True)])

        assert 1 == Budget(EAGER, per_hour=3, price=1, horizon=HOUR).decide(fleet).up

    def test_what_costs_nothing_is_let_start(self):
        """No budget is in its way, unless it is exceeded already."""
        assert 5 == Budget(EAGER, per_hour=0, price=0).decide(snapshot(busy=3, waiting=9)).up
        assert 0 == after(3, Budget(EAGER, per_day=2, price=0), busy=3, waiting=9).up

    def test_a_budget_wins_over_a_minimum(self):
        """As a maximum does: at most is at most."""
        scaler = SimpleAutoScaler(min_workers=4, max_workers=9)

        assert 2 == Budget(scaler, per_hour=2, price=1, horizon=HOUR).decide(snapshot()).up

    def test_it_says_what_it_swallowed(self):
        """How many would have been, and how many may be."""
        result = after(18.4, Budget(EAGER, per_day=20, price=0.4, horizon=HOUR), busy=1, waiting=9)

        assert "wanted 6, may have 4: budget" == str(result.capped)
        assert [
            "starts 3 of 5 workers: the budget of 20.00 a day allows 4 at 0.40 each: 18.40 spent",
            (
                "warning: 92% of 20.00 a day are spent: at 0.40 an hour the rest lasts 4.0 h, and the period ends in "
                "12.0 h"
            ),
        ] == [reason.why for reason in result.reasons if reason.who == "budget"]


class TestWhatGoes:
    """Workers without work that aren't paid for go at once; nobody at work does."""

    def test_the_newest_idle_ones(self):
        """Down to what the next hour may cost."""
        result = after(17, Budget(EAGER, per_day=20, price=1, horizon=HOUR), busy=1, free=4, idle_for=5)

        assert ("free-4", "free-3") == result.down
        assert "budget: removes 2 workers without work: the budget of 20.00 a day allows 3 at 1.00 each" in told(result)

    def test_nobody_at_work(self):
        """Work is finished, whatever it costs."""
        result = after(30, Budget(EAGER, per_day=20, price=1, horizon=HOUR), busy=3)

        assert ((), 0) == (result.down, result.max_workers)

    @pytest.mark.parametrize("waiting", [1, None])
    def test_nobody_while_anything_waits(self, waiting):
        """Or may wait."""
        assert () == after(30, Budget(EAGER, per_day=20, price=1, horizon=HOUR), free=3, waiting=waiting).down

    def test_the_minimum_inside_stays(self):
        """It was said to be there always; nothing is started to it, though."""
        scaler = SimpleAutoScaler(min_workers=2, max_workers=9, max_idle_time=600)

        assert ("free-3",) == after(30, Budget(scaler, per_day=20, price=1, horizon=HOUR), free=3).down
        assert 0 == after(30, Budget(scaler, per_day=20, price=1, horizon=HOUR), free=1).up

    def test_what_the_scaler_inside_removes_goes_anyway(self):
        """It has its own reasons."""
        result = after(0, Budget(EAGER, per_day=20, price=1, horizon=HOUR), free=2, idle_for=700)

        assert 2 == len(result.down)

    def test_a_spare_that_is_not_paid_for_goes_although_it_is_wanted(self):
        """The scaler inside would have one more; both are said."""
        scaler = FreeWorkerAutoScaler(min_workers=0, max_workers=9, min_free_workers=2)
        result = after(18, Budget(scaler, per_day=20, price=1, horizon=HOUR), busy=2, free=1)

        assert ("free-1",) == result.down
        assert "starts none of 1 worker and removes 1 worker without work" in told(result)


class TestNotKnown:
    """What isn't known isn't zero."""

    def test_without_a_price_there_may_be_one_worker(self):
        """It may say what it costs; until then nobody joins it, and nobody has to go."""
        budget = Budget(EAGER, per_day=20)

        assert (1, 0) == (budget.decide(snapshot(waiting=9)).up, budget.decide(snapshot(busy=2, waiting=9)).up)
        said = budget.decide(snapshot(busy=1, waiting=9))
        assert "wanted 6, may have 1: budget" == str(said.capped)
        assert [
            "budget: starts none of 5 workers: at most one worker while no price is known",
            "budget: warning: what a worker costs is not known, so that nothing is counted: state it as price",
        ] == [str(reason) for reason in said.reasons[-2:]]
        assert () == budget.decide(snapshot(busy=1, free=1)).down

    def test_a_price_is_learnt_from_the_first_worker(self):
        """It is remembered for when nobody is there."""
        budget = Budget(EAGER, per_day=22, horizon=HOUR)
        _, memory = budget.decide_with_memory(snapshot(observed_at=NOON, workers=[worker("a", cost=4.0)]), None)
        result, _ = budget.decide_with_memory(
            snapshot(observed_at=NOON + 20, waiting=9), json.loads(json.dumps(memory))
        )

        assert (1, 5) == (result.up, result.max_workers)

    def test_workers_that_are_not_known_are_charged_later(self):
        """The ledger stays where it was."""
        budget = Budget(EAGER, per_day=20, price=1, horizon=HOUR)
        fleet = [worker("a", "Busy", observed_at=NOON, started_ago=10)]
        _, before = budget.decide_with_memory(snapshot(observed_at=NOON, workers=fleet), None)
        dark, between = budget.decide_with_memory(snapshot(observed_at=NOON + 1800, workers=None), before)
        _, after_ = budget.decide_with_memory(snapshot(observed_at=NOON + 3600, workers=fleet), between)

        assert dark.held
        assert before == between
        assert 3610 / 3600 == pytest.approx(after_["own"]["day"])

    def test_a_hold_inside_stays_one(self):
        """Nobody goes; the maximum is the budget's."""
        result = after(19, Budget(EAGER, per_day=20, price=1, horizon=HOUR), free=3, waiting=None)

        assert (True, 1) == (result.held, result.max_workers)


class TestWarnings:
    """Before it binds, the reason warns."""

    @pytest.mark.parametrize(
        ("fields", "warning"),
        [
            ({"per_hour": 10}, "warning: 80% of 10.00 an hour are used, 8.00 an hour"),
            (
                {"per_day": 50},
                "warning: 80% of 50.00 a day are spent: at 8.00 an hour the rest lasts 1.2 h, and the period ends in",
            ),
            (
                {"per_day": 40, "per_hour": 50},
                "warning: 100% of 40.00 a day are spent: at 8.00 an hour the rest lasts 0",
            ),
            ({"per_hour": 11}, None),
            ({"per_day": 51}, None),
            ({"per_hour": 11, "warn_percent": 50}, "warning: 73%"),
            ({"per_hour": 0}, "warning: 100% of 0.00 an hour"),
        ],
    )
    def test_from_a_share_on(self, fields, warning):
        """Of a day what was spent counts, of an hour what the workers there cost."""
        said = str(after(40, Budget(EAGER, price=2, **fields), busy=4).reasons[-1])

        assert (warning is not None) == ("warning" in said)
        assert (warning or "") in said

    def test_a_fleet_that_costs_nothing_lasts(self):
        """No rate, no end."""
        assert "90% of 20.00 a day are spent, and" in str(after(18, Budget(EAGER, per_day=20, price=2)).reasons[-1])


class TestArguments:
    """What is refused."""

    def test_one_amount_is_needed(self):
        """Else it would bound nothing."""
        with pytest.raises(ArgumentError, match="no amount is given: write per_hour, per_day or per_month"):
            Budget(EAGER, price=1)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"per_day": -1}, "per_day: -1 is not a number of at least 0"),
            ({"per_day": 1, "timezone": "Mars/Base"}, "timezone 'Mars/Base' is not known"),
            ({"per_day": 1, "horizon": 0}, "horizon: 0 is not a number above 0"),
        ],
    )
    def test_values_that_do_not_fit(self, fields, message):
        """At once, not at the first decision."""
        with pytest.raises(ArgumentError, match=message):
            Budget(EAGER, **fields)


def test_story_a_day_with_too_little_money(life, late):
    """By name, with a ConfigMap, through a restart, replayed at each step: it binds, and another amount loosens it."""
    app = life(
        "budget",
        {
            "scaler": {"name": "wants", "arguments": {"workers": late("wanted")}},
            "per_day": late("money"),
            "price": 10,
            "horizon": 3600,
        },
        wanted=2,
        money=40,
    )

    assert 2 == app.at(0, 0)
    assert 0 == app.at(60, 2)
    app.restart()
    assert 0 == app.at(3600, 2, wanted=4)
    assert "starts none of 2 workers: the budget of 40.00 a day allows 2 at 10.00 each: 20.00 spent" in app.said
    assert "wanted 4, may have 2: budget" == str(app.records[-1].result.capped)
    assert 2 == app.at(3620, 2, money=80)
    assert -4 == app.at(3640, 4, wanted=0)
    app.values["money"] = "nonsense"
    assert 0 == app.at(3660, 0)
    assert ["per_day"] == app.kept


def test_story_the_next_day_begins_with_new_money():
    """An exhausted budget starts nothing until the last hour, which tomorrow's money helps to pay; its zone counts."""
    midnight = datetime.fromisoformat("2024-07-02T00:00+09:00").timestamp()
    scaler = Budget(SimpleAutoScaler(min_workers=0, max_workers=4), per_day=4, price=4, timezone="Asia/Tokyo")
    own = {"at": midnight - 3610, "rate": 0.0, "dearest": None, "day": 3.0, "month": 3.0}
    played = story(scaler, start=midnight - 3600, memory={"own": own, "children": [None]}).waiting(1)

    played = played.expect_nothing(because="allows 0 at 4.00 each: 3.00 spent").after(2600).expect_nothing()
    played.after(100).expect(up=1)


def test_the_next_period_has_to_pay_its_part():
    """A worker that tomorrow's money can't pay isn't started for the last minutes of today."""
    late = NOON + 43_140
    own = {"at": late, "rate": 0.0, "dearest": None, "day": 0.0, "month": 0.0}
    budget = Budget(EAGER, per_day=1, price=4)

    assert 0 == budget.decide_with_memory(snapshot(observed_at=late, waiting=9), {"own": own, "children": [None]})[0].up


@pytest.mark.parametrize(("fields", "exceeded"), [({}, False), ({"horizon": HOUR}, True)])
def test_a_fleet_that_is_always_busy(fields, exceeded):
    """It keeps a day's amount; with a shorter horizon those who are busy when the money is gone exceed it."""
    budget = Budget(EAGER, per_day=72, price=1, **fields)
    memory, fleet, days = None, [], []
    for now in range(int(NOON) - 43_200, int(NOON) + 3 * 43_200, 900):
        result, memory = budget.decide_with_memory(snapshot(workers=fleet, waiting=9, observed_at=now), memory)
        fleet += [
            worker(f"{now}-{one}", "Busy", observed_at=now + 60, started_ago=60, current_request=1)
            for one in range(result.up)
        ]
        days.append(memory["own"]["day"])
        assert () == result.down

    assert len(fleet) >= 2
    assert exceeded == (max(days) > 72)


@settings(max_examples=60)
@given(
    factors(),
    st.floats(0, 30),
    st.floats(0, 30),
    st.sampled_from([0.5, 3.0]),
    st.fixed_dictionaries({}, optional={"per_hour": st.integers(0, 9), "per_month": st.integers(0, 40)}),
)
def test_what_is_started_is_always_paid_for(seen, spent, per_day, price, more):
    """Never beyond the allowance by more than what was there; nobody at work goes, and the guard has nothing to say."""
    own = {"at": seen.observed_at, "rate": 0.0, "dearest": None, "day": spent, "month": spent}
    budget = Budget(EAGER, per_day=per_day, price=price, **more)
    result, memory = budget.decide_with_memory(seen, {"own": own, "children": [None]})

    assert "guard" not in {reason.who for reason in guard(result, seen).reasons}
    if result.up:
        rate = sum(price if one.cost is None else one.cost for one in seen.workers) + result.up * price
        assert rate <= more.get("per_hour", rate) + 1e-6
        assert memory["own"]["day"] + rate / 60 <= per_day + 1e-6


def test_late_values_are_read_when_it_decides():
    """Also by a wrapper that no pipeline binds."""
    scaler = Budget(EAGER, per_hour=lambda: "2", price=1, timezone=lambda: "Asia/Tokyo")

    assert 2 == scaler.decide(snapshot(busy=1, waiting=9)).max_workers
