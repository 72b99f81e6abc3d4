"""The guard: what no policy may do, whoever wrote it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.decision import guard
from everai_autoscaler.model import DecideResult, ScaleDownAction, ScaleUpAction, WorkerStatus
from everai_autoscaler.testing import snapshot, worker


def answer(*actions: int | str, max_workers: int = 9) -> DecideResult:
    """A result that starts as many workers as each number says, and removes each that is named."""
    return DecideResult(
        max_workers=max_workers,
        actions=[ScaleUpAction(count=a) if isinstance(a, int) else ScaleDownAction(worker_id=a) for a in actions],
    )


FLEET = snapshot(
    workers=[
        worker("free"),
        worker("starting", "Inflight"),
        worker("busy", "Busy"),
        worker("serving", "Free", current_request=1),
        worker("in-session", number_of_sessions=1),
        worker("in-sessions", number_of_sessions=2),
        worker("draining", draining=True),
    ]
)


@pytest.mark.parametrize(
    ("proposed", "max_workers", "up", "down", "reasons"),
    [
        ((), 9, 0, (), []),
        (("free",), 9, 0, ("free",), []),
        (("starting",), 9, 0, ("starting",), []),
        (("free", "starting"), 9, 0, ("free", "starting"), []),
        (("busy",), 9, 0, (), ["busy stays: it is busy"]),
        (("serving", "free"), 9, 0, ("free",), ["serving stays: it is busy"]),
        (("in-session",), 9, 0, (), ["in-session stays: it has a session"]),
        (("in-sessions",), 9, 0, (), ["in-sessions stays: it has 2 sessions"]),
        (("draining",), 9, 0, (), ["draining stays: it is leaving already"]),
        (("nobody",), 9, 0, (), ["nobody is no worker of this app, so it can't be removed"]),
        (("free", "free"), 9, 0, ("free",), ["free is removed once, not twice"]),
        ((1, "free"), 9, 1, (), ["up and down at once: free stay"]),
        (("busy", 1), 9, 1, (), ["busy stays: it is busy"]),
        ((2,), 9, 2, (), []),
        ((3,), 9, 2, (), ["up by 2 instead of 3: 7 workers of at most 9 there"]),
        ((1, 4), 9, 2, (), ["up by 2 instead of 5: 7 workers of at most 9 there"]),
        (
            (1,),
            7,
            0,
            (),
            ["at most 7, not 9: that is the bound max_workers", "up by 0 instead of 1: 7 workers of at most 7 there"],
        ),
        (
            (1,),
            3,
            0,
            (),
            ["at most 3, not 9: that is the bound max_workers", "up by 0 instead of 1: 7 workers of at most 3 there"],
        ),
        ((), 3, 0, (), ["at most 3, not 9: that is the bound max_workers"]),
    ],
)
def test_what_stands(
    proposed: tuple[Any, ...], max_workers: int, up: int, down: tuple[str, ...], reasons: list[str]
) -> None:
    """Each rule corrects what breaks it, and says so; what breaks none stays as it is, without a word."""
    result = guard(answer(*proposed), FLEET, max_workers=max_workers)

    assert (up, down) == (result.up, result.down)
    assert [f"guard: {reason}" for reason in reasons] == [str(reason) for reason in result.reasons]
    assert min(9, max_workers) == result.max_workers


def test_the_smaller_maximum_stands() -> None:
    """A result that states less than its bound keeps what it states."""
    result = guard(answer(5, max_workers=8), FLEET, max_workers=20)

    assert (8, 1) == (result.max_workers, result.up)


def test_without_a_bound_the_results_own_maximum_stands() -> None:
    """Where the policy has no bound, its result's own maximum counts."""
    result = guard(answer(5, max_workers=8), FLEET)

    assert (8, 1) == (result.max_workers, result.up)


@pytest.mark.parametrize("stated", [1, 5, 50])
def test_a_hold_gets_the_bound_maximum(stated: int) -> None:
    """A hold has no opinion on the maximum: it gets the bound, and that is no correction."""
    held = DecideResult.hold(FLEET, "not known", max_workers=stated)
    result = guard(held, FLEET, max_workers=5)

    assert 5 == result.max_workers
    assert result.held
    assert held.reasons == result.reasons


@pytest.mark.parametrize("action", [2, "free"])
def test_where_the_workers_are_not_known_nothing_is_done(action: int | str) -> None:
    """Not known removes nobody, and starts nobody either."""
    result = guard(answer(action), snapshot(workers=None))

    assert [] == result.actions
    assert "guard: nothing is done: the workers are not known" == str(result.reasons[0])


