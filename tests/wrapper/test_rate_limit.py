"""So many workers within a period, and not more."""

from __future__ import annotations

import pytest

from everai_autoscaler.testing import snapshot
from everai_autoscaler.wrapper import RateLimit
from everai_autoscaler.wrapper.memory import MOST

NOW = 1_720_000_000.0


def test_story_a_burst_and_its_end(life, late):
    """Two within a minute up, half within two minutes down; neither a ConfigMap nor a restart loses the ledger."""
    app = life(
        "rate-limit",
        {
            "scaler": {"name": "wants", "arguments": {"workers": late("wanted")}},
            "up_workers": late("step"),
            "up_period": 60,
            "down_percent": 50,
            "down_period": 120,
        },
        wanted=8,
        step=2,
    )

    assert 2 == app.at(0, 1)
    assert 0 == app.at(30, 3)
    assert (
        "rate-limit: starts none of 5 workers: at most 3 for now, with 2 started and 0 removed within the last 60 s"
        == app.said
    )
    app.restart()
    assert 0 == app.at(59, 3)
    assert 2 == app.at(60, 3)
    assert 1 == app.at(90, 5, step=3)  # a larger step: one more within the same minute
    app.restart()
    assert -3 == app.at(250, 6, wanted=0)
    assert 0 == app.at(300, 3)
    assert "hold" == app.at(369, 3, wanted=-1)
    assert -2 == app.at(370, 3, wanted=0)


def ledger(*changes):
    """What is remembered of *changes*: pairs of seconds ago, and workers started or, where negative, removed."""
    ups = [[NOW - ago, change] for ago, change in changes if change > 0]
    downs = [[NOW - ago, -change] for ago, change in changes if change < 0]
    return {"own": {"ups": ups, "downs": downs}, "children": [None]}


UP = [
    # workers, percent, period, present, changes (seconds ago, workers), allowed
    (4, 100, 15, 1, [], 5),
    (4, 100, 15, 5, [(15, 4)], 10),
    (4, 100, 15, 10, [(15, 5)], 20),
    (None, 900, 60, 1, [], 10),
    (None, 900, 60, 10, [(60, 9)], 100),
    (None, 10, 60, 100, [], 110),
    (None, 10, 60, 5, [], 6),
    (4, None, 60, 10, [(59, 4)], 10),
    (4, None, 60, 10, [(59, 1), (30, 2)], 11),
    (4, None, 60, 10, [(61, 4)], 14),
    (4, None, 60, 10, [(30, 4), (20, -3)], 13),
    (4, None, 60, 10, [(30, 9)], 10),
    (0, None, 60, 10, [], 10),
]
DOWN = [
    (None, 10, 60, 80, [], 72),
    (None, 10, 60, 72, [(60, -8)], 64),
    (4, 10, 60, 39, [], 35),
    (4, 10, 60, 80, [], 72),
    (None, 100, 15, 40, [], 0),
    (5, None, 600, 10, [(599, -5)], 10),
    (5, None, 600, 10, [(599, -2)], 7),
    (5, None, 600, 10, [(600, -5)], 5),
    (5, None, 600, 10, [(30, 4)], 1),
    (0, None, 60, 10, [], 10),
    (None, 0, 60, 10, [], 10),
]
"""Facts of ``calculateScaleUpLimitWithScalingRules``, ``calculateScaleDownLimitWithBehaviors`` and
``getReplicasChangePerPeriod`` in Kubernetes' pkg/controller/podautoscaler/horizontal.go, and the worked examples of its
documentation (Horizontal Pod Autoscaling, configurable scaling behavior: 80 pods, 10 percent or 4 pods, then 72, of
which 10 percent are 8; the default of 4 pods or 100 percent within 15 s) and of KEP-853 (1, 10, 100 at 900 percent)."""


