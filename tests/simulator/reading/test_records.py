"""Arrivals that recorded decisions tell of."""

from __future__ import annotations

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.errors import ContractError
from everai_autoscaler.loop import run
from everai_autoscaler.model import Factors
from everai_autoscaler.simulator.reading import read, read_apps
from everai_autoscaler.testing import VirtualTarget

START = 1_722_221_030.0
LOAD = [(float(number * 3), 7.0) for number in range(40)]


def snapshot(at, waiting, answered, serving=0, **more):
    worker = {
        "worker_id": "a", "region": "r", "started_at": 0, "last_service_time": 0, "number_of_failures": 0,
        "number_of_successes": answered, "number_of_sessions": 0, "average_response_time": 2.5,
        "current_request": serving, "status": "Busy" if serving else "Free",
    }  # fmt: skip
    return Factors.model_validate(
        {"queue": {"QueueDueBusy": waiting}, "workers": [worker], "observed_at": START + at, **more}
    )


@pytest.fixture
def recorded(tmp_path):
    """Records a decision on each of the snapshots, and gives the file."""

    def record(*snapshots, app="app"):
        decider = Decider("simple", {"max_workers": 1}, app=app)
        path = tmp_path / "decisions.jsonl"
        with path.open("a") as lines:
            for factors in snapshots:
                lines.write(decider.decision(factors).record().json() + "\n")
        return path

    return record


@pytest.fixture
def walked(tmp_path):
    """The records of a run in virtual time; those of a platform that doesn't count, where *counted* is false."""

    def walk(*, counted):
        target = VirtualTarget(load=[LOAD], workers=1, start=START)
        decider = Decider("simple", {"max_workers": 8, "max_queue_size": 1, "scale_up_step": 2})
        path = tmp_path / f"records-{counted}.jsonl"
        with path.open("w") as lines:
            for tick in run(target, decider, interval=20, clock=target.clock):
                record = tick.decision.record()
                if not counted:
                    said = record.snapshot.model_copy(update={"arrivals": None, "completions": None})
                    record = record.model_copy(update={"snapshot": said})
                lines.write(record.json() + "\n")
                if target.clock.now() > START + 400:
                    break
        return path

    return walk


def per_interval(workload):
    """How many came in each twenty seconds."""
    return [len(workload.between(20 * number, 20 * (number + 1))) for number in range(7)]


def test_counted_arrivals_come_back(walked):
    """Where the platform counts arrivals, all come but the first, which was being served in the first snapshot."""
    workload = read(walked(counted=True))

    assert 39 == len(workload)
    assert START == workload.start
    assert "rebuilt" not in workload.modelled


def test_arrivals_are_rebuilt_from_queue_and_answers(walked):
    """Without counts, growth of the queue and answers give the same numbers while no worker goes, and it is said."""
    counted, rebuilt = read(walked(counted=True)), read(walked(counted=False))

    assert per_interval(counted) == per_interval(rebuilt)
    assert "they were rebuilt from the queue's growth and the answers: a recorded queue is cut off" in rebuilt.modelled


def test_service_times_are_the_recorded_average(walked):
    """Every request takes what the workers' average response times say; a model given replaces it."""
    path = walked(counted=True)

    assert {7.0} == set(read(path).services)
    assert "service times are always 7, in seconds, the workers' average response time" in read(path).modelled
    assert {3.0} == set(read(path, service=3).services)


def test_growth_and_answers_are_added_up(recorded):
    """Two more wait, one more is served, three were answered: six came; what waited at first comes at second 0."""
    workload = read(recorded(snapshot(0, 2, 10), snapshot(30, 4, 13, serving=1)))

    assert [0.0, 0.0] == list(workload.arrivals[:2])
    assert 8 == len(workload)
    assert all(0 < came < 30 for came in workload.arrivals[2:])


def test_what_is_not_known_counts_as_nothing_and_is_said(recorded):
    """An interval with an unknown queue has no arrivals, and the workload says how many there were."""
    workload = read(recorded(snapshot(0, 1, 1), snapshot(30, 1, 1, queue=None), snapshot(60, 1, 1), snapshot(90, 3, 1)))

    assert 3 == len(workload)
    assert "in 2 of 3 intervals nothing is known, and none came" in workload.modelled


def test_a_moment_without_a_snapshot_is_passed_over(recorded):
    """Where the platform said nothing, the interval reaches to the next snapshot."""
    path = recorded(snapshot(0, 0, 1), None, snapshot(40, 0, 1, arrivals=3))
    path.write_text(path.read_text() + "\n")

    assert 3 == len(read(path))


def test_apps_are_apart(recorded):
    """Records of two apps in one file are two workloads; to read one it must be named."""
    recorded(snapshot(0, 0, 1), snapshot(20, 0, 1, arrivals=3), app="one")
    path = recorded(snapshot(0, 0, 1), snapshot(20, 0, 1, arrivals=5), app="two")

    assert {"one": 3, "two": 5} == {app: len(workload) for app, workload in read_apps(path).items()}
    assert 5 == len(read(path, app="two"))
    with pytest.raises(ContractError, match=r"has 2 apps \(one, two\): say which by app"):
        read(path)


@pytest.mark.parametrize(
    ("snapshots", "told"),
    [
        ([snapshot(0, 1, 1)], "app app: has snapshots of one moment only; requests come between two"),
        ([snapshot(20, 1, 1), snapshot(0, 1, 1)], "line 2: observed_at: 1722221030.0 comes after 1722221050.0, not in"),
        ([], "has no records"),
        ([snapshot(0, 1, 1), snapshot(0, 2, 1)], "app app: has snapshots of one moment only"),
        ([snapshot(0, 0, 0), snapshot(20, 0, 0)], "app app: has no requests"),
        ([snapshot(0, 0, 0), snapshot(20, 4, 0)], "app app: no worker had answered a request: give a model"),
    ],
)
def test_records_that_tell_nothing_are_one_line(recorded, snapshots, told):
    """What is missing is said."""
    with pytest.raises(ContractError) as raised:
        read(recorded(*snapshots), kind="records")

    assert told in str(raised.value)


def test_a_line_that_is_no_record_is_named(recorded):
    """The file and the line."""
    path = recorded(snapshot(0, 1, 1))
    path.write_text(path.read_text() + '{"app": 3}\n')

    with pytest.raises(ContractError, match=r"decisions.jsonl: line 2: Record: "):
        read(path)
