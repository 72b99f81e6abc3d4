"""What an earlier runtime has left: rows that haven't ended, and processes that carry its mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from everai_autoscaler.engine import Rows
from everai_autoscaler.local.process import Mark, Process, marked
from everai_autoscaler.local.worker import LocalWorker

__all__ = ["find_left", "restored", "rows_of_others"]


def find_left(store: Rows, app: str, state: str) -> tuple[list[tuple[dict[str, Any], Process | None]], dict[int, Mark]]:
    """The rows of *app* that haven't ended, each with its process where that lives; and every pid that has our mark.

    Looks at each process of the machine: it is for a thread.
    """
    processes = marked(state)
    leaders: dict[str, Process] = {}
    for found, mark in processes.items():
        process = Process.find(found.pid)
        # What a worker started may lead a group as well; the worker was there before.
        if process and (mark.worker not in leaders or process.created_at < leaders[mark.worker].created_at):
            leaders[mark.worker] = process
    rows = []
    for row in store.rows(app):
        if row["pid"] is None:
            rows.append((row, leaders.get(row["id"])))
            continue
        process = Process.find(row["pid"])
        rows.append((row, process if process is not None and _is_of(process, row) else None))
    return rows, {process.pid: mark for process, mark in processes.items()}


def rows_of_others(store: Rows, app: str, marks: Iterable[Mark]) -> list[tuple[str, dict[str, Any]]]:
    """The rows that haven't ended of the workers that *marks* tell of, and that are another app's, with its name."""
    marks = list(marks)
    ids = {mark.worker for mark in marks}
    apps = {mark.app for mark in marks if mark.app and mark.app != app}
    return [(other, row) for other in sorted(apps) for row in store.rows(other) if row["id"] in ids]


def restored(row: Mapping[str, Any], concurrency: int) -> LocalWorker:
    """The worker that *row* tells of."""
    return LocalWorker(
        row["id"],
        started_at=row["created_at"],
        concurrency=concurrency,
        port=row["port"],
        pid=row["pid"],
        process_created_at=row.get("process_created_at"),
        ready_at=row["ready_at"],
        draining_at=row["draining_at"],
        why=row["why"],
        successes=row["successes"],
        failures=row["failures"],
        served_for=(row["successes"] + row["failures"]) * row["average_response_time"],
        last_served_at=row["last_served_at"],
        sessions=row.get("pinned", {}),
    )


def _is_of(process: Process, row: Mapping[str, Any]) -> bool:
    """Whether *process*, which has the pid of that *row*, is its worker's, and none that has got the number since."""
    # Some programs write over their environment, and some clocks are put right: one of the two is enough.
    mark = process.mark
    return process.began_at(row.get("process_created_at")) or (mark is not None and mark.worker == row["id"])
