"""What the tables promise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from everai_autoscaler.model import QueueReason
from everai_autoscaler.testing import queue_table, worker, worker_table

WORKERS = """\
ID                      STATUS    DETAIL_STATUS    CREATED_AT                DELETED_AT
----------------------  --------  ---------------  ------------------------  ------------
5LJtBqJsRYgT67ZEuMAt88  RUNNING   BUSY             2024-07-29T02:42:50+0000
VtU8mgrcneAqQzSh9GE5KQ  RUNNING   BUSY             2024-07-29T03:06:50+0000
iMrG9wGR6y8xYanE3Dpxna  RUNNING   BUSY             2024-07-29T03:07:10+0000
UtybEMGoZ4FtAF5Vjuddmu  RUNNING   BUSY             2024-07-29T03:07:30+0000
LurJwFLStbYoarbNjepGHV  RUNNING   FREE             2024-07-29T03:07:50+0000"""

QUEUE = """\
  QUEUE_INDEX  CREATE_AT                 QUEUE_REASON
-------------  ------------------------  --------------
            0  2024-07-03T22:24:07+0000  WorkerBusy
            1  2024-07-03T22:24:07+0000  WorkerBusy"""


def created(worker_id, status, moment):
    started_at = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    return worker(worker_id, status, started_ago=0, observed_at=started_at)


def test_workers_are_listed_as_the_platform_lists_them():
    """The table of workers that users are shown comes out byte for byte."""
    workers = [
        created("5LJtBqJsRYgT67ZEuMAt88", "Busy", "2024-07-29T02:42:50"),
        created("VtU8mgrcneAqQzSh9GE5KQ", "Busy", "2024-07-29T03:06:50"),
        created("iMrG9wGR6y8xYanE3Dpxna", "Busy", "2024-07-29T03:07:10"),
        created("UtybEMGoZ4FtAF5Vjuddmu", "Busy", "2024-07-29T03:07:30"),
        created("LurJwFLStbYoarbNjepGHV", "Free", "2024-07-29T03:07:50"),
    ]

    assert WORKERS == worker_table(workers)


def test_the_queue_is_listed_as_the_platform_lists_it():
    """The table of waiting requests that users are shown comes out byte for byte."""
    came_at = datetime(2024, 7, 3, 22, 24, 7, tzinfo=UTC).timestamp()

    assert QUEUE == queue_table([(came_at, QueueReason.QueueDueBusy)] * 2)


@pytest.mark.parametrize(
    ("one", "deleted_at", "words"),
    [
        (worker("a", "Inflight"), {}, ["a", "PENDING", "IN_FLIGHT"]),
        (worker("a", "Free"), {}, ["a", "RUNNING", "FREE"]),
        (worker("a", "Busy"), {}, ["a", "RUNNING", "BUSY"]),
        (worker("a", "Busy", draining=True), {}, ["a", "TERMINATING", "BUSY"]),
    ],
)
def test_each_status_has_the_platforms_words(one, deleted_at, words):
    """What a worker does is said in the platform's words."""
    row = worker_table([one], deleted_at=deleted_at).splitlines()[-1].split()

    assert words == row[:-1]


def test_a_worker_that_is_gone_has_no_detail():
    """A removed worker is TERMINATED, does nothing, and has the moment when it was deleted."""
    header, _, row = worker_table([worker("a")], deleted_at={"a": 0.0, "b": 1.0}).splitlines()
    detail = header.index("DETAIL_STATUS")

    assert ["a", "TERMINATED"] == row[:detail].split()
    assert " " == row[detail]
    assert row.endswith("1970-01-01T00:00:00+0000")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("NotDispatch", "NotDispatch"),
        ("QueueDueBusy", "WorkerBusy"),
        ("QueueDueSession", "SessionWorkerBusy"),
        ("GpuReserved", "GpuReserved"),
    ],
)
def test_each_reason_has_the_platforms_words(reason, words):
    """Why a request waits is said in the platform's words; a reason that nobody knows keeps its name."""

    assert words == queue_table([(0.0, QueueReason(reason))]).split()[-1]


def test_times_are_whole_seconds():
    """A moment within a second is shown as that second, never as the next."""

    assert "1970-01-01T00:00:59+0000" == queue_table([(59.999, QueueReason.NotDispatch)]).split()[-2]
