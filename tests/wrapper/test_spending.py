"""What the workers have cost, added up from snapshot to snapshot."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.model import Worker
from everai_autoscaler.testing import worker
from everai_autoscaler.wrapper.spending import LONGEST_GAP, Prices, Spent
from everai_autoscaler.wrapper.wall_clock import Period

MIDNIGHT = 1_719_792_000
DAY = Period(MIDNIGHT, MIDNIGHT + 86_400)
NOON = MIDNIGHT + 43_200


def w(name: str, started: float, cost: float | None = 1.0) -> Worker:
    """A worker that was started so many seconds after noon."""
    return worker(name, observed_at=NOON, cost=cost).model_copy(update={"started_at": int(NOON + started)})


def later(spent: Spent, seconds: float, *workers: Worker, price: float | None = None, day: Period = DAY) -> Spent:
    """What is spent so many seconds after noon, when these workers are seen."""
    prices = Prices.read(workers, price=price, spent=spent, day=day)
    return spent.until(NOON + seconds, workers, prices, day=day, month=Period(MIDNIGHT - 864_000, day.end))


class TestSpent:
    """Worker-seconds times price."""

    @pytest.mark.parametrize(
        ("seen", "hours"),
        [
            ([(0, ["a"]), (3600, ["a"])], 1.0),  # it is still there: all of a gap is charged
            ([(0, ["a"]), (3600, [])], LONGEST_GAP / 3600),  # it went sometime
            ([(0, ["a"]), (60, []), (3600, [])], 60 / 3600),  # it was gone at the first
            ([(0, []), (3600, ["late"])], 0.5),  # started half an hour ago, and told for the first time
            ([(0, ["a"]), (1800, ["a"]), (3600, ["a", "late"])], 1.5),
            ([(0, ["a"]), (3600, ["a"]), (1800, ["a"]), (3600, ["a"]), (7200, ["a"])], 2.5),
        ],
    )
    def test_from_snapshot_to_snapshot(self, seen, hours):
        """Those that are there are charged since the last snapshot or their start, those that are gone for a while."""
        spent = later(Spent(), 0)
        spent = Spent(at=spent.at, rate=float("a" in seen[0][1]))
        for seconds, names in seen[1:]:
            started = {"a": 0, "late": 1800}
            spent = later(spent, seconds, *(w(name, started[name]) for name in names))

        assert hours == pytest.approx(spent.day) == spent.month

    def test_the_first_snapshot_charges_since_the_start(self):
        """What is there has cost since it was started, on this day and in this month."""
        spent = later(Spent(), 0, w("a", -3600), w("b", -16 * 3600, 2.0))

        assert (1 + 2 * 12, 1 + 2 * 16) == pytest.approx((spent.day, spent.month))

    def test_a_start_that_is_not_known_costs_nothing_before_the_first_snapshot(self):
        """Zero is no moment to charge from."""
        spent = later(Spent(), 0, w("a", -NOON))

        assert 0 == spent.day
        assert 1 == pytest.approx(later(spent, 3600, w("a", -NOON)).day)

    def test_a_new_day_begins_at_nothing(self):
        """What was spent before midnight is the month's."""
        tomorrow = Period(DAY.end, DAY.end + 86_400)
        spent = later(Spent(), 42_600, w("a", 42_600))
        spent = later(spent, 43_800, w("a", 42_600), day=tomorrow)

        assert (600 / 3600, 1200 / 3600) == pytest.approx((spent.day, spent.month))

    def test_a_worker_gone_over_midnight_is_charged_on_its_day(self):
        """Only the part of its gap that lies in the new day."""
        tomorrow = Period(DAY.end, DAY.end + 86_400)
        spent = later(Spent(at=NOON + 43_140, rate=1.0), 43_800, day=tomorrow)

        assert (LONGEST_GAP - 60) / 3600 == pytest.approx(spent.day)

    def test_a_clock_that_is_set_back_over_midnight_forgets_nothing(self):
        """What was spent stays; nothing is spent twice."""
        tomorrow = Period(DAY.end, DAY.end + 86_400)
        spent = later(Spent(at=tomorrow.begin + 60, rate=1.0, day=5.0, month=9.0), 43_000, w("a", 0))

        assert (5.0, 9.0) == (spent.day, spent.month)

    @given(st.lists(st.tuples(st.floats(-5000, 90_000), st.sets(st.sampled_from("abcd"))), min_size=1, max_size=8))
    def test_it_is_never_less_and_survives_a_restart(self, seen):
        """Whatever the clock does; what is written is read back."""
        spent = Spent()
        for seconds, names in seen:
            before = spent
            spent = Spent.read(json.loads(json.dumps(later(spent, seconds, *(w(one, 0) for one in names)).written())))
            assert spent is not None
            assert spent.month >= before.month

    @pytest.mark.parametrize("own", [7, [], {}, {"at": 1}, {**Spent(at=1.0).written(), "day": -1}])
    def test_what_it_never_wrote_is_not_read(self, own):
        """The wrapper then starts afresh, and says so."""
        assert Spent.read(own) is None

    def test_before_the_first_snapshot_nothing_is_remembered(self):
        """Nothing to write, and nothing to read where only a scaler inside remembers something."""
        assert Spent().written() is None
        assert Spent() == Spent.read(None)


class TestPrices:
    """What each costs, and one more."""

    @pytest.mark.parametrize(
        ("costs", "price", "rate", "one_more"),
        [
            ([1.0, 3.0], None, 4.0, 3.0),
            ([1.0, None], None, 2.0, 1.0),
            ([1.0, None], 2.0, 3.0, 2.0),
            ([None, None], 2.0, 4.0, 2.0),
            ([None], None, 0.0, None),
            ([], None, 0.0, None),
            ([], 2.0, 0.0, 2.0),
        ],
    )
    def test_of_a_snapshot(self, costs, price, rate, one_more):
        """A stated price goes before the argument, that before the dearest stated."""
        workers = [w(str(place), 0, cost) for place, cost in enumerate(costs)]
        prices = Prices.read(workers, price=price, spent=Spent(), day=DAY)

        assert (rate, one_more) == (prices.rate, prices.one_more)

    def test_one_more_costs_as_much_as_the_dearest_of_the_day(self):
        """A dear worker that went isn't replaced by one that might be as dear; tomorrow it may."""
        spent = Spent(at=NOON, dearest=3.0)

        assert 3.0 == Prices.read([w("a", 0)], price=None, spent=spent, day=DAY).one_more
        assert 1.0 == Prices.read([w("a", 0)], price=None, spent=spent, day=Period(DAY.end, DAY.end + 1)).one_more
        assert 3.0 == Prices.read([], price=1.0, spent=spent, day=Period(DAY.end, DAY.end + 1)).one_more
