"""One worker that is a process of this machine, and how lists and the store show it."""

from __future__ import annotations

from typing import Any

from attrs import define

from everai_autoscaler.engine import WorkerForm
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.words import STATUS_WORDS, lifecycle

__all__ = ["LocalWorker"]


@define(eq=False)
class LocalWorker(ListeningWorker):
    """What is known of one worker and its process. All times are epoch seconds.

    >>> worker = LocalWorker("5LJtBqJsRYgT67ZEuMAt88", started_at=1722220970.2)
    >>> worker.status.value, worker.view()["detail_status"]
    ('Inflight', 'IN_FLIGHT')
    """

    pid: int | None = None
    """Its process, which leads a process group of its own; ``None`` until there is one."""
    process_created_at: float | None = None
    """When its process began, as the system has it: with the pid, it names one process for ever."""
    why: str = ""
    """Why it goes or went, in one line; empty while it stays."""

    def row(self) -> dict[str, Any]:
        """The worker as it is stored: what lists show, and the sessions that are pinned to it."""
        return self.form().row()

    def view(self) -> dict[str, Any]:
        """The worker as lists show it: plain JSON, with the platform's words."""
        return self.form().model_dump()

    def form(self) -> WorkerForm:
        """The worker as an engine shows it."""
        return WorkerForm(
            id=self.worker_id,
            status=lifecycle(
                ready=self.ready_at is not None,
                draining=self.draining_at is not None,
                ended=self.ended_at is not None,
            ),
            detail_status="" if self.ended_at is not None else STATUS_WORDS[self.status.value],
            created_at=self.started_at,
            ready_at=self.ready_at,
            draining_at=self.draining_at,
            deleted_at=self.ended_at,
            why=self.why,
            port=self.port,
            pid=self.pid,
            process_created_at=self.process_created_at,
            concurrency=self.concurrency,
            requests=self.serving,
            sessions=len(self.sessions),
            successes=self.successes,
            failures=self.failures,
            average_response_time=round(self.average_response_time, 6),
            last_served_at=self.last_served_at,
            pinned=dict(self.sessions),
        )
