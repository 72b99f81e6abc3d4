"""What the strategies promise: anything valid, and lives that are plausible."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from everai_autoscaler.model import Factors, QueueReason, WorkerStatus
from everai_autoscaler.testing import factors, lives, snapshot, workers

FEW = settings(max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(
    max_examples=1000, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None
)


def draw(strategy, count, seed=0):
    seen = []
    with suppress(NoSuchExample):
        find(strategy, lambda one: seen.append(one), settings=settings(MANY, max_examples=count), random=Random(seed))
    return seen


@pytest.fixture(scope="module")
def drawn():
    # One search may dwell on what is alike; which does, depends on what else is imported.
    return [one for seed in range(5) for one in draw(factors(), 150, seed)]


@pytest.fixture(scope="module")
def lived():
    return draw(lives(), 120)


@given(factors())
@FEW
def test_every_snapshot_is_valid(one):
    """A drawn snapshot comes back from JSON as it was, so that a sender could have sent it."""

    assert one == Factors.from_json(one.json())


@pytest.mark.parametrize(
    "shows",
    [
        lambda one: one.workers is None,
        lambda one: one.workers == [],
        lambda one: one.queue is None,
        lambda one: one.waiting() == 0 and one.workers,
        lambda one: "ReasonOfTomorrow" in (one.queue or {}),
        lambda one: one.queue_histories and one.worker_histories,
        lambda one: one.queue_histories is None,
        lambda one: one.unknown == ["worker"],
        lambda one: one.arrivals is not None and one.oldest_wait is not None,
        lambda one: one.suspects(600),
        lambda one: any(w.number_of_sessions and w.status is WorkerStatus.Free for w in one.workers or ()),
        lambda one: any(w.draining for w in one.workers or ()),
        lambda one: any(w.last_service_time == 0 and w.status is WorkerStatus.Free for w in one.workers or ()),
        lambda one: any(w.started_at > one.observed_at for w in one.workers or ()),
        lambda one: len(one.workers or ()) >= 4 and {w.status for w in one.workers} == {WorkerStatus.Busy},
        lambda one: one.observed_at != snapshot().observed_at,
    ],
    ids=[
        "workers unknown", "no workers", "queue unknown", "nothing waits", "a newer reason", "histories",
        "histories unknown", "free workers unknown", "newer fields", "a suspect", "a free one in a session",
        "draining", "never served", "a clock ahead", "all busy", "another moment",
    ],
)  # fmt: skip
def test_any_snapshot_means_any(shows, drawn):
    """Each of these is among two thousand that are drawn."""

    assert any(map(shows, drawn))


@given(factors())
@FEW
def test_ids_are_unique(one):
    """By default no two workers have one id."""
    ids = [worker.worker_id for worker in one.workers or ()]

    assert len(set(ids)) == len(ids)


def test_duplicates_come_only_where_they_are_allowed():
    """With allow_duplicates two workers may have one id."""

    def twice(one):
        return len({worker.worker_id for worker in one.workers or ()}) < len(one.workers or ())

    assert find(factors(allow_duplicates=True), twice, settings=MANY)
    with pytest.raises(NoSuchExample):
        find(factors(), twice, settings=settings(MANY, max_examples=100))


@given(factors(max_workers=2, since=2_000_000_000))
@FEW
def test_bounds_are_kept(one):
    """There are no more workers than said, and it is no earlier."""

    assert len(one.workers or ()) <= 2
    assert one.observed_at >= 2_000_000_000


@given(workers(worker_id="a"))
@FEW
def test_a_worker_has_its_id(one):
    """Any worker, by the name that was asked for."""

    assert "a" == one.worker_id


@given(lives(min_size=2, max_size=6))
@FEW
def test_time_goes_on(life):
    """Each snapshot of a life is later than the one before."""
    moments = [one.observed_at for one in life]

    assert 2 <= len(moments) <= 6
    assert sorted(set(moments)) == moments


@given(lives())
@FEW
def test_a_life_is_plausible(life):
    """Who is there stays who he was: no worker's start changes, and none comes back after he is gone."""
    starts = {}
    gone = set()
    present = set()
    for one in life:
        if one.workers is None:
            continue
        now = {worker.worker_id for worker in one.workers}
        gone |= present - now
        present = now
        for worker in one.workers:
            assert starts.setdefault(worker.worker_id, worker.started_at) == worker.started_at
        assert not gone & now


@pytest.mark.parametrize("status", list(WorkerStatus))
def test_lives_show_each_status(status, lived):
    """Fleets start, serve and idle."""

    assert any(one.count(status) for life in lived for one in life)


def test_in_lives_workers_die_and_requests_wait(lived):
    """Fleets shrink to nothing, requests queue up, and an outage hides what is so."""
    for shows in (
        lambda life: life[0].workers and life[-1].workers == [],
        lambda life: any((one.waiting(QueueReason.QueueDueBusy) or 0) > 1 for one in life),
        lambda life: any(one.queue is None for one in life),
        lambda life: any(one.workers is None for one in life),
    ):
        assert any(map(shows, lived))


@given(lives(min_size=3, max_size=3, start=1000))
@FEW
def test_a_life_begins_when_it_is_said_to(life):
    """The first snapshot is of the start, and the later ones hold the histories of those before."""

    assert 1000.0 == life[0].observed_at
    assert {round(life[2].observed_at - one.observed_at) for one in life[:2]} == set(life[2].queue_histories)
