"""The tables in which a platform lists its workers and its queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from everai_autoscaler.model import QueueReason, Worker, WorkerStatus

__all__ = ["REASON_WORDS", "queue_table", "table", "worker_table"]

_GAP = "  "
_PADDING = 2
"""A column is at least this much wider than its header."""

_DETAIL = {WorkerStatus.Inflight: "IN_FLIGHT", WorkerStatus.Free: "FREE", WorkerStatus.Busy: "BUSY"}
REASON_WORDS = {QueueReason.QueueDueBusy: "WorkerBusy", QueueReason.QueueDueSession: "SessionWorkerBusy"}
"""What a platform's lists call the reasons that have another name inside."""


def worker_table(workers: Iterable[Worker], *, deleted_at: Mapping[str, float] | None = None) -> str:
    """The *workers* as ``worker list`` shows them, with when each was deleted, for those of *deleted_at*.

    >>> from everai_autoscaler.testing import worker
    >>> print(worker_table([worker("5LJtBqJsRYgT67ZEuMAt88", "Busy", started_ago=0, observed_at=1722220970)]))
    ID                      STATUS    DETAIL_STATUS    CREATED_AT                DELETED_AT
    ----------------------  --------  ---------------  ------------------------  ------------
    5LJtBqJsRYgT67ZEuMAt88  RUNNING   BUSY             2024-07-29T02:42:50+0000
    """
    gone = deleted_at or {}
    rows = [
        (
            worker.worker_id,
            _status(worker, gone),
            "" if worker.worker_id in gone else _DETAIL[worker.status],
            _time(worker.started_at),
            _time(gone[worker.worker_id]) if worker.worker_id in gone else "",
        )
        for worker in workers
    ]
    return table(("ID", "STATUS", "DETAIL_STATUS", "CREATED_AT", "DELETED_AT"), rows)


def queue_table(waiting: Iterable[tuple[float, QueueReason]]) -> str:
    """The requests that wait as ``queue list`` shows them: when each came, and why it waits.

    >>> print(queue_table([(1720045447, QueueReason.QueueDueBusy)]))
      QUEUE_INDEX  CREATE_AT                 QUEUE_REASON
    -------------  ------------------------  --------------
                0  2024-07-03T22:24:07+0000  WorkerBusy
    """
    rows = [
        (str(index), _time(came_at), REASON_WORDS.get(reason, reason.value))
        for index, (came_at, reason) in enumerate(waiting)
    ]
    return table(("QUEUE_INDEX", "CREATE_AT", "QUEUE_REASON"), rows, align_right=(0,))


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, align_right: Collection[int] = ()) -> str:
    """*headers* over dashes over *rows*, in columns; those at the places *align_right* end at their right edge.

    >>> print(table(["NAME", "WORKERS"], [["simple", "12"]], align_right=[1]))
    NAME      WORKERS
    ------  ---------
    simple         12
    """
    lines = [list(headers), *map(list, rows)]
    columns = zip(*lines, strict=True)
    widths = [max(len(header) + _PADDING, *map(len, cells)) for header, cells in zip(headers, columns, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        _GAP.join(
            cell.rjust(width) if place in align_right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _status(worker: Worker, gone: Mapping[str, float]) -> str:
    if worker.worker_id in gone:
        return "TERMINATED"
    if worker.draining:
        return "TERMINATING"
    return "PENDING" if worker.status is WorkerStatus.Inflight else "RUNNING"


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
