"""One worker of the local runtime."""

from __future__ import annotations

import pytest

from everai_autoscaler.model import Worker, WorkerStatus
from everai_autoscaler.serving.worker import LocalWorker


def worker(**more) -> LocalWorker:
    return LocalWorker("w", **{"started_at": 100.5, **more})


@pytest.mark.parametrize(
    ("known", "status", "detail"),
    [
        ({}, "PENDING", "IN_FLIGHT"),
        ({"ready_at": 101.0}, "RUNNING", "FREE"),
        ({"ready_at": 101.0, "serving": 1}, "RUNNING", "BUSY"),
        ({"ready_at": 101.0, "draining_at": 102.0}, "TERMINATING", "FREE"),
        ({"ready_at": 101.0, "draining_at": 102.0, "ended_at": 103.0}, "TERMINATED", ""),
    ],
)
def test_lists_say_what_a_worker_does_in_the_platforms_words(known, status: str, detail: str) -> None:
    """Each state of a worker has the platform's status and detail."""
    view = worker(**known).view()

    assert (status, detail) == (view["status"], view["detail_status"])


def test_a_snapshot_lists_the_worker_as_the_contract_says() -> None:
    """All that a policy may want to know of a worker is there."""
    served = worker(
        ready_at=101.0, successes=3, failures=1, served_for=8.0, last_served_at=120.25, sessions={"s": 110.0}
    )

    assert served.snapshot() == Worker(
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
    )


def test_the_last_service_is_rounded_up() -> None:
    """A worker isn't called idle for a whole second before it has been."""
    assert 120 == worker(ready_at=101.0, last_served_at=119.001).snapshot().last_service_time


def test_one_that_never_served_has_no_last_service() -> None:
    """A worker without an answer says 0, as the contract has it."""
    assert 0 == worker(ready_at=101.0).snapshot().last_service_time


def test_a_worker_without_answers_has_no_average() -> None:
    """The average of no answers is 0 seconds."""
    assert 0.0 == worker().average_response_time
