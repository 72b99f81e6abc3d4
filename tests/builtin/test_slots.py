"""Slots: what free capacity is where workers serve several requests at once, and what ``free-worker`` makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from everai_autoscaler.builtin import FreeWorkerAutoScaler
from everai_autoscaler.builtin.slots import Slots
from everai_autoscaler.model import Factors, Worker, WorkerStatus
from everai_autoscaler.testing import snapshot, worker


def serving(*requests: int, of: int = 8, idle_for: float = 500.0) -> list[Worker]:
    """Workers of so many slots, with so many *requests*; those that serve none are idle; the last is the newest."""
    return [
        worker(
            f"w{number}",
            "Busy" if count else "Free",
            concurrency=of,
            current_request=count,
            idle_for=0.0 if count else idle_for,
            started_ago=5000 - number,
        )
        for number, count in enumerate(requests, 1)
    ]


@pytest.mark.parametrize(
    ("requests", "spare", "up"),
    [
        ([1], 1, 0),  # seven slots are free: one client starts no second worker
        ([7], 1, 0),
        ([8], 1, 1),
        ([8, 8], 1, 1),
        ([8, 3], 1, 0),
        ([0], 2, 1),  # eight free slots may all be in one worker
        ([7, 0], 2, 0),  # nine can't
        ([8, 0], 2, 1),
        ([1, 1], 2, 0),
        ([4, 4, 4], 2, 0),  # 12 slots in three
        ([8], 0, 0),
    ],
)
def test_a_partly_busy_worker_has_room(requests: list[int], spare: int, up: int) -> None:
    """More workers are started where less is free than ``min_free_workers`` workers with room need at least."""
    scaler = FreeWorkerAutoScaler(max_workers=9, min_free_workers=spare)

    assert up == scaler.decide(snapshot(workers=serving(*requests))).up


@pytest.mark.parametrize(
    ("requests", "percent", "up"),
    [
        ([6], 25, 0),  # 1.5 of two free ones
        ([7], 25, 1),  # 1.75 of one
        ([8, 0], 100, 0),
        ([8, 1], 100, 1),
    ],
)
def test_the_share_is_of_the_slots_in_use(requests: list[int], percent: int, up: int) -> None:
    """Rounded up; it counts where it is more than the room."""
    scaler = FreeWorkerAutoScaler(max_workers=9, min_free_percent=percent)

    assert up == scaler.decide(snapshot(workers=serving(*requests))).up


@pytest.mark.parametrize(
    ("requests", "arguments", "down"),
    [
        ([1, 0, 0], {}, ["w3", "w2"]),
        ([8, 0, 0], {}, ["w3"]),  # without the second there would be no room
        ([8, 0, 0], {"min_free_workers": 2}, []),
        ([7, 0, 0], {"min_free_workers": 2}, ["w3"]),
        ([8, 0, 0], {"min_free_percent": 100}, ["w3"]),
        ([8, 0, 0], {"min_free_percent": 101}, []),
        ([1, 0, 0], {"min_workers": 2}, ["w3"]),
        ([1, 2, 0], {}, ["w3"]),  # a worker that serves never goes
        ([8, 0, 0], {"min_free_workers": 3, "max_workers": 2}, ["w3"]),  # above the maximum
        ([0], {"min_workers": 0, "min_free_workers": 0}, ["w1"]),
        ([0], {"min_workers": 0}, []),
    ],
)
def test_as_much_stays_free_as_would_be_started_again(
    requests: list[int], arguments: dict[str, Any], down: list[str]
) -> None:
    """Idle workers go, the newest first, as far as enough slots stay free without them."""
    scaler = FreeWorkerAutoScaler(**{"max_workers": 9, **arguments})

    assert down == list(scaler.decide(snapshot(workers=serving(*requests))).down)


def test_a_large_worker_that_is_needed_does_not_keep_a_small_one() -> None:
    """Of workers of different sizes those go without whom enough is left; the mean size says what room is."""
    fleet = [*serving(2, of=2), worker("small", concurrency=1, idle_for=500), *serving(0, of=8)[:1]]
    fleet[-1] = fleet[-1].model_copy(update={"worker_id": "large", "started_at": fleet[-1].started_at + 100})
    result = FreeWorkerAutoScaler(max_workers=9, min_free_percent=400).decide(snapshot(workers=fleet))

    assert ("small",) == result.down


@pytest.mark.parametrize(
    ("fields", "used"),
    [
        ({"status": "Busy", "current_request": 3}, 3),
        ({"status": "Busy", "current_request": 0}, 8),  # an older sender leaves the number out
        ({"status": "Busy", "current_request": 9}, 8),
        ({"status": "Free", "current_request": 0}, 0),
    ],
)
def test_what_a_worker_uses(fields: dict[str, Any], used: int) -> None:
    """What it says; all of it where a busy one says nothing; never more than it has."""
    found = Slots.of([worker(concurrency=8, **fields)], spare=1, percent=0)

    assert found is not None
    assert used == found.used


@pytest.mark.parametrize(
    "fleet",
    [
        [],
        [worker("a", "Busy"), worker("b", concurrency=1)],
        [worker("a"), worker("b", "Inflight", concurrency=8)],
        [worker("a"), worker("b", concurrency=8, draining=True)],
    ],
)
def test_slots_are_counted_only_where_a_ready_worker_has_several(fleet: list[Worker]) -> None:
    """Elsewhere free workers are, as ever."""
    assert Slots.of(fleet, spare=1, percent=0) is None


def test_who_says_nothing_has_one_slot() -> None:
    """Beside a worker that says how many it has."""
    found = Slots.of([*serving(1), worker("silent")], spare=1, percent=0)

    assert found is not None
    assert (9, 8) == (found.total, found.free)


@pytest.mark.parametrize(("averaged", "up"), [({"Free": 0}, 1), ({"Free": 1}, 0), ({"Free": 9}, 0), ({}, 1)])
def test_an_averaged_summary_counts_in_whole_workers(averaged: dict[str, int], up: int) -> None:
    """One free worker less than are listed is a worker's slots less, and never less than none."""
    scaler = FreeWorkerAutoScaler(max_workers=9)

    assert up == scaler.decide(snapshot(workers=serving(8, 0), worker=averaged)).up


