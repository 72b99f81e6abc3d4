"""What decisions tell again and again, told once: demand that a bound swallows, and warnings."""

from __future__ import annotations

import pytest

from everai_autoscaler.model import DecideResult, Factors
from everai_autoscaler.runtime.capping import CALM, Capping, Warned

FREE = DecideResult(max_workers=5, actions=[])
BEGUN, OVER = "demand is capped: wanted 9, may have 5: maximum", "demand is no longer capped: it was for "


def told(*decisions: tuple[float, DecideResult]) -> list[str]:
    """What an operator reads of *decisions*, each with its moment."""
    notes: list[str] = []
    capping = Capping(notes.append)
    for now, result in decisions:
        capping.seen(result, now)
    return notes


def test_it_is_told_once_not_at_each_tick():
    """Also where more and more is wanted."""
    assert [BEGUN] == told((0, FREE.wanting(9)), (20, FREE.wanting(10)), (40, FREE.wanting(12)))


def test_its_end_is_told_when_it_has_been_over_for_a_while():
    """With how long it was, how much was wanted at most, and what was in the way."""
    notes = told(
        (0, FREE.wanting(9)), (20, FREE.wanting(12, allowed=3, by="budget")), (40, FREE), (40 + CALM, FREE), (200, FREE)
    )

    assert [BEGUN, f"{OVER}40 s, and up to 12 were wanted: maximum, budget"] == notes


def test_a_policy_that_wants_more_and_less_in_turn_is_told_of_once():
    """A pause shorter than the calm is none."""
    swinging = [(20.0 * place, FREE.wanting(9) if place % 3 == 0 else FREE) for place in range(30)]

    assert [BEGUN] == told(*swinging)


def test_it_is_told_again_when_it_begins_again():
    """Each time by itself."""
    assert [BEGUN, f"{OVER}20 s, and up to 9 were wanted: maximum", BEGUN] == told(
        (0, FREE.wanting(9)), (20, FREE), (80, FREE), (100, FREE.wanting(9))
    )


def test_a_hold_says_nothing_new():
    """Who doesn't know what is wanted doesn't end it."""
    hold = DecideResult.hold(Factors(), "not known")

    assert [BEGUN] == told((0, FREE.wanting(9)), (20, hold), (400, hold))


def test_a_clock_that_is_set_back_ends_it():
    """Rather than when it is as late again."""
    assert 2 == len(told((1000, FREE.wanting(9)), (1020, FREE), (10, FREE)))


@pytest.mark.parametrize("more", [FREE, DecideResult(max_workers=9, actions=[])])
def test_what_is_in_force_is_that_of_the_last_decision(more):
    """The page shows the present, and since when."""
    capping = Capping(lambda _: None)
    capping.seen(FREE.wanting(9), 10)
    capping.seen(FREE.wanting(7), 20)
    assert capping.in_force is not None
    assert (7, 5, "maximum", 10) == tuple(capping.in_force.model_dump().values())

    capping.seen(more, 30)
    assert capping.in_force is None


@pytest.mark.parametrize(
    ("decisions", "times"),
    [
        ([(20.0 * place, f"warning: {place}.5 % are spent") for place in range(30)], 1),
        ([(0, "warning: 80 % are spent"), (CALM, "warning: 80 % are spent")], 2),
        ([(0, "warning: 80 % are spent"), (20, "all is well"), (40, "warning: 80 % are spent")], 1),
        ([(0, "warning: 80 % of a day"), (0, "warning: 80 % of a month")], 2),
        ([(1000, "warning: 80 % are spent"), (0, "warning: 80 % are spent")], 2),
        ([(0, "a warning: none")], 0),
    ],
)
def test_a_warning_is_told_once_for_as_long_as_it_goes_on(decisions, times):
    """Whatever its numbers are."""
    notes: list[str] = []
    warned = Warned(notes.append)
    for now, why in decisions:
        warned.seen(FREE.because(why, who="budget"), now)

    assert times == len(notes)
