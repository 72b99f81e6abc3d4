"""A pause after each change."""

from __future__ import annotations

import pytest

from everai_autoscaler.testing import snapshot
from everai_autoscaler.wrapper import Cooldown

NOW = 1_720_000_000.0


def test_story_a_burst_and_its_end(life, late):
    """After each change both directions pause, each for its time; neither a ConfigMap nor a restart ends a pause."""
    app = life(
        "cooldown",
        {
            "scaler": {"name": "wants", "arguments": {"workers": late("wanted")}},
            "up": late("up"),
            "down": 120,
        },
        wanted=2,
        up=60,
    )

    assert 1 == app.at(0, 1)
    assert 0 == app.at(30, 2, wanted=5)
    assert "cooldown: starts none of 3 workers: the last change was 30 s ago, less than 60 s" == app.said
    app.restart()
    assert 0 == app.at(50, 2)
    assert 3 == app.at(55, 2, up=55)  # somebody shortens the pause: what is remembered stays
    assert 0 == app.at(160, 5, wanted=1)
    assert "cooldown: removes none of 4 workers: the last change was 105 s ago, less than 120 s" == app.said
    app.restart()
    assert "hold" == app.at(170, 5, wanted=-1)
    assert "hold" == app.at(171, None, wanted=1)
    assert -4 == app.at(175, 5)
    assert 0 == app.at(180, 1)
    assert 0 == app.at(200, 1, wanted=2)
    assert 1 == app.at(230, 1)


def remembering(seconds_ago, **of):
    return {"own": NOW - seconds_ago, "children": [None]}


@pytest.mark.parametrize(
    ("wanted", "since", "changes"),
    [
        (5, None, 2),
        (5, 59, 0),
        (5, 60, 2),
        (1, None, -2),
        (1, 119, 0),
        (1, 120, -2),
        (3, 0, 0),
    ],
)
def test_each_direction_has_its_pause(wants, wanted, since, changes):
    """Sixty seconds before more start, a hundred and twenty before any leave; at the very second they are over."""
    scaler = Cooldown(wants(wanted), up=60, down=120)
    memory = None if since is None else remembering(since)
    result, remembered = scaler.decide_with_memory(snapshot(free=3), memory)

    assert changes == result.up - len(result.down)
    assert (remembering(0) if changes else memory) == remembered


def test_what_does_nothing_begins_no_pause(wants):
    """Neither a hold nor a satisfied answer is a change; nor is one for which there was no room."""
    for child, fleet in ((wants(-1), 3), (wants(3), 3), (wants(9, most=3), 3)):
        _, remembered = Cooldown(child).decide_with_memory(snapshot(free=fleet), None)

        assert remembered is None


def test_who_is_above_the_maximum_does_not_wait(wants):
    """Somebody lowered the maximum to 4: one of five leaves at once, the others after the pause."""
    scaler = Cooldown(wants(1, most=4))
    result, _ = scaler.decide_with_memory(snapshot(free=5), remembering(10))

    assert ("free-5",) == result.down
    assert "cooldown: removes 1 of 4 workers" in str(result.reasons[-1])


def test_a_clock_that_was_set_back_lengthens_no_pause(wants):
    """A change an hour ahead counts as one of this moment, from which the pause runs."""
    scaler = Cooldown(wants(5), up=60)
    result, memory = scaler.decide_with_memory(snapshot(free=3), remembering(-3600))
    later, _ = scaler.decide_with_memory(snapshot(free=3, observed_at=NOW + 60), memory)

    assert 0 == result.up
    assert 2 == later.up


def test_the_childs_reasons_come_first(wants):
    """What the scaler inside says stays, under its name."""
    result = Cooldown(wants(5)).decide(snapshot(free=3))

    assert ["Wants: 5 wanted", "cooldown: starts 2 workers: no change is remembered"] == [*map(str, result.reasons)]
