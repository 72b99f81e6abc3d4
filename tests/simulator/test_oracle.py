"""The policy that knows the true local rate."""

from __future__ import annotations

import random

import pytest

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator import simulate
from everai_autoscaler.simulator.oracle import RateOracle
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.testing import snapshot


def _two_rates() -> Workload:
    """Ten minutes of a request every 2 seconds, then ten of four a second; 4 seconds each."""
    slow = [2.0 * number for number in range(300)]
    return Workload("two rates", slow + [600 + number / 4 for number in range(2400)], [4.0] * 2700)


def test_it_knows_the_rate_a_cold_start_ahead():
    """At the slow rate it wants 4 workers, and 20 as soon as a worker started now would meet the fast one."""
    oracle = RateOracle(_two_rates(), cold_start=60)

    assert [4, 4, 20, 20] == [oracle.wanted(second) for second in (100, 500, 570, 700)]


def test_slots_share_a_worker():
    """With four requests at once a quarter of the workers is enough."""
    assert 5 == RateOracle(_two_rates(), concurrency=4).wanted(700)


def test_it_says_that_it_knows():
    """Its reason says what no policy in production could."""
    result = RateOracle(_two_rates(), start=1000).decide(snapshot(observed_at=1700))

    assert "it knows what will come: 16.0 requests at once" in result.reasons[0].why
    assert 20 == result.up


def test_what_is_not_known_holds():
    """Without workers or a queue in the snapshot it decides nothing."""
    assert RateOracle(_two_rates()).decide(snapshot(workers=None)).held


def test_in_a_run_it_is_ready_for_the_fast_rate():
    """Through the whole pipeline nearly nobody waits, though the rate rises eightfold in a moment."""
    run = simulate(RateOracle(_two_rates(), cold_start=60), _two_rates(), cold_start=60, interval=10, workers=4)

    assert run.slo(5.0) >= 0.99


def test_it_beats_a_static_fleet_on_a_quiet_day():
    """On long quiet times between bursts it costs less than a fleet for the peak."""
    draw = random.Random("bursts")
    arrivals = sorted(3600 * hour + draw.uniform(0, 300) for hour in range(6) for _ in range(600))
    bursts = Workload("bursts", arrivals, [5.0] * len(arrivals))
    run = simulate(RateOracle(bursts, safety=2), bursts, interval=10, workers=0)

    assert run.metrics(slo=5.0).worker_seconds < 0.3 * 15 * bursts.end


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"window": 0}, "window: 0 is not a number of seconds above 0"),
        ({"safety": -1}, "safety: -1 is not at least 0"),
        ({"concurrency": 0}, "concurrency: 0 is not at least 1"),
    ],
)
def test_a_value_out_of_bounds_is_one_clear_line(arguments, words):
    """The line names the value, what was given and what is accepted."""
    with pytest.raises(ArgumentError, match=words):
        RateOracle(_two_rates(), **arguments)
