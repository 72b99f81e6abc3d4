"""Several scalers that decide as one: Max, Min and FirstValid."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import AutoScaler, DecideResult, FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.testing import factors, snapshot, worker
from everai_autoscaler.wrapper import Ceiling, FirstValid, Max, Min


@define
class Says(AutoScaler):
    """Says what it is told to."""

    up: int = 0
    down: list[str] = field(factory=list)
    most: int = 9
    held: bool = False

    def decide(self, factors: Any) -> DecideResult:
        if self.held:
            return DecideResult.hold(factors, "not known", max_workers=self.most)
        actions: list[Any] = [{"action": "ScaleUp", "count": self.up}] if self.up else []
        actions += [{"action": "ScaleDown", "worker_id": one} for one in self.down]
        return DecideResult(max_workers=self.most, actions=actions).because("told so")


HOLDS = Says(held=True)
FIVE = snapshot(free=5)


@pytest.mark.parametrize("wrapper", ["max", "min"])
def test_story_two_policies_and_a_restart(life, late, wrapper):
    """Two wishes from a ConfigMap, one behind a cooldown; the restart and each change keep the cooldown's memory."""
    app = life(
        wrapper,
        {
            "scalers": [
                {"name": "wants", "arguments": {"workers": late("one")}},
                {
                    "name": "cooldown",
                    "arguments": {"scaler": {"name": "wants", "arguments": {"workers": late("other")}}, "down": 60},
                },
            ]
        },
        one=4,
        other=3,
    )
    choose = {"max": max, "min": min}[wrapper]

    assert choose(4, 3) - 2 == app.at(0, 2)
    app.restart()
    assert 0 == app.at(30, 4, one=1, other=1)  # the cooldown keeps all four, so that nobody may go
    assert "cooldown wants 4" in app.said
    assert -3 == app.at(60, 4)
    assert (0, "hold") == (app.at(200, 4, other=-1), app.at(210, 4, one=-1))
    assert "hold" == app.at(220, None, one=1)


@pytest.mark.parametrize(
    ("scalers", "largest", "smallest"),
    [
        ([Says(up=2), Says(up=3)], 3, 2),
        ([Says(up=2), Says(down=["free-1"])], 2, 0),  # the first keeps free-1
        ([Says(down=["free-1", "free-2"]), Says(down=["free-2"])], -1, -1),
        ([Says(down=["free-1"]), Says(down=["free-2"])], 0, 0),
        ([Says(up=2), HOLDS], 2, 2),
        ([Says(down=["free-1"]), HOLDS], 0, 0),
        ([Says(up=9, most=9), Says(up=1, most=7)], 2, 1),
        ([Says(up=1, down=["free-1"]), Says(up=2)], 2, 1),  # up and down at once is up
        ([Says(down=["nobody", "free-1", "free-1"]), Says(down=["free-1"])], -1, -1),
    ],
)
def test_what_is_wanted_is_compared(scalers, largest, smallest):
    """As many as one of them wants, without removing whom another keeps."""
    found = [kind(scalers).decide(FIVE) for kind in (Max, Min)]

    assert [largest, smallest] == [result.up - len(result.down) for result in found]


def test_who_leaves_is_in_the_first_ones_order():
    """Max removes as many as the one that removes the fewest, those that the first would remove first."""
    result = Max([Says(down=["free-5", "free-1", "free-3"]), Says(down=["free-3", "free-1", "free-5"])]).decide(FIVE)
    fewer = Max([Says(down=["free-5", "free-1"]), Says(down=["free-3", "free-1", "free-5"])]).decide(FIVE)

    assert ("free-5", "free-1", "free-3") == result.down
    assert ("free-5", "free-1") == fewer.down


def test_draining_workers_are_as_good_as_gone():
    """They are in nobody's number, and take room all the same."""
    fleet = snapshot(workers=[worker("a"), worker("b", draining=True)])
    result = Max([Says(up=3, most=3), Says(down=["b"], most=3)]).decide(fleet)

    assert "max: 4 wanted (Says wants 4, Says wants 1): starts 1 worker, and 2 of at most 3 there" == str(
        result.reasons[-1]
    )


@pytest.mark.parametrize("kind", [Max, Min, FirstValid])
def test_all_hold(kind):
    """Then it holds, with the smallest maximum and everybody's reasons."""
    result = kind([Says(held=True, most=7), Says(held=True, most=5)]).decide(FIVE)

    assert (True, 5) == (result.held, result.max_workers)
    assert ["Says", "Says", {Max: "max", Min: "min", FirstValid: "first-valid"}[kind]] == [
        reason.who for reason in result.reasons
    ]


@pytest.mark.parametrize("kind", [Max, Min, FirstValid])
def test_without_workers_it_holds(kind):
    """Also where a scaler inside thinks that it knows."""
    result = kind([Says(up=2, most=7), HOLDS]).decide(snapshot(workers=None))

    assert (True, [], 7) == (result.held, result.actions, min(7, result.max_workers))
    assert any("told so" in str(reason) for reason in result.reasons)


@pytest.mark.parametrize(
    ("scalers", "why"),
    [
        ([Says(up=2), Says(up=1)], "max: 7 wanted (Says wants 7, Says wants 6): starts 2 workers"),
        ([Says(down=["free-1"]), HOLDS], "max: 4 wanted (Says wants 4, Says holds), but removes nobody while one"),
        ([Says(down=["free-1"]), Says(down=["free-2"])], "max: 4 wanted (Says wants 4, Says wants 4), but nobody whom"),
        (
            [Says(down=["free-1", "free-2"]), Says(down=["free-2", "free-3"])],
            "max: 3 wanted (Says wants 3, Says wants 3): removes 1 worker, but no more whom all of them would remove",
        ),
        ([Says(), Says()], "max: 5 wanted (Says wants 5, Says wants 5)"),
    ],
)
def test_says_what_it_did_of_what(scalers, why):
    """One sentence with everybody's number, after everybody's own reasons."""
    reasons = Max(scalers).decide(FIVE).reasons

    assert why in str(reasons[-1])
    assert len(scalers) + 1 == len(reasons)


