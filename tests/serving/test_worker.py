"""One worker behind the queue."""

from __future__ import annotations

from everai_autoscaler.model import Worker, WorkerStatus
from everai_autoscaler.serving.worker import ServingWorker


def worker(**more) -> ServingWorker:
    return ServingWorker("w", **{"started_at": 100.5, **more})


def test_a_snapshot_lists_the_worker_as_the_contract_says() -> None:
    """All that a policy may want to know of a worker is there."""
    served = worker(
        ready_at=101.0, successes=3, failures=1, served_for=8.0, last_served_at=120.25, sessions={"s": 110.0}
    )

    assert Worker(
        worker_id="w",
        region="local",
        started_at=100,
        last_service_time=121,
        number_of_successes=3,
        number_of_failures=1,
        number_of_sessions=1,
        average_response_time=2.0,
        current_request=0,
        status=WorkerStatus.Free,
        concurrency=1,
        ready_at=101.0,
        draining=None,
    ) == served.snapshot("local")


def test_the_last_service_is_rounded_up() -> None:
    """A worker isn't called idle for a whole second before it has been."""
    assert 120 == worker(ready_at=101.0, last_served_at=119.001).snapshot("local").last_service_time


def test_one_that_never_served_has_no_last_service() -> None:
    """A worker without an answer says 0, as the contract has it."""
    assert 0 == worker(ready_at=101.0).snapshot("local").last_service_time


def test_a_worker_without_answers_has_no_average() -> None:
    """The average of no answers is 0 seconds."""
    assert 0.0 == worker().average_response_time