def test_one_id_twice_counts_once_and_is_believed_where_it_stays() -> None:
    """Of two statements about one id the one that keeps the worker holds, and the maximum counts it once."""
    factors = snapshot(workers=[worker("a"), worker("a", "Busy")])

    assert () == guard(answer("a"), factors).down
    assert 1 == guard(answer(1, max_workers=2), factors).up


def test_one_worker_is_told_in_the_singular() -> None:
    """A reason reads as a sentence."""
    result = guard(answer(2, max_workers=1), snapshot(free=1))

    assert "guard: up by 0 instead of 2: 1 worker of at most 1 there" == str(result.reasons[0])


def test_the_policys_own_reasons_come_first() -> None:
    """The guard speaks after the policy, and takes nothing back that it said."""
    result = guard(answer("busy").because("I want to"), FLEET)

    assert ["policy", "guard"] == [reason.who for reason in result.reasons]


IDS = ["w0", "w1", "w2", "w3", "w4"]
STATUSES = st.sampled_from(list(WorkerStatus))
FLEETS = st.lists(
    st.builds(
        worker,
        st.sampled_from(IDS),
        STATUSES,
        current_request=st.integers(0, 1),
        number_of_sessions=st.integers(0, 2),
        draining=st.sampled_from([None, False, True]),
    ),
    max_size=6,
)
ACTIONS = st.lists(
    st.builds(ScaleUpAction, count=st.integers(1, 9))
    | st.builds(ScaleDownAction, worker_id=st.sampled_from([*IDS, "nobody"])),
    max_size=6,
)
RESULTS = st.builds(DecideResult, max_workers=st.integers(0, 9), actions=ACTIONS)
BOUNDS = st.none() | st.integers(0, 9)


@given(RESULTS, st.none() | FLEETS, BOUNDS)
def test_after_the_guard_nothing_is_left_that_may_never_be(result: DecideResult, fleet: Any, bound: int | None) -> None:
    """Whatever any policy answers about any fleet."""
    factors = snapshot(workers=fleet)
    after = guard(result, factors, max_workers=bound)
    there = {one.worker_id for one in fleet or ()}
    occupied = {
        one.worker_id
        for one in fleet or ()
        if one.status is WorkerStatus.Busy or one.current_request or one.number_of_sessions or one.draining
    }

    assert set(after.down) <= there - occupied
    assert len(after.down) == len(set(after.down))
    assert not (after.up and after.down)
    assert not after.up or len(there) + after.up <= after.max_workers
    assert after.max_workers == (result.max_workers if bound is None else min(result.max_workers, bound))
    assert fleet is not None or not after.actions
    assert set(after.down) <= set(result.down)
    assert after.up <= result.up


@given(RESULTS, st.none() | FLEETS, BOUNDS)
def test_a_reason_is_left_exactly_when_something_changed(result: DecideResult, fleet: Any, bound: int | None) -> None:
    """No correction without a word, and no word without a correction."""
    after = guard(result, snapshot(workers=fleet), max_workers=bound)

    assert (after != result) == bool(after.reasons)


@given(RESULTS, st.none() | FLEETS, BOUNDS)
def test_the_guard_has_nothing_to_say_to_what_it_let_through(
    result: DecideResult, fleet: Any, bound: int | None
) -> None:
    """Guarding twice is guarding once."""
    factors = snapshot(workers=fleet)
    once = guard(result, factors, max_workers=bound)

    assert guard(once, factors, max_workers=bound) is once


@given(RESULTS, st.none() | FLEETS, BOUNDS)
def test_the_guard_changes_neither_result_nor_snapshot(result: DecideResult, fleet: Any, bound: int | None) -> None:
    """It answers with another result where it corrects."""
    factors = snapshot(workers=fleet)
    before = (result.json(), factors.json())
    guard(result, factors, max_workers=bound)

    assert before == (result.json(), factors.json())


@given(
    st.none() | FLEETS,
    st.dictionaries(st.sampled_from(["NotDispatch", "QueueDueBusy", "QueueDueSession"]), st.integers(0, 9)),
    st.integers(0, 3),
    st.integers(0, 6),
    st.sampled_from([SimpleAutoScaler, FreeWorkerAutoScaler]),
)
def test_a_builtins_answer_passes_unchanged(fleet: Any, queue: Any, least: int, more: int, kind: Any) -> None:
    """The builtin scalers keep the guard's rules by themselves."""
    scaler = kind(min_workers=least, max_workers=least + more, max_idle_time=0)
    factors = snapshot(queue, workers=fleet)
    result = scaler.decide(factors)

    assert result is guard(result, factors, max_workers=least + more)
