"""One worker that is a process, as lists show it."""

from __future__ import annotations

import pytest

from everai_autoscaler.local.worker import LocalWorker


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
    form = LocalWorker("w", started_at=100.5, **known).form()

    assert (status, detail) == (form.status, form.detail_status)
