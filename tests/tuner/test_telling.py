"""What the tuner chose, in words and numbers."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from everai_autoscaler.runtime.tuned import SWITCHES, TuningForm, span
from everai_autoscaler.tuner.settings import TuningSettings
from everai_autoscaler.tuner.telling import first, news, told
from everai_autoscaler.tuning import Book, Budget, Candidate, Choice, Standing

BOOK = Book([Candidate("demand", {"rule": f"{number}*now", "min_workers": 1}) for number in range(1, 9)], 2)
NOON = 1_700_000_000.0 - 1_700_000_000.0 % 86_400 + 12 * 3600 + 35 * 60


def standing(number: int, workers: float = 2.0, share: float = 0.993) -> Standing:
    """How a candidate did."""
    return Standing(number, BOOK[number], workers, share, 0.006, allowed=True)


def choice(number: int, *, known: bool = True, **changes: Any) -> Choice:
    """What a tuner says."""
    plain = Choice(
        at=NOON - 5,
        number=number,
        candidate=BOOK[number],
        why=f"candidate {number} is cheap",
        switched=False,
        saving=0.12 if known else None,
        share=0.993 if known else None,
        standing=standing(number) if known else None,
        runners_up=(standing(0), standing(1)),
        budget=Budget(due=1000.0, late=3.0, aim=0.0085, allowed=0.006),
        hours=23.0,
        workers=2.5,
    )
    return evolve(plain, **changes)


def begun(**settings: Any) -> TuningForm:
    """What is told before there is any evidence."""
    return first("chat", BOOK, TuningSettings(**settings), before=None, now=NOON - 600)


def after(before: TuningForm, *choices: Choice) -> TuningForm:
    """What is told after these."""
    for place, one in enumerate(choices):
        before = told(before, one, assumed="", now=NOON + 60 * place, cpu=0.01)
    return before


def test_at_first_the_start_of_the_book_is_in_force() -> None:
    """With a sentence that says so, as the source of the arguments."""
    form = begun()

    assert form.in_force is not None
    assert (2, {"rule": "3*now", "min_workers": 1}) == (form.in_force.number, form.in_force.arguments)
    assert "tuned: rule 2, the start of the book, until there is evidence" == form.in_force.source
    assert (8, None, "no evidence yet") == (form.candidates, form.advice, form.said)


def test_what_was_told_before_stays() -> None:
    """Only what the manifest says is new."""
    before = after(begun(act=True), choice(4))
    form = first("chat", BOOK, TuningSettings(act=False, every=60), before=before, now=NOON)

    assert before.in_force == form.in_force
    assert (False, 60.0) == (form.act, form.every)


def test_nothing_is_in_force_where_nothing_reads_it() -> None:
    """Also where something did before."""
    before = after(begun(act=True), choice(4))

    assert first("chat", BOOK, TuningSettings(), before=before, now=NOON, read=False).in_force is None


class TestActing:
    """What is chosen comes into force."""

    def test_with_its_source(self) -> None:
        """When, on what evidence, which rule, how much cheaper, how many in time."""
        form = after(begun(act=True), choice(4))

        assert form.in_force is not None
        assert "tuned 12:35 on 23 h of traffic: rule 4, 12 % cheaper at 99.3 %" == form.in_force.source
        assert ("candidate 4 is cheap", NOON) == (form.in_force.why, form.in_force.since)

    def test_that_is_dearer_says_so(self) -> None:
        """Where the budget was overspent."""
        form = after(begun(act=True), choice(4, saving=-0.2))

        assert form.in_force is not None
        assert form.in_force.source.endswith("rule 4, 20 % dearer at 99.3 %")

    def test_without_anything_to_compare_with(self) -> None:
        """It says what it knows."""
        form = after(begun(act=True), choice(4, saving=None, share=None))

        assert form.in_force is not None
        assert "tuned 12:35 on 23 h of traffic: rule 4" == form.in_force.source

    def test_counts_and_tells_each_switch(self) -> None:
        """From what was in force."""
        form = after(begun(act=True), choice(4), choice(4), choice(5))

        assert [(4, 5), (2, 4)] == [(one.was, one.number) for one in form.switches]
        assert 2 == form.switched
        assert all(one.acted for one in form.switches)

    def test_what_stays_stays_since_then(self) -> None:
        """And its source is that of its choice."""
        one, two = after(begun(act=True), choice(4)), after(begun(act=True), choice(4), choice(4, hours=24.0))

        assert one.in_force == two.in_force

    def test_the_start_that_stays_is_chosen_like_any_other(self) -> None:
        """Once there is evidence its source says so; it is in force since the beginning, and that is no switch."""
        form = after(begun(act=True), choice(2))

        assert form.in_force is not None
        assert form.in_force.source.startswith("tuned 12:35 on 23 h of traffic: rule 2,")
        assert (NOON - 600, "candidate 2 is cheap", 0) == (form.in_force.since, form.in_force.why, form.switched)

    def test_the_same_number_of_another_book_is_another_rule(self) -> None:
        """What comes into force are its arguments."""
        other = Candidate("demand", {"rule": "9*now", "min_workers": 1})
        form = after(begun(act=True), choice(4), choice(4, candidate=other))

        assert form.in_force is not None
        assert "9*now" == form.in_force.arguments["rule"]

    def test_waits_for_evidence(self) -> None:
        """Until then the start stays."""
        form = after(begun(act=True), choice(4, known=False))

        assert form.in_force == begun(act=True).in_force
        assert form.advice is None
        assert "candidate 4 is cheap" == form.said


class TestAdvising:
    """What is chosen is told of alone."""

    def test_changes_nothing_in_force(self) -> None:
        """And the advice says what it would have cost."""
        form = after(begun(price=0.65), choice(4))

        assert form.in_force == begun().in_force
        assert form.advice is not None
        assert (4, 2.0) == (form.advice.number, form.advice.workers)
        assert form.advice.saving == pytest.approx(0.2)
        assert (
            "would have cost $31.20 instead of $39.00 a day, at the pace of the last one, 99.3 % within 5 s"
        ) == form.said

    def test_the_first_is_no_switch(self) -> None:
        """Each other is."""
        form = after(begun(), choice(4), choice(5))

        assert [(4, 5, False)] == [(one.was, one.number, one.acted) for one in form.switches]


@pytest.mark.parametrize(
    ("changes", "price", "said"),
    [
        ({}, None, "would have cost 48 worker-hours instead of 60 worker-hours a day, at the pace of the last one"),
        ({"hours": 2.0}, 1.0, "would have cost $4.00 instead of $5.00 over 2 h of traffic"),
        ({"workers": None}, 1.0, "would have cost $48.00 a day, at the pace of the last one"),
    ],
)
def test_what_it_comes_to(changes: dict[str, Any], price: float | None, said: str) -> None:
    """In money where a price is known, over as long as there is evidence."""
    assert f"{said}, 99.3 % within 5 s" == after(begun(price=price), choice(4, **changes)).said


def test_how_what_is_in_force_did() -> None:
    """As far as it is among what is known."""
    acting, advising = after(begun(act=True), choice(4)), after(begun(), choice(4))
    among = after(begun(), choice(4, runners_up=(standing(2),)))

    assert acting.standing is not None
    assert among.standing is not None
    assert (4, None, 2) == (acting.standing.number, advising.standing, among.standing.number)
    assert acting.chosen == acting.standing


def test_the_last_switches_are_kept() -> None:
    """So that the file stays small."""
    form = after(begun(act=True), *(choice(number % 2) for number in range(50)))

    assert (SWITCHES, 50) == (len(form.switches), form.switched)


class TestNews:
    """What an operator is told."""

    def test_of_a_switch(self) -> None:
        """Which rule, and what it comes to."""
        one, two = after(begun(act=True), choice(4)), after(begun(act=True), choice(4), choice(5))

        assert news(one, two).startswith("the tuner switches to rule 5 (rule 6*now, min_workers 1): would have cost")

    def test_of_advice(self) -> None:
        """The first, and each other; with how to let it act."""
        zero, one, two = begun(), after(begun(), choice(4)), after(begun(), choice(4), choice(5))

        assert news(zero, one).startswith("the tuner advises rule 4 (")
        assert news(one, two).endswith("99.3 % within 5 s; --tune=act lets it act")

    def test_of_nothing_new(self) -> None:
        """Nothing."""
        zero, one = begun(), after(begun(), choice(4))

        assert ["", "", ""] == [
            news(one, after(one, choice(4))),
            news(zero, after(zero, choice(4, known=False))),
            news(begun(act=True), after(begun(act=True), choice(2))),
        ]

    def test_of_a_rule_without_arguments(self) -> None:
        """Its number alone."""
        bare = choice(4, candidate=Candidate("simple"))

        assert news(begun(), after(begun(), bare)).startswith("the tuner advises rule 4: would")


def test_hours_in_words() -> None:
    """Hours, minutes, seconds."""
    assert ["23 h", "2 min", "119 s"] == [span(23), span(1 / 30), span(0.0331)]
