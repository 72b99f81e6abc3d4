"""What the virtual clock promises."""

from __future__ import annotations

from everai_autoscaler.simulator.clock import VirtualClock


def test_waiting_makes_it_that_moment():
    """After waiting until a moment it is that moment."""
    clock = VirtualClock(100)
    clock.sleep_until(107.5)

    assert 107.5 == clock.now()


def test_never_goes_back():
    """Waiting for a moment that has passed returns at once, and changes nothing."""
    clock = VirtualClock(100)
    clock.sleep_until(50)

    assert 100.0 == clock.now()


def test_runs_what_is_planned_in_the_order_of_time():
    """What was planned happens at its own moment, the earliest first, and not before somebody waits for it."""
    clock = VirtualClock()
    happened = []
    for moment in (9, 3, 11, 6):
        clock.call_at(moment, lambda: happened.append(clock.now()))
    before = list(happened)
    clock.sleep_until(10)

    assert [] == before
    assert [3.0, 6.0, 9.0] == happened


def test_runs_what_is_planned_for_the_moment_itself():
    """Whoever waits until a moment finds that what was planned for it has happened."""
    clock = VirtualClock()
    happened = []
    clock.call_at(10, lambda: happened.append("planned"))
    clock.sleep_until(10)

    assert ["planned"] == happened


def test_orders_one_moment_by_priority_and_then_by_planning():
    """At one moment the lowest priority comes first; those of one priority come as they were planned."""
    clock = VirtualClock()
    happened = []
    for name, priority in (("c", 2), ("a1", 0), ("b", 1), ("a2", 0)):
        clock.call_at(5, lambda name=name: happened.append(name), priority=priority)
    clock.sleep_until(5)

    assert ["a1", "a2", "b", "c"] == happened


def test_what_happens_may_plan_more():
    """What is planned on the way happens too, when its moment is not after the one waited for."""
    clock = VirtualClock()
    happened = []

    def again():
        happened.append(clock.now())
        clock.call_at(clock.now() + 4, again)

    clock.call_at(1, again)
    clock.sleep_until(10)

    assert [1.0, 5.0, 9.0] == happened


def test_what_is_planned_for_the_past_happens_now():
    """A moment that has passed already stands for now: time doesn't go back for it."""
    clock = VirtualClock(100)
    happened = []
    clock.call_at(50, lambda: happened.append(clock.now()))
    clock.sleep_until(100)

    assert [100.0] == happened
