"""What the builders of snapshots and workers promise."""

from __future__ import annotations

import subprocess
import sys

import pytest

from everai_autoscaler.model import QueueReason, WorkerStatus
from everai_autoscaler.testing import snapshot, worker


def test_counts_are_listed_by_name():
    """Each count becomes so many listed workers, with a name that says what they do."""
    factors = snapshot(busy=2, free=1, inflight=1)

    assert ["busy-1", "busy-2", "free-1", "inflight-1"] == [worker.worker_id for worker in factors.workers]
    assert [2, 1, 1] == [factors.count(status) for status in (WorkerStatus.Busy, WorkerStatus.Free, "Inflight")]


def test_the_summary_says_what_the_list_says():
    """The summary counts every listed worker, given ones too."""
    factors = snapshot(busy=1, free=2, workers=[worker("odd", "Inflight")])

    assert {WorkerStatus.Busy: 1, WorkerStatus.Free: 2, WorkerStatus.Inflight: 1} == factors.worker


def test_waits_for_a_busy_worker_where_there_are_workers():
    """With workers, those that wait do so because all are busy."""

    assert {QueueReason.QueueDueBusy: 8} == snapshot(waiting=8, busy=1).queue


@pytest.mark.parametrize("workers", [(), None])
def test_waits_to_be_dispatched_where_there_are_none(workers):
    """Without workers, those that wait have nobody to go to."""

    assert {QueueReason.NotDispatch: 8} == snapshot(waiting=8, workers=workers).queue


def test_a_mapping_gives_the_reasons():
    """A mapping says for each reason how many wait, by whichever of its names."""
    factors = snapshot(waiting={"SessionWorkerBusy": 2, QueueReason.NotDispatch: 1})

    assert {QueueReason.QueueDueSession: 2, QueueReason.NotDispatch: 1} == factors.queue


def test_nothing_waiting_is_known():
    """None waiting is a fact, and None is not knowing it."""

    assert 0 == snapshot().waiting()
    assert snapshot(waiting=None).waiting() is None


def test_workers_may_be_unknown():
    """With workers=None neither the list nor the summary is known."""
    factors = snapshot(waiting=3, workers=None)

    assert factors.workers is None
    assert factors.worker is None


def test_only_the_list_may_be_unknown():
    """With workers=None and counts, the summary alone is known."""
    factors = snapshot(busy=4, workers=None)

    assert factors.workers is None
    assert {WorkerStatus.Busy: 4, WorkerStatus.Free: 0, WorkerStatus.Inflight: 0} == factors.worker


def test_is_always_of_the_same_moment():
    """A snapshot of a test reads no clock: two of them are equal, moment and all."""

    assert snapshot(busy=1).json() == snapshot(busy=1).json()
    assert snapshot().observed_at == snapshot().observed_at


def test_free_workers_are_idle_for_as_long_as_said():
    """The free ones are idle for idle_for, at any moment."""
    factors = snapshot(busy=1, free=2, idle_for=7200, observed_at=2_000_000_000)

    assert [0.0, 7200.0, 7200.0] == [factors.idle_time(worker) for worker in factors.workers]


def test_each_ready_worker_is_younger_than_the_one_before():
    """Which worker is the newest is never a matter of chance."""
    starts = [worker.started_at for worker in snapshot(busy=2, free=3, idle_for=90).workers]

    assert sorted(set(starts)) == starts


def test_no_starting_worker_is_suspect():
    """One that starts was started seconds ago, so that a start-up limit doesn't meet it by accident."""
    factors = snapshot(inflight=3)

    assert [] == factors.suspects(60)


@pytest.mark.parametrize("status", list(WorkerStatus))
def test_a_worker_is_as_old_as_said(status):
    """started_ago is the worker's age, whatever it does."""
    one = worker(status=status, started_ago=500)

    assert 500.0 == snapshot(workers=[one]).age(one)


def test_a_busy_worker_serves_one_request():
    """A busy worker serves, and others don't."""

    assert [0, 0, 1] == [worker(status=status).current_request for status in ("Inflight", "Free", "Busy")]


def test_a_worker_may_never_have_served():
    """A worker's other fields can be given: one that never served is idle since it was ready."""
    fresh = worker(last_service_time=0, ready_at=1_720_000_000.0 - 30)

    assert 30.0 == snapshot(workers=[fresh]).idle_time(fresh)


def test_other_fields_may_be_given():
    """Whatever else a snapshot has can be given by name, and stands over what the counts say."""
    factors = snapshot(free=2, worker={"Free": 0}, worker_histories={20: {"Free": 1}}, arrivals=3)

    assert 0 == factors.free()
    assert {20: {WorkerStatus.Free: 1}} == factors.worker_histories
    assert 3 == factors.arrivals


@pytest.mark.parametrize(("build", "model"), [(worker, "Worker"), (snapshot, "Factors")])
def test_a_misspelt_field_is_refused(build, model):
    """A field that the model doesn't have would be ignored, so it is refused by name."""
    with pytest.raises(TypeError, match=f"'number_of_sesions' is not a field of {model}: "):
        build(number_of_sesions=1)


def test_a_snapshot_does_not_wait_for_the_simulator():
    """Who only builds snapshots imports neither the simulator nor Hypothesis."""
    program = "import sys; from everai_autoscaler.testing import Story, snapshot; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert set() == {"everai_autoscaler.simulator", "hypothesis"} & set(imported.split())
