"""What becomes of what an earlier runtime has left: rows that haven't ended, and processes that carry its mark."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

from attrs import define

from everai_autoscaler.engine import Rows
from everai_autoscaler.local.health import HealthChecks
from everai_autoscaler.local.launcher import Launcher
from everai_autoscaler.local.process import Mark, Process, marked, sweep
from everai_autoscaler.local.roster import Life, Roster
from everai_autoscaler.local.spec import Local
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.words import counted

__all__ = ["TakeOver"]

TOOK_OVER = "took over {} that an earlier runtime had left: {}"
ENDS = "ends {} that an earlier runtime had left: {}"
GONE = "{} that an earlier runtime had started did not live any more: {}"


@define(eq=False)
class TakeOver:
    """Takes over the workers that still answer and were started in the same way, and ends everything else."""

    _local: Local
    _launcher: Launcher
    _roster: Roster
    _checks: HealthChecks
    _store: Rows

    async def run(self) -> None:
        """Take over or end; takes as long as a health check may.

        Raises:
            StateError: the store can't be read.
        """
        roster = self._roster
        rows, marks = await asyncio.to_thread(find_left, self._store, roster.app, self._launcher.state)
        left = [(LocalWorker.of(row), process) for row, process in rows]
        whys = await asyncio.gather(*(self._judge(worker, process) for worker, process in left))
        notes: dict[str, list[str]] = {TOOK_OVER: [], ENDS: [], GONE: []}
        for (worker, process), why in zip(left, whys, strict=True):
            if process is None:
                worker.why, worker.ended_at = worker.why or why, roster.clock()
                roster.save(worker)
                notes[GONE].append(worker.worker_id)
            else:
                self._enter(worker, process, why)
                notes[ENDS if why else TOOK_OVER].append(f"{worker.worker_id} ({why})" if why else worker.worker_id)
        if marks := [mark for mark in marks if mark.worker not in roster.lives]:
            ids = ", ".join(sorted({mark.worker for mark in marks}))
            roster.note(ENDS.format(counted(len(marks), "process", "processes"), f"of worker {ids}"))
            roster.run(self._end(marks))
        for line, workers in notes.items():
            if workers:
                roster.note(line.format(counted(len(workers), "worker"), ", ".join(workers)))
        if left:
            roster.changed()

    async def _judge(self, worker: LocalWorker, process: Process | None) -> str:
        """Why that worker can't be taken over; empty when it can."""
        if process is None:
            return "it was gone when the runtime came back"
        mark = process.mark
        if worker.draining_at is not None:
            return "it was on its way out"
        if mark is None or mark.worker != worker.worker_id:
            return "its process doesn't say which worker it is"
        if mark.plan != self._launcher.plan:
            return "it was started in another way"
        health = await self._checks.check(worker)
        starts = worker.ready_at is None and self._roster.clock() - worker.started_at < self._local.start_timeout
        return "" if starts else health.why

    def _enter(self, worker: LocalWorker, process: Process, why: str) -> None:
        """Enter a worker that lives, to be ended if there is a reason *why*."""
        now = time.monotonic()
        left = self._local.start_timeout - max(0.0, self._roster.clock() - worker.started_at)
        worker.pid, worker.process_created_at = process.pid, process.created_at
        worker.concurrency = self._local.concurrency
        life = Life(worker, begun=now, start_until=now + left, process=process)
        self._roster.add(life)
        if why:
            self._roster.drain(life, worker.why or f"left by an earlier runtime: {why}", 0)
        elif worker.ready_at is not None:
            # What it served until now isn't known: it isn't to go, at the first decision, for having been idle.
            worker.last_served_at = self._roster.clock()
            self._roster.dispatcher.start_times.appendleft(worker.ready_at - worker.started_at)
            self._checks.schedule(life)
            self._roster.ready(worker)
        else:
            self._roster.save(worker)

    async def _end(self, marks: Collection[Mark]) -> None:
        """End the processes of workers that no row of this app stands for, or that are gone."""
        workers = {mark.worker for mark in marks}
        await asyncio.to_thread(sweep, self._launcher.state, workers, grace=self._local.stop_grace)
        for app, row in await asyncio.to_thread(rows_of_others, self._store, self._roster.app, marks):
            worker = LocalWorker.of(row)
            worker.why = f"left by an earlier runtime, and ended by {self._roster.app}'s"
            worker.ended_at = self._roster.clock()
            await self._roster.rows.save(app, worker.form().row())


def find_left(store: Rows, app: str, state: str) -> tuple[list[tuple[dict[str, Any], Process | None]], list[Mark]]:
    """The rows of *app* that haven't ended, each with its process if that lives; and the mark of every process.

    Reads each process of the machine: it is for a thread.
    """
    processes = marked(state)
    leaders: dict[str, Process] = {}
    for found, mark in processes.items():
        process = Process.find(found.pid)
        # What a worker started may lead a group as well; the worker is older.
        if process and (mark.worker not in leaders or process.created_at < leaders[mark.worker].created_at):
            leaders[mark.worker] = process
    rows: list[tuple[dict[str, Any], Process | None]] = []
    for row in store.rows(app):
        if row["pid"] is None:
            rows.append((row, leaders.get(row["id"])))
        else:
            process = Process.find(row["pid"])
            rows.append((row, process if process is not None and _is_of(process, row) else None))
    return rows, list(processes.values())


def rows_of_others(store: Rows, app: str, marks: Collection[Mark]) -> list[tuple[str, dict[str, Any]]]:
    """The rows, of apps other than *app*, that haven't ended and whose workers *marks* name; each with its app."""
    workers = {mark.worker for mark in marks}
    others = sorted({mark.app for mark in marks} - {"", app})
    return [(other, row) for other in others for row in store.rows(other) if row["id"] in workers]


def _is_of(process: Process, row: Mapping[str, Any]) -> bool:
    """Whether *process*, which has the pid of that *row*, is its worker's, and was not given the pid since."""
    # Some programs write over their environment, and some clocks are corrected: one of the two is enough.
    mark = process.mark
    return process.began_at(row.get("process_created_at")) or (mark is not None and mark.worker == row["id"])