@pytest.mark.parametrize(("workers", "percent", "period", "present", "changes", "allowed"), UP)
def test_goes_up_as_far_as_the_horizontal_pod_autoscaler(wants, workers, percent, period, present, changes, allowed):
    """The published rule, by a table: the larger of both, from the workers at the beginning of the period."""
    scaler = RateLimit(wants(1000, most=1000), up_workers=workers, up_percent=percent, up_period=period)
    result, _ = scaler.decide_with_memory(snapshot(free=present), ledger(*changes))

    assert allowed == present + result.up


@pytest.mark.parametrize(("workers", "percent", "period", "present", "changes", "allowed"), DOWN)
def test_goes_down_as_far_as_the_horizontal_pod_autoscaler(wants, workers, percent, period, present, changes, allowed):
    """The published rule, by a table: the larger change of both, from the workers at the beginning of the period."""
    scaler = RateLimit(wants(0, most=1000), down_workers=workers, down_percent=percent, down_period=period)
    result, _ = scaler.decide_with_memory(snapshot(free=present), ledger(*changes))

    assert allowed == present - len(result.down)


def test_of_no_worker_any_percentage_is_one(wants):
    """Where the HorizontalPodAutoscaler would never start, since it has no zero: one may."""
    assert 1 == RateLimit(wants(9), up_percent=50).decide(snapshot()).up
    assert 0 == RateLimit(wants(9), up_percent=0).decide(snapshot()).up


def test_a_direction_without_a_limit_is_free(wants):
    """What isn't given doesn't limit."""
    up = RateLimit(wants(9), down_workers=1).decide(snapshot(free=1))
    down = RateLimit(wants(0), up_workers=1).decide(snapshot(free=9))

    assert (8, 9) == (up.up, len(down.down))
    assert "rate-limit: starts 8 workers: no limit in this direction" == str(up.reasons[-1])


def test_a_period_that_is_short_for_a_moment_loses_nothing(wants):
    """Somebody mistypes it and mends that: half an hour is remembered, and nothing older."""
    short, long = (RateLimit(wants(9), up_workers=1, up_period=period) for period in (3, 600))
    _, memory = short.decide_with_memory(snapshot(free=4), ledger((1801, 1), (500, 2)))
    result, _ = long.decide_with_memory(snapshot(free=5, observed_at=NOW + 1), memory)

    assert 0 == result.up
    assert [[NOW - 500, 2], [NOW, 1]] == memory["own"]["ups"]


def test_who_is_above_the_maximum_does_not_wait(wants):
    """Somebody lowered the maximum to 4: three of seven leave, although one may."""
    result = RateLimit(wants(0, most=4), down_workers=1).decide(snapshot(free=7))

    assert 3 == len(result.down)


def test_what_does_nothing_is_not_in_the_ledger(wants):
    """Neither a hold nor a satisfied answer, nor what there was no room for."""
    for child in (wants(-1), wants(3), wants(9, most=3)):
        _, memory = RateLimit(child, up_workers=1).decide_with_memory(snapshot(free=3), None)

        assert memory is None


def test_remembers_little_and_on_the_safe_side(wants):
    """However many changes there were, the ledger stays small; what it merges, it keeps for longer."""
    ups = [[NOW - 50 + n * 0.01, 1] for n in range(MOST)]
    memory = {"own": {"ups": ups, "downs": []}, "children": [None]}
    _, after = RateLimit(wants(2000, most=2000), up_workers=600).decide_with_memory(snapshot(free=501), memory)

    assert MOST == len(after["own"]["ups"])
    assert [ups[1][0], 2] == after["own"]["ups"][0]
    assert 600 == sum(workers for _, workers in after["own"]["ups"])


def test_a_clock_that_was_set_back_lengthens_no_period(wants):
    """Changes of the future count as of now, and are forgotten a period later."""
    scaler = RateLimit(wants(9), up_workers=2, up_period=60)
    first, memory = scaler.decide_with_memory(snapshot(free=3), ledger((-9000, 2)))
    second, _ = scaler.decide_with_memory(snapshot(free=3, observed_at=NOW + 60), memory)

    assert (0, 2) == (first.up, second.up)
