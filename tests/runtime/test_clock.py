"""The clock of a loop that can be woken."""

from __future__ import annotations

import threading
import time

import pytest

from everai_autoscaler.runtime import clock as clock_module
from everai_autoscaler.runtime.clock import AT_LEAST, StoppedError, WakingClock

SOON = 10.0
"""Seconds within which another thread has done its bit, on the slowest machine."""


def sleep_on(clock: WakingClock, moment: float) -> None:
    with pytest.raises(StoppedError):
        clock.sleep_until(moment)


def test_it_sleeps_until_the_moment() -> None:
    """Without anybody who wakes it, a sleep ends at its moment."""
    clock = WakingClock()
    moment = time.time() + 0.02
    clock.sleep_until(moment)

    assert moment <= time.time()
    assert None is clock.next_at


def test_it_can_be_woken() -> None:
    """A sleeper that is woken goes on long before its moment, but not sooner than a beat may follow a beat."""
    clock = WakingClock()
    clock.woke_at = began = time.time()
    clock.wake()
    clock.sleep_until(began + 3600)

    assert AT_LEAST <= clock.woke_at - began + 0.01 < SOON


def test_a_beat_that_was_long_ago_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wakes it after a quiet time needn't wait."""
    monkeypatch.setattr(clock_module, "AT_LEAST", 60.0)
    clock = WakingClock()
    clock.woke_at = time.time() - 3600
    clock.wake()
    began = time.time()
    clock.sleep_until(began + 3600)

    assert time.time() - began < SOON


def test_whoever_wakes_it_never_makes_it_later() -> None:
    """Where beats are to follow sooner than a woken one may, its moment counts."""
    clock = WakingClock()
    clock.woke_at = began = time.time()
    clock.wake()
    clock.sleep_until(began + 0.02)

    assert time.time() - began < AT_LEAST


def test_it_can_be_stopped_from_another_thread() -> None:
    """A sleep that is stopped ends with an error that ends the loop."""
    clock = WakingClock()
    threading.Timer(0.01, clock.stop).start()
    with pytest.raises(StoppedError):
        clock.sleep_until(time.time() + 3600)


def test_it_tells_when_the_sleep_ends() -> None:
    """While somebody sleeps, others can see until when."""
    clock = WakingClock()
    moment = time.time() + 3600
    sleeper = threading.Thread(target=sleep_on, args=(clock, moment))
    sleeper.start()
    deadline = time.time() + SOON
    while clock.next_at is None and time.time() < deadline:
        time.sleep(0.001)
    seen = clock.next_at
    clock.stop()
    sleeper.join(SOON)

    assert moment == seen


def test_it_tells_by_how_much_it_was_late() -> None:
    """A sleep for a moment that has passed was late by as much."""
    clock = WakingClock()
    clock.sleep_until(time.time() - 5)

    assert 5 <= clock.lag < 5 + SOON
