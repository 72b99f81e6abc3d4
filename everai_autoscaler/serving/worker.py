"""One worker behind the queue: what it serves, what it has served, and which sessions it holds."""

from __future__ import annotations

import math

from attrs import Factory, define

from everai_autoscaler.model import Worker, WorkerStatus

__all__ = ["ServingWorker"]


@define(eq=False)
class ServingWorker:
    """What the queue knows of one worker. All times are epoch seconds.

    >>> worker = ServingWorker("5LJtBqJsRYgT67ZEuMAt88", started_at=1722220970.2)
    >>> worker.status.value
    'Inflight'
    """

    worker_id: str
    started_at: float
    concurrency: int = 1
    """Requests that it serves at once."""
    ready_at: float | None = None
    """When it became ready for the first time."""
    draining_at: float | None = None
    """When it was told to go: it takes no more requests, and finishes what it serves."""
    ended_at: float | None = None
    """When it was gone."""
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
    """Number of the dispatcher's last event for this worker: it became ready, got a request, or finished one."""
    used: int = 0
    """Number of the event at which it last got or finished a request; 0 when it never got one."""

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

    def snapshot(self, region: str) -> Worker:
        """The worker as a snapshot lists it, in that *region*."""
        return Worker(
            worker_id=self.worker_id,
            region=region,
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


def _whole_second_after(moment: float) -> int:
    # Rounded down, 59.5 s of idleness would read as 60. Rounded up, "idle for at least so many whole seconds" is right
    # at every whole second; the inner rounding keeps 125.0000002, a sum of tenths, from becoming 126.
    return math.ceil(round(moment, 3))
