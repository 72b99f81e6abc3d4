"""The tables in which a platform lists its workers and its queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from everai_autoscaler.model import QueueReason, Worker, WorkerStatus
from everai_autoscaler.words import STATUS_WORDS, lifecycle, moment, reason_word, table

__all__ = ["queue_table", "worker_table"]


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
            "" if worker.worker_id in gone else STATUS_WORDS[worker.status.value],
            moment(worker.started_at),
            moment(gone[worker.worker_id]) if worker.worker_id in gone else "",
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
    rows = [(str(index), moment(came_at), reason_word(reason.value)) for index, (came_at, reason) in enumerate(waiting)]
    return table(("QUEUE_INDEX", "CREATE_AT", "QUEUE_REASON"), rows, align_right=(0,))


def _status(worker: Worker, gone: Mapping[str, float]) -> str:
    ready = worker.status is not WorkerStatus.Inflight
    return lifecycle(ready=ready, draining=bool(worker.draining), ended=worker.worker_id in gone)
