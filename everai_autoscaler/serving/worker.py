"""One worker of the local runtime, as everybody in it knows it."""

from __future__ import annotations

import math
from typing import Any

from attrs import Factory, define

from everai_autoscaler.model import Worker, WorkerStatus

__all__ = ["LocalWorker"]

_DETAIL = {WorkerStatus.Inflight: "IN_FLIGHT", WorkerStatus.Free: "FREE", WorkerStatus.Busy: "BUSY"}


@define(eq=False)
class LocalWorker:
    """What is known of one worker. All times are epoch seconds.

    >>> worker = LocalWorker("5LJtBqJsRYgT67ZEuMAt88", started_at=1722220970.2)
    >>> worker.status.value, worker.view()["detail_status"]
    ('Inflight', 'IN_FLIGHT')
    """

    worker_id: str
    started_at: float
    concurrency: int = 1
    """Requests that it serves at once."""
    port: int = 0
    """Where on the loopback interface it listens."""
    pid: int | None = None
    """Its process, which leads a process group of its own; ``None`` until there is one."""
    process_created_at: float | None = None
    """When its process began, as the system has it: with the pid, it names one process for ever."""
    ready_at: float | None = None
    """When it became ready for the first time."""
    draining_at: float | None = None
    """When it was told to go: it takes no more requests, and finishes what it serves."""
    ended_at: float | None = None
    """When its process was gone."""
    why: str = ""
    """Why it goes or went, in one line; empty while it stays."""
    serving: int = 0
    """Requests that it serves now."""
    sessions: dict[str, float] = Factory(dict)
    """When each session that is pinned to it was last heard of."""
    successes: int = 0
    failures: int = 0
    served_for: float = 0.0
    """Seconds that its answers took, together."""
    last_served_at: float | None = None
    """When it last finished a request, or its client left."""
    touched: int = 0
    """The dispatcher's step at which it became ready, was given a request or was let go last."""
    used: int = 0
    """The dispatcher's step at which it was given a request or was let go last; 0 when it never was."""

    @property
    def status(self) -> WorkerStatus:
        """What it is doing."""
        if self.ready_at is None:
            return WorkerStatus.Inflight
        return WorkerStatus.Busy if self.serving else WorkerStatus.Free

    @property
    def average_response_time(self) -> float:
        """Seconds that an answer took on average; 0 while there are none."""
        answers = self.successes + self.failures
        return self.served_for / answers if answers else 0.0

    def snapshot(self) -> Worker:
        """The worker as a snapshot lists it."""
        return Worker(
            worker_id=self.worker_id,
            region="local",
            started_at=int(self.started_at),
            last_service_time=0 if self.last_served_at is None else _whole_second_after(self.last_served_at),
            number_of_successes=self.successes,
            number_of_failures=self.failures,
            number_of_sessions=len(self.sessions),
            average_response_time=self.average_response_time,
            current_request=self.serving,
            status=self.status,
            concurrency=self.concurrency,
            ready_at=self.ready_at,
            draining=self.draining_at is not None or None,
        )

    def row(self) -> dict[str, Any]:
        """The worker as the store keeps it: what lists show, and the sessions that are pinned to it."""
        return {**self.view(), "pinned": dict(self.sessions)}

    def view(self) -> dict[str, Any]:
        """The worker as lists show it: plain JSON, with the platform's words."""
        return {
            "id": self.worker_id,
            "status": self._lifecycle(),
            "detail_status": "" if self.ended_at is not None else _DETAIL[self.status],
            "created_at": self.started_at,
            "ready_at": self.ready_at,
            "draining_at": self.draining_at,
            "deleted_at": self.ended_at,
            "why": self.why,
            "port": self.port,
            "pid": self.pid,
            "process_created_at": self.process_created_at,
            "concurrency": self.concurrency,
            "requests": self.serving,
            "sessions": len(self.sessions),
            "successes": self.successes,
            "failures": self.failures,
            "average_response_time": round(self.average_response_time, 6),
            "last_served_at": self.last_served_at,
        }

    def _lifecycle(self) -> str:
        if self.ended_at is not None:
            return "TERMINATED"
        if self.draining_at is not None:
            return "TERMINATING"
        return "PENDING" if self.ready_at is None else "RUNNING"


def _whole_second_after(moment: float) -> int:
    # Rounded down, 59.5 s of idleness would read as 60: "idle for at least so many seconds" is to hold.
    return math.ceil(round(moment, 3))
