"""One worker that is a process of this machine, and the form in which lists and the store have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from everai_autoscaler.engine import WorkerForm
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.words import STATUS_WORDS, lifecycle

__all__ = ["LocalWorker"]

_ALIKE = (
    *("ready_at", "draining_at", "why", "port", "pid", "process_created_at"),
    *("concurrency", "successes", "failures", "last_served_at"),
)
"""What has one name in a worker and in its form."""


@define(eq=False)
class LocalWorker(ListeningWorker):
    """What is known of one worker and its process. All times are epoch seconds.

    >>> worker = LocalWorker("5LJtBqJsRYgT67ZEuMAt88", started_at=1722220970.2, served_for=3.0, successes=2)
    >>> worker.status.value, worker.form().detail_status
    ('Inflight', 'IN_FLIGHT')
    >>> LocalWorker.of(worker.form().row()).average_response_time
    1.5
    """

    pid: int | None = None
    """Its process, which leads a process group of its own; ``None`` until there is one."""
    process_created_at: float | None = None
    """When its process began, as the system has it: with the pid, it names one process for ever."""
    why: str = ""
    """Why it goes or went, in one line; empty while it stays."""

    def form(self) -> WorkerForm:
        """The worker as an engine shows it, and as it is stored."""
        return WorkerForm(
            id=self.worker_id,
            status=lifecycle(
                ready=self.ready_at is not None,
                draining=self.draining_at is not None,
                ended=self.ended_at is not None,
            ),
            detail_status="" if self.ended_at is not None else STATUS_WORDS[self.status.value],
            created_at=self.started_at,
            deleted_at=self.ended_at,
            requests=self.serving,
            sessions=len(self.sessions),
            average_response_time=round(self.average_response_time, 6),
            pinned=dict(self.sessions),
            **{name: getattr(self, name) for name in _ALIKE},
        )

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> LocalWorker:
        """The worker whose form was stored as *row*; what it served then, it serves no more."""
        form = WorkerForm.model_validate(row)
        return cls(
            form.id,
            started_at=form.created_at,
            served_for=(form.successes + form.failures) * form.average_response_time,
            sessions=dict(form.pinned),
            **{name: getattr(form, name) for name in _ALIKE},
        )
