"""How ``demand`` follows a load: a burst, its end, the way to zero and back, what isn't known, another rule."""

from __future__ import annotations

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.builtin import DemandAutoScaler
from everai_autoscaler.testing import VirtualTarget, story


def test_a_burst_is_followed_and_remembered():
    """It starts what the burst wants, keeps it for the window, and removes it when that is over."""
    policy = DemandAutoScaler(max_workers=20, rule="1*now[120s]", service_time=10)
    (
        story(policy)
        .given(arrivals=0)
        .expect_nothing(because="next to none: wants 0")
        .after(600, every=20)
        .expect_nothing()
        .waiting(6)
        .given(arrivals=6)
        .after(20)
        .expect(up=3, because="demand 2.59 at most over 120 s")
        .waiting(0)
        .given(arrivals=0)
        .busy(6)
        .after(20)
        .expect_nothing(because="has 6: nobody is free to go")
        .busy(0)
        .free(6)
        .after(20)
        .expect(down=3, because="wants 3, has 6: removes free-6, free-5, free-4, idle")
        .free(3)
        .after(79, every=20)
        .expect_nothing(because="at most over 120 s")
        .after(1)
        .expect(down=2, because="demand 0.812 at most over 120 s")
        .free(1)
        .after(20)
        .expect(down=1, because="next to none: wants 0")
    )


def test_it_goes_to_zero_and_wakes(play):
    """One request starts a worker, which goes when the demand is over; the next request starts one again."""
    target = VirtualTarget(workers=0, cold_start=15, load=[[(5, 10), (905, 10)]])
    policy = Decider("demand", {"max_workers": 5, "rule": "1*now[60s]"})  # remembers what the scaler wants to
    ticks = play(target, policy, seconds=1200)
    workers = [len(tick.factors.workers) for tick in ticks]

    # It comes at 5, is seen at 20, served from 35 to 45; the peak is seen at 40, and a minute old at 100.
    assert [0, 0, 1, 1, 1, 1, 0, 0] == workers[:8]
    assert (0, 2, 2) == (workers[-1], target.served().answered, len(target.everyone))


def test_what_is_not_known_keeps_what_there_is():
    """While the queue or the workers aren't known it holds, and it goes on with what it remembers."""
    known = story(DemandAutoScaler(max_workers=20, rule="1*now[60s]")).busy(4).expect_nothing()
    dark = known.busy(0).free(4).waiting(None).after(700, every=20).expect_hold(because="the queue is not known")

    dark.given(workers=None, worker=None).after(20).expect_hold(because="the workers are not known")
    again = dark.waiting(0).after(20).expect_nothing(because="demand 4 at most over 60 s")
    again.after(39).expect_nothing().after(1).expect(down=4)


def test_a_rule_that_changes_finds_its_windows_full():
    """A longer window knows what came before it was asked for: the present rule isn't all that is remembered."""
    rules = ["1*now"]
    decider = Decider(DemandAutoScaler(max_workers=20, rule=lambda: rules[-1]))
    quiet = story(decider).busy(7).ask().busy(0).after(1200, every=20).expect_nothing(because="wants 0")
    rules.append("1*mean60[1800s]")

    quiet.after(20).expect(up=7, because="demand 7 at most over 1800 s (mean of 60 s)")


def test_a_fresh_beginning_says_so():
    """A clock that jumps, or a long silence: nothing of before counts, and nobody goes for ten minutes."""
    calm = story(DemandAutoScaler(max_workers=20, rule="1*now")).busy(5).expect_nothing()

    calm.busy(0).free(5).after(901).expect_nothing(because="the last decision was 901 s ago: the windows begin afresh")


@pytest.mark.slow
def test_after_a_day_without_traffic_ten_times_of_it_is_followed(play):
    """It sleeps for a day, wakes for a request every ten seconds, and has ten times the workers for ten times of it."""
    slow = [(86_400 + 10.0 * k, 10) for k in range(120)]
    fast = [(87_600 + 1.0 * k, 10) for k in range(600)]
    target = VirtualTarget(workers=1, cold_start=15, load=[slow, fast])
    policy = Decider("demand", {"max_workers": 50, "rule": "1*mean60[60s] + 1*root"})
    ticks = play(target, policy, seconds=88_200)
    workers = {
        round(tick.factors.observed_at - target.clock.now() + 88_200): len(tick.factors.workers) for tick in ticks
    }

    assert (1, 0, 0) == (workers[580], workers[700], workers[86_400])
    assert 3 == workers[87_500]
    assert 10 <= workers[87_800] <= 18
    assert 14 == workers[88_200]
