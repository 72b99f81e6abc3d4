"""``tune --book``: which candidate of a book the tuner would choose."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("numba")

CANDIDATES = [
    {"scaler": "demand", "arguments": {"rule": "1*now[1200s] + 1.5*root + 9"}},
    {"scaler": "demand", "arguments": {"rule": "1*now[300s] + 1.5*root"}},
]


@pytest.fixture
def tune(run, tmp_path):
    """Judges two rules on an hour of Poisson arrivals."""
    (tmp_path / "book.json").write_text(json.dumps({"candidates": CANDIDATES, "source": "two rules"}))

    def invoke(*options, book=tmp_path / "book.json", trace="poisson:rate=1,service=exponential:4"):
        ask = ["tune", "--book", book, "-a", "max_workers=40", "--trace", trace, "--cold-start", 10, "--interval", 5]
        return run(*ask, *options)

    return invoke


def test_it_says_which_candidate_and_on_what_evidence(tune):
    """The table, what was held out, and a line to copy."""
    said = tune().stdout

    assert "Book:  2 candidates; two rules" in said
    assert "2 of 2 are within that" in said or "1 of 2 are within that" in said
    assert "It holds on what was held out" in said
    assert "less than the start of the book" in said
    assert "  --scaler demand -a 'rule=1*now[300s] + 1.5*root'" in said


def test_programs_get_every_standing(tune):
    """The best first."""
    found = json.loads(tune("-o", "json").stdout)

    assert [1, 0] == [one["number"] for one in found["standings"]]
    assert found["best"] == found["standings"][0]


def test_one_that_nothing_can_save_is_said(tune):
    """Where no candidate is within the budget, the nearest is shown, and marked."""
    said = tune("-a", "max_workers=1").stdout

    assert "None is within the budget" in said
    assert " *" in said


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--scaler", "simple"), "--scaler can't be given beside it"),
        (("--search", "rule", "--crashes", "1"), "--search, what goes wrong can't be given beside it"),
    ],
)
def test_what_has_no_place_beside_a_book_is_refused(tune, options, why):
    """In one line, that names it."""
    said = tune(*options)

    assert 2 == said.exit_code
    assert why in said.stderr


def test_a_book_that_is_not_there_is_named(tune):
    """With its path."""
    said = tune(book="/nowhere/book.json")

    assert 2 == said.exit_code
    assert "/nowhere/book.json: No such file" in said.stderr
