"""Rules as text: what is understood, what is refused, and how they are written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.builtin.demand.rule import SIGNALS, Rule, Term
from everai_autoscaler.errors import ArgumentError

TERMS = st.builds(
    Term,
    st.sampled_from(SIGNALS),
    seconds=st.floats(0, 7200),
    a=st.floats(0, 10),
    b=st.floats(0, 10),
    h=st.floats(0, 100),
)


@given(st.lists(TERMS, min_size=1, max_size=3))
@settings(max_examples=50)
def test_a_rule_gives_back_its_text(terms: list[Term]) -> None:
    """What a rule says of itself is understood as that very rule."""
    rule = Rule(tuple(terms))

    assert rule == Rule.parse(str(rule))
    assert terms == list(rule)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("1*now", "1*now"),
        (" 1.30 * mean60 [ 1200 s ]+1.5*root ", "1.3*mean60[1200s] + 1.5*root"),
        ("1*now[0s] + 0*root + 0", "1*now"),
        (".5*ahead20 + 2.", "0.5*ahead20 + 2"),
        ("1*now|1*mean300[60s]|2*ahead60 + 1*root + 3", "1*now | 1*mean300[60s] | 2*ahead60 + 1*root + 3"),
    ],
)
def test_what_is_understood(text: str, spelled: str) -> None:
    """Blanks and zeros don't matter, and what may be left out may be stated."""
    assert spelled == str(Rule.parse(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" ", "a rule is empty: one looks like '1.3*mean60[1200s] + 1.5*root'"),
        ("1*now | ", "the term '': '' is not of the form a*SIGNAL[Hs], as in '1.3*mean60[1200s] + 1.5*root'"),
        ("now", "the term 'now': 'now' is not of the form a*SIGNAL[Hs], as in '1.3*mean60[1200s] + 1.5*root'"),
        ("-1*now", "the term '-1*now': '-1*now' is not of the form a*SIGNAL[Hs]"),
        ("1*now[60]", "the term '1*now[60]': '1*now[60]' is not of the form a*SIGNAL[Hs]"),
        ("1*mean6O", "signal 'mean6O' is not one of ahead20, ahead60, mean300, mean60, now; did you mean 'mean60'?"),
        ("1*now + 2*rooot", "'2*rooot' has 'rooot' where 'root' is accepted; did you mean 'root'?"),
        ("1*now + x", "the term '1*now + x': 'x' is neither b*root nor a number: a term has the form a*SIGNAL[Hs] + b"),
        ("1*now + 1 + 2*root", "'2*root' has no place there: a term has the form a*SIGNAL[Hs] + b*root + h"),
        ("1*now + 1*root + 2*root", "'2*root' has no place there"),
        ("1*now + 1 + 2", "'2' has no place there"),
        ("11*now", "the term '11*now': a is 11: a number from 0 to 10 is accepted"),
        ("1*now + 10.5*root", "b is 10.5: a number from 0 to 10 is accepted"),
        ("1*now + 101", "h is 101: a number from 0 to 100 is accepted"),
        ("1*now[7201s]", "H is 7201: a number from 0 to 7200 is accepted"),
        ("1*now | 1*now | 1*now | 1*now", "a rule has 1 to 3 terms, not 4"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    """One line that names the term, what is wrong, and what is accepted."""
    with pytest.raises(ArgumentError) as caught:
        Rule.parse(text)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_term_that_is_made_by_hand_has_the_same_bounds() -> None:
    """Also what no text says: a number that is none."""
    with pytest.raises(ArgumentError, match="a is NaN"):
        Term("now", a=float("nan"))
    with pytest.raises(ArgumentError, match="1 to 3 terms, not 0"):
        Rule(())
