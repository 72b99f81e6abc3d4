"""Sliding windows in few numbers: against the same by brute force."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.builtin.demand.windows import Peaks, Tape

LONGEST = 7200.0
STEPS = st.lists(st.tuples(st.sampled_from([5.0, 1.0, 20.0, 0.3, 130.0]), st.floats(0, 9)), min_size=1, max_size=150)


def joined(history: list[tuple[float, float]]) -> Peaks:
    """The peaks of values at moments."""
    peaks = Peaks()
    for now, value in history:
        peaks.join(now, value, longest=LONGEST)
    return peaks


def moments(steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Each value, to six digits, at the moment that the steps before it lead to."""
    now, history = 1_720_000_000.0, []
    for step, value in steps:
        now += step
        history.append((now, round(value, 6)))
    return history


@given(STEPS, st.sampled_from([0.0, 5.0, 60.0, 1200.0, LONGEST]))
@settings(max_examples=40, deadline=None)
def test_the_largest_value_is_never_forgotten_too_early(steps: list[tuple[float, float]], window: float) -> None:
    """It is that of the window, or one that left it less than a sixteenth of its age ago."""
    history = moments(steps)
    now = history[-1][0]
    largest = joined(history).largest(now, window)

    assert max(value for at, value in history if now - at < window or at == now) <= largest
    assert max(value for at, value in history if (now - at) * 15 / 16 < window or at == now) >= largest


def test_few_entries_are_exact() -> None:
    """Nothing is thinned where little is remembered: a value leaves when it is as old as the window."""
    peaks = joined([(1000.0 + 5 * k, 40.0 - k) for k in range(40)])

    assert [1.0, 2.0, 2.0, 3.0, 40.0] == [peaks.largest(1195.0, one) for one in (0, 5.1, 10, 10.1, 7000)]


@pytest.mark.parametrize("period", [1.0, 5.0, 20.0])
def test_what_falls_for_hours_is_remembered_in_few_numbers(period: float) -> None:
    """The worst case, a demand that falls at every decision, is bounded; it is within a sixteenth all the same."""
    history = [(1_720_000_000.0 + period * k, 20_000.0 - k) for k in range(int(9000 / period))]
    peaks, now = Peaks(), 0.0
    most = 0
    for now, value in history:
        peaks.join(now, value, longest=LONGEST)
        most = max(most, len(peaks.times))
    late = [now - min(at for at, value in history if value == peaks.largest(now, age)) - age for age in (600, 3600)]

    assert 260 > most
    assert [True, True] == [-period <= one <= age / 14 for one, age in zip(late, (600, 3600), strict=True)]


def test_a_rise_leaves_nothing_before_it() -> None:
    """What is smaller and older can never be the largest again."""
    assert 1 == len(joined([(float(k), float(k)) for k in range(100)]).times)


@given(STEPS, st.sampled_from([20.0, 60.0, 300.0]))
@settings(max_examples=40, deadline=None)
def test_sums_over_a_window_are_those_of_brute_force(steps: list[tuple[float, float]], window: float) -> None:
    """With what came between two moments spread evenly."""
    tape, now = Tape([0.0], [0.0], [0.0]), 0.0
    pieces = []
    for step, value in steps:
        pieces.append((now, now + step, value))
        now += step
        tape.record(now, area=value * step, arrivals=value, longest=300.0)
    shares = [max(0.0, end - max(begin, now - window)) for begin, end, _ in pieces]
    span, area, arrivals = tape.over(window)

    assert min(window, now) == pytest.approx(span)
    assert sum(share * value for share, (*_, value) in zip(shares, pieces, strict=True)) == pytest.approx(
        area, rel=0.07, abs=12
    )
    assert sum(
        value * share / (end - begin) for share, (begin, end, value) in zip(shares, pieces, strict=True)
    ) == pytest.approx(arrivals, rel=0.07, abs=12)


def test_a_tape_is_short() -> None:
    """Also where decisions are made ten times a second."""
    tape, most = Tape([0.0], [0.0], [0.0]), 0
    for k in range(1, 6000):
        tape.record(k / 10, area=0.1, arrivals=1, longest=300.0)
        most = max(most, len(tape.times))

    assert 150 > most
    assert (60.0, 60.0, 600.0) == pytest.approx(tape.over(60))


def test_what_comes_at_one_moment_is_added() -> None:
    """Two snapshots of one moment are one entry."""
    tape = Tape([0.0], [0.0], [0.0])
    tape.record(10.0, area=4.0, arrivals=2, longest=300)
    tape.record(10.0, area=0.0, arrivals=3, longest=300)

    assert ([0.0, 10.0], (10.0, 4.0, 5.0)) == (tape.times, tape.over(60))
