"""The calm of a window."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.testing import snapshot
from everai_autoscaler.wrapper import Stabilize
from everai_autoscaler.wrapper.memory import MOST

NOW = 1_720_000_000.0


def test_story_a_dip_and_an_end(life, late):
    """A dip that is shorter than the window removes nobody; neither a ConfigMap nor a restart empties the window."""
    app = life(
        "stabilize",
        {"scaler": {"name": "wants", "arguments": {"workers": late("wanted")}}, "down_window": late("window")},
        wanted=5,
        window=300,
    )

    assert 3 == app.at(0, 2)
    assert 0 == app.at(60, 5)
    assert 0 == app.at(120, 5, wanted=2)
    assert "stabilize: 5 rather than 2: 5 wanted 60 s ago, within 300 s" == app.said
    app.restart()
    assert 0 == app.at(180, 5)
    assert 1 == app.at(240, 5, wanted=6)
    app.restart()
    assert 0 == app.at(300, 6, wanted=2)
    assert "hold" == app.at(310, 6, wanted=-1)
    assert 0 == app.at(320, 6, wanted=3, window=100)  # a shorter window: what was wanted stays remembered
    assert "stabilize: 6 rather than 3: 6 wanted 80 s ago, within 100 s" == app.said
    assert -3 == app.at(340, 6)
    assert 0 == app.at(350, 3)


def memory_of(wants, wishes):
    """What is remembered after *wishes*: pairs of seconds ago and workers."""
    memory = {"own": {"most": [], "least": []}, "children": [None]}
    for ago, workers in wishes:
        _, memory = Stabilize(wants(workers), up_window=1e6, down_window=1e6).decide_with_memory(
            snapshot(free=workers, observed_at=NOW - ago), memory
        )
    return memory


HPA = [
    # present, earlier (seconds ago, wanted), wanted now, up window, down window, expected
    (4, [], 5, 0, 300, 5),
    (5, [(120, 4), (60, 5)], 3, 0, 300, 5),
    (2, [(120, 1), (60, 2)], 3, 0, 300, 3),
    (10, [(600, 10), (540, 9)], 3, 0, 300, 3),
    (10, [(300, 10)], 3, 0, 300, 3),
    (10, [(299, 10)], 3, 0, 300, 10),
    (10, [(200, 8), (100, 6)], 3, 0, 300, 8),
    (3, [(120, 4), (60, 5)], 8, 300, 0, 4),
    (3, [(120, 2), (60, 5)], 8, 300, 0, 3),
    (3, [(400, 2), (60, 5)], 8, 300, 0, 5),
    (5, [(120, 4), (60, 7)], 6, 300, 300, 5),
    (5, [(120, 6), (60, 7)], 9, 300, 300, 6),
    (5, [(120, 3), (60, 4)], 2, 300, 300, 4),
    (5, [(120, 3)], 2, 300, 0, 2),
]
"""Facts of ``stabilizeRecommendationWithBehaviors`` in Kubernetes' pkg/controller/podautoscaler/horizontal.go (1.18 and
later): the present number, raised to the least and lowered to the most that was wanted within the window of each
direction, of which a wish that is exactly as old as the window is no part. The first four lines are those of its own
TestNormalizeDesiredReplicas."""


@pytest.mark.parametrize(("present", "earlier", "wanted", "up", "down", "expected"), HPA)
def test_comes_to_what_the_horizontal_pod_autoscaler_comes_to(wants, present, earlier, wanted, up, down, expected):
    """The published rule, by a table."""
    scaler = Stabilize(wants(wanted), up_window=up, down_window=down)
    result, _ = scaler.decide_with_memory(snapshot(free=present), memory_of(wants, earlier))

    assert expected == present + result.up - len(result.down)


@given(
    wishes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), max_size=30),
    windows=st.tuples(st.sampled_from([0, 60, 300]), st.sampled_from([0, 60, 300])),
    present=st.integers(0, 9),
)
@settings(deadline=None)
def test_what_it_forgets_never_mattered(wants, wishes, windows, present):
    """The short memory gives what all the wishes together would give, as the rule is written."""
    wishes = sorted(wishes, reverse=True)
    up, down = windows
    *earlier, (_, wanted) = [*wishes, (0, 4)]
    least = min([wanted, *(workers for ago, workers in earlier if ago < up)])
    most = max([wanted, *(workers for ago, workers in earlier if ago < down)])
    scaler = Stabilize(wants(wanted), up_window=up, down_window=down)
    result, _ = scaler.decide_with_memory(snapshot(free=present), memory_of(wants, earlier))

    assert min(max(present, least), most) == present + result.up - len(result.down)


def test_after_a_start_nobody_leaves_for_a_window(wants):
    """The number that is there is the first that was wanted, as the HorizontalPodAutoscaler has it, too."""
    scaler = Stabilize(wants(1), down_window=300)
    first, memory = scaler.decide_with_memory(snapshot(free=4), None)
    assert first == scaler.decide(snapshot(free=4))
    second, memory = scaler.decide_with_memory(snapshot(free=4, observed_at=NOW + 299), memory)
    third, _ = scaler.decide_with_memory(snapshot(free=4, observed_at=NOW + 300), memory)

    assert ((), ()) == (first.down, second.down)
    assert 3 == len(third.down)


def test_a_hold_adds_no_wish(wants):
    """Who doesn't know wants nothing; what was wanted before stays."""
    before = memory_of(wants, [(60, 5)])
    result, after = Stabilize(wants(-1)).decide_with_memory(snapshot(free=2), before)

    assert result.held
    assert before == after


