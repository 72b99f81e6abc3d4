"""Who is there in a snapshot, and who may go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.model import DecideResult, Factors, Fleet, Worker, why_stays
from everai_autoscaler.testing.snapshots import snapshot, worker
from everai_autoscaler.testing.strategies import factors as snapshots


def fleet_of(factors: Factors, **options: Any) -> Fleet:
    """The fleet of *factors*, whose workers are known."""
    found = Fleet.of(factors, **options)
    assert found is not None
    return found


def ids(workers: Any) -> list[str]:
    """What the *workers* are called."""
    return [one.worker_id for one in workers]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"status": "Free"}, ""),
        ({"status": "Inflight"}, ""),
        ({"status": "Busy"}, "it is busy"),
        ({"status": "Busy", "current_request": 0}, "it is busy"),
        ({"status": "Free", "current_request": 1}, "it is busy"),
        ({"number_of_sessions": 1}, "it has a session"),
        ({"number_of_sessions": 3}, "it has 3 sessions"),
        ({"draining": True}, "it is leaving already"),
        ({"draining": False}, ""),
    ],
)
def test_why_a_worker_stays(fields: dict[str, Any], why: str) -> None:
    """At work, in a session, or on its way out already; empty where it may go."""
    assert why == why_stays(worker(**fields))


def test_each_worker_is_in_one_list() -> None:
    """By its status; a draining one counts towards the maximum only."""
    fleet = fleet_of(snapshot(busy=2, free=1, inflight=1, workers=[worker("leaving", draining=True)]))

    assert (["busy-1", "busy-2"], ["free-1"]) == (ids(fleet.busy), ids(fleet.free))
    assert (["inflight-1"], []) == (ids(fleet.starting), ids(fleet.suspects))
    assert ["busy-1", "busy-2", "free-1"] == ids(fleet.ready)
    assert ["busy-1", "busy-2", "free-1", "inflight-1"] == ids(fleet.staying)
    assert (5, 4) == (fleet.total, fleet.present)


def test_suspects_have_been_starting_for_too_long() -> None:
    """They aren't counted on, unless one may not be removed."""
    workers = [
        worker("late", "Inflight", started_ago=61),
        worker("on-time", "Inflight", started_ago=60),
        worker("pinned", "Inflight", started_ago=61, number_of_sessions=1),
    ]
    fleet = fleet_of(snapshot(workers=workers), start_timeout=60)

    assert (["late"], ["on-time"], ["pinned"]) == (ids(fleet.suspects), ids(fleet.starting), ids(fleet.pinned))
    assert (3, 2) == (fleet.total, fleet.present)
    assert [] == list(fleet_of(snapshot(workers=workers)).suspects)


def test_a_worker_that_is_listed_twice_is_one() -> None:
    """Of two statements the one that keeps it is believed."""
    fleet = fleet_of(snapshot(workers=[worker("a", "Busy"), worker("b"), worker("a")]))

    assert (2, ["a"], ["b"]) == (fleet.total, ids(fleet.busy), ids(fleet.free))


def test_where_the_workers_are_not_known() -> None:
    """There is no fleet: "not known" isn't "none"."""
    assert Fleet.of(Factors(workers=None)) is None
    assert 0 == fleet_of(Factors()).total


def test_idle_workers_are_those_that_may_go() -> None:
    """Idle for long enough, the newest first; a session keeps one."""
    workers = [
        worker("old", idle_for=60, started_ago=900),
        worker("new", idle_for=61, started_ago=300),
        worker("used", idle_for=59),
        worker("pinned", idle_for=99, number_of_sessions=1),
        worker("never", started_ago=70, last_service_time=0),
    ]
    fleet = fleet_of(snapshot(workers=workers))

    assert ["never", "new", "old"] == ids(fleet.idle(60))
    assert ["never", "new", "old", "used"] == sorted(ids(fleet.idle()))


@given(snapshots(), st.sampled_from([0.0, 60.0, 600.0]))
def test_every_worker_has_its_place(factors: Factors, start_timeout: float) -> None:
    """Whatever is listed: each id once, those that drain aside; and nobody is idle or leaves who may not go."""
    fleet = Fleet.of(factors, start_timeout=start_timeout)
    if fleet is None:
        assert factors.workers is None
        return
    lists = [fleet.busy, fleet.free, fleet.starting, fleet.suspects, fleet.pinned]
    placed = [one.worker_id for each in lists for one in each]

    assert sorted(one.worker_id for one in fleet.workers if not one.draining) == sorted(placed)
    assert {one.worker_id for one in factors.workers or ()} == {one.worker_id for one in fleet.workers}
    assert [""] * len(fleet.idle()) == [why_stays(one) for one in fleet.idle()]
    assert all("" == why_stays(one) for one in fleet.leaving(0))


# -- the ending of a policy ---------------------------------------------------------------------------------------


def towards(wanted: int, *workers: Worker, **options: Any) -> DecideResult:
    """What is done about three workers, two of them free for 60 seconds, and *workers*."""
    fleet = fleet_of(snapshot(busy=1, free=2, idle_for=60, workers=workers), start_timeout=600)
    return DecideResult.towards(wanted, fleet, "because", **{"min_workers": 1, "max_workers": 5} | options)


@pytest.mark.parametrize(
    ("wanted", "options", "up", "down", "why"),
    [
        (4, {}, 1, (), "because: 4 wanted (1 to 5), 3 there"),
        (9, {}, 2, (), "because: 5 wanted (1 to 5), 3 there"),
        (0, {}, 0, ("free-2", "free-1"), "because: 1 wanted (1 to 5), 3 there"),
        (0, {"max_idle_time": 61}, 0, (), "because: 1 wanted (1 to 5), 3 there; nobody may go yet"),
        (0, {"min_workers": 7, "max_workers": 2}, 0, ("free-2",), "because: 2 wanted (7 to 2), 3 there"),
    ],
)
def test_an_ending_says_what_is_wanted_and_there(
    wanted: int, options: dict[str, Any], up: int, down: tuple[str, ...], why: str
) -> None:
    """Between the bounds, of which the maximum wins; what keeps everybody is said, too."""
    result = towards(wanted, **options)

    assert (up, down) == (result.up, result.down)
    assert [why] == [reason.why for reason in result.reasons]


def test_an_ending_names_whom_it_gives_up() -> None:
    """Before the policy's own sentence."""
    result = towards(3, worker("late", "Inflight", started_ago=601))

    assert ("late",) == result.down
    assert ["gives up late: starting for longer than 600 s", "because: 3 wanted (1 to 5), 3 there"] == [
        reason.why for reason in result.reasons
    ]
