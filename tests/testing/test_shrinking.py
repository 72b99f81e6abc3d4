"""What the smallest snapshot is."""

from __future__ import annotations

from hypothesis import given, settings

from everai_autoscaler.testing import as_code, factors, snapshot, worker
from everai_autoscaler.testing.shrinking import simpler_snapshots, smaller_numbers, smallest


@given(factors())
@settings(max_examples=25, deadline=None, database=None)
def test_everything_that_is_not_needed_goes(one):
    """Where anything would do, nothing is left, not even a moment of its own."""

    assert snapshot() == smallest(one, simpler_snapshots, lambda _: True, key=as_code)


def test_an_odd_moment_becomes_the_usual_one():
    """A snapshot of any moment is moved to the usual one, and its workers with it."""
    odd = 1_600_000_497.5
    large = snapshot(workers=[worker("w1", "Busy", idle_for=0.5, observed_at=odd)], observed_at=odd)
    small = snapshot(workers=[worker("w1", "Busy")])

    assert small == smallest(large, simpler_snapshots, lambda one: one.count("Busy"), key=as_code)


def test_workers_that_are_not_known_are_moved_as_such():
    """Where the workers have to be unknown, only the moment becomes the usual one."""
    large = snapshot(workers=None, observed_at=5.0)

    assert snapshot(workers=None) == smallest(large, simpler_snapshots, lambda one: one.workers is None, key=as_code)


def test_what_is_needed_stays():
    """Where an idle worker and a queue are needed, both are left, as small as they may be."""
    large = snapshot(waiting=700, busy=3, free=2, idle_for=5000, utilization=30)

    def shows(one):
        return (one.waiting() or 0) > 6 and any((one.idle_time(w) or 0) >= 60 for w in one.workers or ())

    small = snapshot(waiting=7, workers=[worker("w1", idle_for=60)])
    assert small == smallest(large, simpler_snapshots, shows, key=as_code)


def test_a_suspect_gets_as_young_as_it_may():
    """A worker that starts for too long is left to start just too long."""
    large = snapshot(workers=[worker("w1", "Inflight", started_ago=9000), worker("w2", "Busy")])
    small = snapshot(workers=[worker("w1", "Inflight", started_ago=601)])

    assert small == smallest(large, simpler_snapshots, lambda one: one.suspects(600), key=as_code)


def test_no_thing_is_looked_at_twice():
    """Things of one key are one thing."""
    seen = []
    smallest(9, smaller_numbers, lambda number: seen.append(number) or number > 4, key=lambda number: number)

    assert sorted(set(seen)) == sorted(seen)
