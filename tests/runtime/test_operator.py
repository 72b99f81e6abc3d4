"""An operator's override of a policy."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.model import AutoScaler, DecideResult, Factors
from everai_autoscaler.runtime.operator import Operated, Overrides
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.testing import snapshot
from everai_autoscaler.testing.strategies import factors as snapshots


class WantsFour(AutoScaler):
    def decide(self, factors: Factors) -> DecideResult:
        return DecideResult.scale_to(4, factors, max_workers=5).because("four are wanted")


PAUSE = Override(word="pause", since=0, by="ann", reason="the database is down")


def hold(workers: int, **more) -> Override:
    return Override(word="hold", since=0, by="ann", workers=workers, **more)


def decide(override: Override | None, factors: Factors) -> DecideResult:
    return Operated(WantsFour(), lambda now: override).decide(factors)


def test_without_an_override_the_policy_decides() -> None:
    """Where there is none, the answer is the policy's own."""
    assert ["policy: four are wanted"] == [str(reason) for reason in decide(None, snapshot(free=1)).reasons]


def test_a_pause_does_nothing_and_says_who_said_so() -> None:
    """While it is paused nothing is started or removed, and the answer names the operator and the reason."""
    result = decide(PAUSE, snapshot(free=1))

    assert (True, [], 5) == (result.held, result.actions, result.max_workers)
    assert ["operator: paused by ann: the database is down"] == [str(reason) for reason in result.reasons]


def test_a_hold_starts_what_is_missing() -> None:
    """Held at three with one worker, two are started, whatever the policy wants."""
    assert 2 == decide(hold(3), snapshot(free=1)).up


def test_a_hold_removes_what_is_too_many() -> None:
    """Held at one with three free workers, the two newest go, without waiting for their idle time."""
    assert ("free-3", "free-2") == decide(hold(1), snapshot(free=3, idle_for=0)).down


def test_a_hold_lets_nobody_go_who_serves() -> None:
    """Held at none with two busy workers, both stay."""
    assert () == decide(hold(0), snapshot(busy=2)).down


def test_a_policy_cannot_end_the_thread_that_decides() -> None:
    """A policy that calls sys.exit is an error like any other, so that the tick holds and says so."""

    class Leaves(AutoScaler):
        def decide(self, factors: Factors) -> DecideResult:
            sys.exit(3)

    with pytest.raises(RuntimeError, match="Leaves wanted to end the runtime: SystemExit 3"):
        Operated(Leaves(), lambda now: None).decide(snapshot(free=1))


def test_a_hold_stays_below_the_policys_maximum() -> None:
    """Held at nine where the policy's maximum is five, five are there, and the answer says why."""
    result = decide(hold(9), snapshot(free=1))

    assert 4 == result.up
    assert "operator: at most 5: that is the policy's maximum" == str(result.reasons[-1])


def test_a_hold_at_the_policys_maximum_needs_no_word_about_it() -> None:
    """Held at five where five are the most, nothing was cut off."""
    assert ["operator: held at 5 workers by ann"] == [
        str(reason) for reason in decide(hold(5), snapshot(free=1)).reasons
    ]


def test_it_goes_by_the_policys_name() -> None:
    """What a loop says of a decision that hangs names the policy, not what stands round it."""
    assert "WantsFour" == Operated(WantsFour(), lambda now: None).name


@given(snapshots(), st.integers(0, 9))
def test_a_hold_never_breaks_the_guard(factors: Factors, workers: int) -> None:
    """Whatever the fleet, a hold removes no worker that serves, holds a session or drains, nor exceeds the maximum."""
    result = decide(hold(workers), factors)

    here = {worker.worker_id: worker for worker in factors.workers or ()}
    unfree = {one.worker_id for one in here.values() if one.status == "Busy" or one.number_of_sessions or one.draining}
    assert not unfree & {*result.down}
    assert result.up == 0 or len(here) + result.up <= 5


@pytest.mark.parametrize(("until", "over"), [(None, False), (99.0, True), (100.0, True), (101.0, False)])
def test_an_override_is_over_at_its_time(until: float | None, over: bool) -> None:
    """An override without an end lasts; one with an end is over from that moment on."""
    assert over == hold(1, until=until).over(100.0)


def test_an_override_that_is_over_makes_room_for_no_newer_one(tmp_path: Path) -> None:
    """What is over is taken away, but not what another process has put in its place at the same moment."""

    class Newer(Store):
        """Another process stores an override as soon as this one begins to change something."""

        def alone(self) -> AbstractContextManager[None]:
            Store.set_operator(self, "app", PAUSE.model_dump())
            return super().alone()

    with closing(Newer(tmp_path)) as store:
        overrides = Overrides(store, "app", lambda _line: None)
        overrides.set(hold(3, until=time.time() + 0.05), "ann")
        time.sleep(0.1)
        overrides.refresh()

        assert PAUSE.model_dump() == store.operator("app")
