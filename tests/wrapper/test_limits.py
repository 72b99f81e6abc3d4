"""Never fewer, and never more: Floor and Ceiling."""

from __future__ import annotations

import pytest

from everai_autoscaler import AutoScaler, DecideResult, SimpleAutoScaler
from everai_autoscaler.testing import snapshot, worker
from everai_autoscaler.wrapper import Ceiling, Cooldown, FirstValid, Floor


def test_story_a_floor_that_somebody_raises(life, late):
    """The floor holds where the scaler inside wants fewer, or doesn't know; what that remembers is kept."""
    app = life(
        "floor",
        {
            "scaler": {
                "name": "cooldown",
                "arguments": {"scaler": {"name": "wants", "arguments": {"workers": late("wanted")}}, "down": 60},
            },
            "workers": late("least"),
        },
        wanted=1,
        least=2,
    )

    assert 2 == app.at(0, 0)
    assert "floor: at least 2 wanted, 0 workers there: starts 2 workers" == app.said
    assert 0 == app.at(10, 2)
    app.restart()
    assert 0 == app.at(30, 2, wanted=0)
    assert -1 == app.at(60, 2, least=1)
    assert "floor: at least 1 wanted, 2 workers there: keeps 1 of 2 workers" == app.said
    assert 2 == app.at(70, 1, wanted=-1, least=3)
    assert "hold" == app.at(80, 3)
    assert "hold" == app.at(90, None)


def test_story_a_ceiling_that_somebody_lowers(life, late):
    """Nobody starts beyond it; those who are beyond it stay until the scaler inside removes them."""
    app = life(
        "ceiling",
        {
            "scaler": {
                "name": "cooldown",
                "arguments": {"scaler": {"name": "wants", "arguments": {"workers": late("wanted")}}, "down": 60},
            },
            "workers": late("most"),
        },
        wanted=6,
        most=4,
    )

    assert 3 == app.at(0, 1)
    assert "ceiling: starts 3 of 5 workers: at most 4" == app.said
    app.restart()
    assert 0 == app.at(20, 4, wanted=4, most=2)
    assert 0 == app.at(59, 4, wanted=3)
    assert -1 == app.at(60, 4)
    assert 2 == app.records[-1].result.max_workers
    assert ("hold", 2) == (app.at(70, 3, wanted=-1), app.records[-1].result.max_workers)


@pytest.mark.parametrize(
    ("wanted", "present", "least", "changes"),
    [(1, 1, 3, 2), (1, 5, 3, -2), (5, 3, 3, 2), (0, 2, 0, -2), (-1, 1, 3, 2), (-1, 3, 3, 0), (9, 1, 30, 19)],
)
def test_floor(wants, wanted, present, least, changes):
    """The larger of what is wanted and the floor, never above the maximum."""
    result = Floor(wants(wanted), workers=least).decide(snapshot(free=present))

    assert changes == result.up - len(result.down)


def test_a_floor_starts_nobody_above_the_maximum_of_one_who_holds():
    """Who holds may have been given a maximum, also deep inside; that counts, and what a hold says of it doesn't."""
    dark = snapshot(free=1, waiting=None)
    inside = SimpleAutoScaler(min_workers=0, max_workers=3)
    for scaler in (inside, Cooldown(inside), FirstValid([inside, SimpleAutoScaler(max_workers=7)])):
        assert 2 == Floor(scaler, workers=5).decide(dark).up
    assert 1 == Floor(Ceiling(inside, workers=2), workers=5).decide(dark).up


def test_a_floor_starts_nobody_less_for_a_hold_without_a_maximum():
    """A stranger's hold states the workers there are, for want of a better number: that is no maximum."""

    class Blind(AutoScaler):
        def decide(self, factors):
            return DecideResult.hold(factors, "not known")

    result = Floor(Blind(), workers=3).decide(snapshot(free=1))

    assert (2, 3) == (result.up, result.max_workers)


def test_a_floor_says_that_the_maximum_is_below_it(wants):
    """The maximum wins, and it shows."""
    result = Floor(wants(1, most=2), workers=5).decide(snapshot(free=1))

    assert "floor: at least 5 wanted, 1 worker there: starts 1 worker, the maximum is 2" == str(result.reasons[-1])


def test_draining_workers_do_not_count_for_a_floor(wants):
    """They are as good as gone."""
    fleet = snapshot(workers=[worker("a"), worker("b", draining=True)])

    assert 1 == Floor(wants(1), workers=2).decide(fleet).up


@pytest.mark.parametrize(
    ("wanted", "present", "most", "changes", "maximum"),
    [(6, 1, 4, 3, 4), (6, 5, 4, 0, 4), (1, 5, 4, -4, 4), (6, 1, 40, 5, 20), (-1, 5, 4, 0, 4), (6, 1, 0, 0, 0)],
)
def test_ceiling(wants, wanted, present, most, changes, maximum):
    """The smaller of the maximum and the ceiling; it removes nobody by itself."""
    result = Ceiling(wants(wanted), workers=most).decide(snapshot(free=present))

    assert (changes, maximum) == (result.up - len(result.down), result.max_workers)


def test_a_ceiling_without_workers_changes_only_the_maximum(wants):
    """It starts nobody where nobody knows how many there are."""
    result = Ceiling(wants(6), workers=4).decide(snapshot(workers=None))

    assert (True, 4) == (result.held, result.max_workers)


class TestCapped:
    """Which bound is in the way of more workers, and who of several says it."""

    def test_a_ceiling_names_itself(self, wants):
        """The inner maximum would have allowed more."""
        assert "wanted 6, may have 4: ceiling" == str(Ceiling(wants(6), workers=4).decide(snapshot(free=1)).capped)

    def test_the_demand_inside_is_passed_on(self, wants):
        """The inner maximum swallows a part, the ceiling more of it."""
        result = Ceiling(wants(9, most=6), workers=4).decide(snapshot(free=6))

        assert "wanted 9, may have 4: ceiling" == str(result.capped)

    @pytest.mark.parametrize("wrapper", [Cooldown, lambda one: Ceiling(one, workers=8), lambda one: FirstValid([one])])
    def test_the_maximum_inside_keeps_its_name(self, wants, wrapper):
        """A wrapper that isn't in the way says what is."""
        result = wrapper(wants(9, most=6)).decide(snapshot(free=6))

        assert "wanted 9, may have 6: maximum" == str(result.capped)

    def test_a_fleet_above_a_ceiling_that_wants_no_more_meets_no_bound(self, wants):
        """Nothing is refused."""
        assert Ceiling(wants(5), workers=4).decide(snapshot(busy=5)).capped is None

    def test_a_floor_above_the_maximum(self, wants):
        """The floor is demand, too."""
        assert "wanted 5, may have 2: maximum" == str(
            Floor(wants(1, most=2), workers=5).decide(snapshot(free=1)).capped
        )