@pytest.mark.parametrize(
    ("arguments", "fleet", "why"),
    [
        (
            {},
            serving(1),
            "7 of 8 slots free, not fewer than 1 (room in 1 worker); nobody to remove: 0 free, 1 busy",
        ),
        ({}, serving(8), "0 of 8 slots free, fewer than 1 (room in 1 worker): starts 1 worker"),
        (
            {"min_free_workers": 2},
            serving(1),
            "7 of 8 slots free, fewer than 9 (room in 2 workers): starts 1 worker",
        ),
        ({"min_free_percent": 50}, serving(6), "2 of 8 slots free, fewer than 3 (50 % of 6 in use): starts 1 worker"),
        (
            {"min_free_percent": 5},
            serving(8),
            "0 of 8 slots free, fewer than 1 (room in 1 worker; 5 % of 8 in use is 1): starts 1 worker",
        ),
        (
            {"min_free_workers": 0},
            serving(8),
            "0 of 8 slots free, not fewer than 0; nobody to remove: 0 free, 1 busy",
        ),
        (
            {"min_free_percent": 30},
            snapshot(busy=5, free=1).workers,
            "1 free, fewer than 2 (30 % of 5 busy): starts 1 worker",
        ),
        (
            {"min_free_workers": 2, "min_free_percent": 30},
            snapshot(busy=3, free=1).workers,
            "1 free, fewer than 2 (min_free_workers; 30 % of 3 busy is 1): starts 1 worker",
        ),
        (
            {"min_free_percent": 30},
            snapshot(busy=5, free=2).workers,
            "2 free, not fewer than 2 (30 % of 5 busy); nobody to remove: 2 free, 5 busy",
        ),
    ],
)
def test_the_sentences(arguments: dict[str, Any], fleet: list[Worker], why: str) -> None:
    """Each has the numbers, and says which of both bounds counted."""
    result = FreeWorkerAutoScaler(**{"max_workers": 9, **arguments}).decide(snapshot(workers=fleet))

    assert [why] == [reason.why for reason in result.reasons]


def test_what_is_free_not_being_known_holds() -> None:
    """With slots, too."""
    assert FreeWorkerAutoScaler().decide(snapshot(workers=serving(1), unknown=["worker"])).held


# -- what holds for any fleet ---------------------------------------------------------------------------------------

SIZES = st.sampled_from([1, 2, 8])
READY = st.sampled_from([WorkerStatus.Busy, WorkerStatus.Free])


@st.composite
def fleets(draw: st.DrawFn, sizes: st.SearchStrategy[int | None]) -> Factors:
    """Ready workers of these *sizes*, idle for long where they serve nothing; any may be in a session."""
    made = []
    for number in range(draw(st.integers(0, 6))):
        size, status = draw(sizes), draw(READY)
        serves = draw(st.integers(1, size or 1)) if status is WorkerStatus.Busy else 0
        sessions = draw(st.sampled_from([0, 0, 1]))
        fields: dict[str, Any] = {"concurrency": size, "current_request": serves, "number_of_sessions": sessions}
        made.append(worker(f"w{number}", status, idle_for=0 if serves else 500, **fields))
    return snapshot(workers=made, waiting=draw(st.integers(0, 2)))


SCALERS = st.builds(
    FreeWorkerAutoScaler,
    min_workers=st.integers(0, 2),
    max_workers=st.integers(2, 8),
    min_free_workers=st.integers(0, 3),
    min_free_percent=st.sampled_from([0, 10, 50, 200]),
)


@given(SCALERS, fleets(st.sampled_from([None, 1])))
def test_a_concurrency_of_one_is_as_none(scaler: FreeWorkerAutoScaler, factors: Factors) -> None:
    """The same actions, in the same words."""
    plain = [one.model_copy(update={"concurrency": None}) for one in factors.workers or ()]
    expected, found = scaler.decide(factors.model_copy(update={"workers": plain})), scaler.decide(factors)

    assert (expected, expected.reasons) == (found, found.reasons)


@given(SCALERS, fleets(SIZES))
def test_what_was_removed_is_not_started_again(scaler: FreeWorkerAutoScaler, factors: Factors) -> None:
    """The fleet that remains isn't too small, unless the maximum asked for it."""
    result = scaler.decide(factors)
    assume(result.down)
    rest = [one for one in factors.workers or () if one.worker_id not in result.down]
    again = scaler.decide(snapshot(workers=rest))

    assert 0 == again.up