def test_a_window_that_is_short_for_a_moment_loses_nothing(wants):
    """Somebody mistypes it and mends that: the hour before is still remembered, and nothing older."""
    earlier = memory_of(wants, [(3601, 9), (250, 5)])
    _, memory = Stabilize(wants(5), down_window=3).decide_with_memory(snapshot(free=5), earlier)
    result, _ = Stabilize(wants(1), down_window=300).decide_with_memory(snapshot(free=5, observed_at=NOW + 1), memory)
    longer, _ = Stabilize(wants(1), down_window=9000).decide_with_memory(snapshot(free=9, observed_at=NOW + 1), memory)

    assert (0, 4) == (len(result.down), len(longer.down))


def test_who_is_above_the_maximum_does_not_wait(wants):
    """Somebody lowered the maximum to 4: two of six leave at once."""
    result, _ = Stabilize(wants(1, most=4)).decide_with_memory(snapshot(free=6), memory_of(wants, [(60, 6)]))

    assert ("free-6", "free-5") == result.down
    assert str(result.reasons[-1]).endswith("within 300 s, but at most 4")


def test_remembers_little_and_on_the_safe_side(wants):
    """However often it is asked and whatever is wanted, the memory stays small; what it merges, it keeps for longer."""
    falling = [[NOW - 200 + n * 0.1, 2000 - n] for n in range(MOST)]
    memory = {"own": {"most": falling, "least": []}, "children": [None]}
    _, after = Stabilize(wants(3)).decide_with_memory(snapshot(free=3), memory)

    assert MOST == len(after["own"]["most"])
    assert [falling[1][0], 2000] == after["own"]["most"][0]
    assert len(json.dumps(after)) < 20_000


def test_a_clock_that_was_set_back_lengthens_no_window(wants):
    """Wishes of the future count as of now, and are forgotten a window later."""
    scaler = Stabilize(wants(1), down_window=60)
    first, memory = scaler.decide_with_memory(snapshot(free=4), memory_of(wants, [(-9000, 4)]))
    second, _ = scaler.decide_with_memory(snapshot(free=4, observed_at=NOW + 60), memory)

    assert () == first.down
    assert 3 == len(second.down)
