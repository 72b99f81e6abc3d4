"""Every wrapper, round the builtin scalers, keeps every rule of the kit."""

from __future__ import annotations

import pytest

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.testing import parametrize_with_checks
from everai_autoscaler.testing.checks import check_is_monotone, check_is_steady
from everai_autoscaler.wrapper import (
    Budget,
    Ceiling,
    Cooldown,
    FirstValid,
    Floor,
    Max,
    Min,
    RateLimit,
    Schedule,
    Shadow,
    Stabilize,
)

SIMPLE = SimpleAutoScaler(min_workers=0, max_workers=6, scale_up_step=3, max_idle_time=0)
FREE = FreeWorkerAutoScaler(max_workers=8, min_free_workers=2, max_idle_time=0)

SCALERS = {
    "cooldown": Cooldown(SIMPLE, up=60, down=120),
    "cooldown-free-worker": Cooldown(FREE, up="60", down=lambda: "120"),
    "stabilize": Stabilize(SIMPLE, up_window=60, down_window=120),
    "stabilize-free-worker": Stabilize(FREE),
    "rate-limit": RateLimit(SIMPLE, up_workers=1, up_percent=50, down_workers=1, down_period=120),
    "rate-limit-free-worker": RateLimit(FREE, up_percent=100, down_percent=10),
    "max": Max([SIMPLE, FREE]),
    "min": Min([SIMPLE, FREE]),
    "first-valid": FirstValid([SIMPLE, FREE]),
    "floor": Floor(SIMPLE, workers=3),
    "floor-above-the-maximum": Floor(FREE, workers=12),
    "ceiling": Ceiling(FREE, workers=3),
    "budget": Budget(SIMPLE, per_hour=4, per_day=30, price=1),
    "budget-free-worker": Budget(FREE, per_month="900", price=lambda: "2.5", timezone="Asia/Tokyo"),
    "budget-without-a-price": Budget(FREE, per_day=20),
    "schedule": Schedule(SIMPLE, "mon-fri 08:00-18:00 min 2 max 4; 22:00-06:00 max 1", timezone="Europe/Berlin"),
    "schedule-free-worker": Schedule(FREE, [{"days": "mon-sun", "min_workers": 3, "max_workers": 5}], lead="60"),
    "shadow": Shadow(SIMPLE, [FREE, Cooldown(FREE)]),
    "all-of-them": Shadow(
        Cooldown(
            RateLimit(
                Stabilize(
                    Floor(Ceiling(FirstValid([Max([SIMPLE, FREE]), Min([FREE, SIMPLE])]), workers=7), workers=1),
                    down_window=60,
                ),
                up_workers=2,
                down_percent=50,
            ),
            up=20,
            down=40,
        ),
        [FREE],
    ),
}


@parametrize_with_checks(SCALERS, within=5.0)
def test_keeps_the_contract(scaler, check):
    """Each wrapper keeps each rule."""
    check(scaler, examples=60)  # the kit of each builtin looks at more; here are many scalers


@pytest.mark.parametrize("check", [check_is_steady, check_is_monotone])
@pytest.mark.parametrize("scaler", SCALERS.values(), ids=SCALERS)
def test_stays_as_steady_as_what_is_inside(scaler, check):
    """Round scalers that declare it, each wrapper is steady and monotone, too; it can't declare that for any scaler."""
    check(scaler, examples=60)


def test_none_is_left_out():
    """Every wrapper that ships is among those that are checked."""
    wrapper = next(plugin for plugin in default_registry().plugins if plugin.name == "wrapper")

    assert set(wrapper.offers["autoscalers"]) == {scaler.autoscaler_name() for scaler in SCALERS.values()}
