"""More workers are wanted than there may be: answers say so, records keep it, and nothing that is done changes."""

from __future__ import annotations

import pickle

import pytest
from pydantic import JsonValue

from everai_autoscaler import Decider, FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.builtin import DemandAutoScaler
from everai_autoscaler.decision import guard, replay
from everai_autoscaler.model import Capped, DecideResult, Fleet, Outcome, Reason, Record, ScaleUpAction
from everai_autoscaler.testing import snapshot, worker

FULL = DecideResult(max_workers=5, actions=[])


def test_the_tightest_bound_is_named():
    """The most that is wanted counts, and the least that is allowed, with its name."""
    result = FULL.wanting(9).wanting(7, allowed=3, by="budget").wanting(7, allowed=4, by="schedule")

    assert Capped(wanted=9, allowed=3, by="budget") == result.capped


def test_of_equal_bounds_the_first_is_named():
    """The inner one says it first."""
    assert "maximum" == FULL.wanting(9).wanting(9, by="ceiling").capped.by


@pytest.mark.parametrize("wanted", [0, 4, 5])
def test_within_the_maximum_nothing_is_capped(wanted):
    """Wanting what there may be meets no bound, and the answer stays the same object."""
    assert FULL is FULL.wanting(wanted)


def test_it_travels_beside_the_wire_form():
    """It is no part of the form, nor of equality."""
    capped = FULL.wanting(9)

    assert (FULL.json(), FULL) == (capped.json(), capped)


def test_it_survives_reasons_copies_and_pickles():
    """Whatever is made of an answer later keeps it."""
    capped = FULL.wanting(9).because("no room").explained([Reason(who="x", why="y")]).spoken_by("simple")

    assert Capped(wanted=9, allowed=5) == capped.capped == capped.model_copy().capped
    assert capped.capped == pickle.loads(pickle.dumps(capped)).capped


def test_it_is_shown_only_where_it_is():
    """A repr without it stays as it was."""
    assert "capped" not in repr(FULL)
    assert "capped='wanted 9, may have 5: maximum'" in repr(FULL.wanting(9))


@pytest.mark.parametrize(("wanted", "capped"), [(9, Capped(wanted=9, allowed=4)), (4, None), (1, None)])
def test_going_towards_a_number_says_it(wanted, capped):
    """What is wanted before the bounds is compared with the maximum, whether or not there is room."""
    for present in (1, 4, 6):
        factors = snapshot(free=present)
        result = DecideResult.scale_to(wanted, factors, max_workers=4)
        towards = DecideResult.towards(wanted, Fleet.of(factors), "so", min_workers=0, max_workers=4)
        assert capped == result.capped == towards.capped


@pytest.mark.parametrize(
    ("scaler", "factors", "capped"),
    [
        (SimpleAutoScaler(max_workers=5, scale_up_step=4), {"busy": 3, "waiting": 2}, Capped(wanted=7, allowed=5)),
        (SimpleAutoScaler(max_workers=3), {"busy": 3, "waiting": 2}, Capped(wanted=4, allowed=3)),
        (SimpleAutoScaler(max_workers=3), {"busy": 3, "waiting": 1}, None),
        (SimpleAutoScaler(max_workers=3), {"busy": 2, "waiting": 2}, None),
        (SimpleAutoScaler(max_workers=3), {"busy": 2, "inflight": 1, "waiting": 9}, None),
        (SimpleAutoScaler(max_workers=3), {"busy": 5, "waiting": 0}, None),
        (SimpleAutoScaler(max_workers=3), {"busy": 3, "waiting": None}, None),
        (SimpleAutoScaler(min_workers=0, max_workers=0), {"waiting": 1}, Capped(wanted=1, allowed=0)),
        (SimpleAutoScaler(min_workers=2, max_workers=3, scale_up_step=9), {"busy": 1, "waiting": 9}, None),
        (FreeWorkerAutoScaler(max_workers=3, min_free_workers=1), {"busy": 3}, Capped(wanted=4, allowed=3)),
        (FreeWorkerAutoScaler(max_workers=3, min_free_workers=1), {"busy": 2, "free": 1}, None),
    ],
)
def test_the_builtin_scalers_say_it(scaler, factors, capped):
    """Their wish is what they would start without the maximum; while workers start, and below the minimum, it waits."""
    assert capped == scaler.decide(snapshot(**factors)).capped


def test_demand_says_it():
    """Its target is what the traffic asks for, before the maximum."""
    scaler = DemandAutoScaler(max_workers=3, rule="1*now")

    assert "wanted 8, may have 3: maximum" == str(scaler.decide(snapshot(busy=3, waiting=5)).capped)
    assert scaler.decide(snapshot(busy=2, waiting=0)).capped is None


def test_draining_workers_in_the_way_are_no_bound():
    """They take a place for a while, but no more is wanted than there may be."""
    factors = snapshot(busy=2, waiting=5, workers=[worker("z", draining=True)])

    assert SimpleAutoScaler(max_workers=3).decide(factors).capped is None


def test_the_guard_says_it():
    """What a policy starts beyond a maximum is demand that the maximum swallows; who drains isn't counted."""
    greedy = DecideResult(max_workers=9, actions=[ScaleUpAction(count=8)])
    factors = snapshot(busy=2, workers=[worker("z", draining=True)])

    assert Capped(wanted=10, allowed=9) == guard(greedy, factors).capped
    assert Capped(wanted=10, allowed=5) == guard(greedy, factors, max_workers=5).capped


def test_the_guard_tightens_what_a_policy_says():
    """A policy that says how many it wants, and states a maximum above its own bound."""
    result = DecideResult(max_workers=9, actions=[]).wanting(12)

    assert Capped(wanted=12, allowed=5) == guard(result, snapshot(busy=5), max_workers=5).capped


class TestRecord:
    """Records keep it."""

    @pytest.fixture
    def record(self) -> Record:
        record = Decider("simple", {"max_workers": 2}).decision(snapshot(busy=2, waiting=9)).record()
        assert record is not None
        return Record.from_json(record.json())

    def test_is_read_back(self, record: Record) -> None:
        """In the result, and in what was proposed."""
        assert Capped(wanted=3, allowed=2) == record.result.capped
        assert record.proposed is not None
        assert record.result.capped == record.proposed.capped

    def test_replays_equal(self, record: Record) -> None:
        """Made again it says the same; a record of another bound isn't the same."""
        again = replay(record)
        other = record.result.model_copy(update={"capped": Capped(wanted=4, allowed=2)})

        assert again.same
        assert record.result == again.outcome
        assert not replay(record.model_copy(update={"result": other})).same

    def test_an_older_record_replays_as_before(self, record: Record) -> None:
        """It doesn't say, and nothing is missed in it."""
        older = Outcome(**record.result.model_dump(exclude={"capped"}))

        assert older.capped is None
        assert replay(record.model_copy(update={"result": older})).same

    def test_is_left_out_where_no_bound_is_in_the_way(self) -> None:
        """Old readers, and old fixtures, see the form that they know."""
        written: JsonValue = Outcome.of(FULL).model_dump()

        assert isinstance(written, dict)
        assert "capped" not in written