BUILTINS = st.sampled_from(
    [
        SimpleAutoScaler(min_workers=0, max_workers=6, scale_up_step=3, max_idle_time=0),
        SimpleAutoScaler(min_workers=2, max_workers=4),
        FreeWorkerAutoScaler(min_workers=0, max_workers=8, max_idle_time=0),
        FreeWorkerAutoScaler(min_workers=1, max_workers=3, min_free_workers=3, max_idle_time=60),
    ]
)


def wanted_by(scaler, seen):
    result = scaler.decide(seen)
    return (seen.count() or 0) + result.up - len(result.down)


@given(seen=factors(), scalers=st.lists(BUILTINS, min_size=1, max_size=4))
@settings(deadline=None)
def test_combinations_never_remove_whom_one_keeps(seen, scalers):
    """Whoever leaves, each scaler would have removed; and none leaves while one of them holds."""
    answers = [scaler.decide(seen) for scaler in scalers]
    for kind in (Max, Min):
        removed = set(kind(scalers).decide(seen).down)

        assert all(removed <= set(answer.down) for answer in answers)
        assert not removed or not any(answer.held for answer in answers)


@given(seen=factors(), scalers=st.lists(BUILTINS, min_size=1, max_size=4))
@settings(deadline=None)
def test_the_wish_of_a_combination_is_between_those_of_its_scalers(seen, scalers):
    """Max comes to the largest wish, as far as there is room; Min never above the smallest, unless nobody may go."""
    deciding = [scaler for scaler in scalers if not scaler.decide(seen).held]
    largest, smallest = Max(scalers), Min(scalers)
    if not deciding:
        assert largest.decide(seen).held
        assert smallest.decide(seen).held
        return
    wishes = [wanted_by(scaler, seen) for scaler in deciding]
    room = largest.decide(seen).max_workers - len(seen.workers)
    present = seen.count()

    assert min(scaler.max_workers for scaler in deciding) == largest.decide(seen).max_workers
    if max(wishes) > present:
        assert min(max(wishes), present + max(0, room)) == wanted_by(largest, seen)
    assert max(wishes) <= wanted_by(largest, seen) or room < max(wishes) - present
    assert wanted_by(smallest, seen) <= max(present, min(wishes))


class TestFirstValid:
    """The first who knows."""

    def test_story_the_first_is_blind_for_a_while(self, life, late):
        """While the first doesn't know, the second may start, and nobody leaves; then the first decides again."""
        app = life(
            "first-valid",
            {
                "scalers": [
                    {
                        "name": "cooldown",
                        "arguments": {"scaler": {"name": "wants", "arguments": {"workers": late("one")}}, "up": 60},
                    },
                    {"name": "wants", "arguments": {"workers": late("other")}},
                ]
            },
            one=3,
            other=1,
        )

        assert 1 == app.at(0, 2)
        assert "first-valid: cooldown decides" == app.said
        assert 0 == app.at(20, 3, one=-1)
        assert "first-valid: wants decides, but removes none of 2 workers while cooldown can't know" == app.said
        app.restart()
        assert 2 == app.at(40, 3, other=5)
        assert 0 == app.at(50, 5, one=7)  # the first remembers its change at 0 s
        assert 2 == app.at(60, 5)
        assert "hold" == app.at(70, 7, one=-1, other=-1)

    def test_one_that_fails_is_taken_as_holding(self):
        """Whatever it raises, or does to the snapshot; the reason says so."""

        class Fails(AutoScaler):
            def decide(self, factors):
                factors.workers.clear()
                factors.queue.clear()
                raise LookupError("no such metric")

        seen = snapshot(waiting=3, free=2)
        result = FirstValid([Fails(), Says(up=1)]).decide(seen)

        assert 1 == result.up
        assert "Fails: failed: LookupError: no such metric" == str(result.reasons[0])
        assert (2, 3) == (len(seen.workers), seen.waiting())

    def test_those_after_the_one_that_decides_are_not_asked(self):
        """What they remember stays as it was."""

        class Never(AutoScaler):
            def decide(self, factors):
                raise AssertionError

        memory = {"own": None, "children": [None, {"mine": 3}]}
        result, after = FirstValid([Says(up=1), Never()]).decide_with_memory(FIVE, memory)

        assert 1 == result.up
        assert memory == after


@pytest.mark.parametrize(
    ("wrapper", "one", "other", "capped"),
    [
        (Max, (9, 6), (3, 20), "wanted 9, may have 6: maximum"),
        (Max, (9, 20), (3, 6), "wanted 9, may have 6: maximum"),
        (Max, (5, 20), (3, 6), "None"),
        (Min, (9, 6), (8, 7), "wanted 8, may have 6: maximum"),
        (Min, (9, 6), (5, 20), "None"),
    ],
)
def test_the_demand_that_is_chosen_meets_the_smallest_maximum(wants, wrapper, one, other, capped):
    """Of what each would want without its bounds one number is chosen, as of what they want."""
    assert capped == str(wrapper([wants(*one), wants(*other)]).decide(snapshot(free=1)).capped)


def test_the_wrapper_inside_that_is_in_the_way_is_named(wants):
    """Its maximum is the smallest."""
    result = Max([wants(9), Ceiling(wants(7), workers=4)]).decide(snapshot(free=1))

    assert "wanted 9, may have 4: ceiling" == str(result.capped)
