"""An engine without processes: workers that are ready at once, and a queue that a test fills."""

from __future__ import annotations

import time
from collections import Counter
from itertools import count

from prometheus_client import Counter as Total

from everai_autoscaler.engine import Host, QueuedForm, SampleForm, WorkerForm
from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Factors, QueueReason
from everai_autoscaler.serving.worker import ServingWorker


class MemoryEngine:
    """Workers and requests in memory; it has room for *most* workers."""

    most = 3

    def __init__(self, host: Host) -> None:
        self.host = host
        self.url = ""
        self.back_off_until: float | None = None
        self.there: dict[str, WorkerForm] = {}
        self.waiting: list[QueuedForm] = []
        self.drains: list[float] = []
        self.failures: list[Exception] = []
        """What is raised, one after the other, when it is asked for its numbers."""
        self._numbers = count(1)
        self._started = Total("memory_starts_total", "Workers that were ever started.", registry=host.registry)

    async def start(self) -> None:
        """Begin with what the last engine has stored."""
        self.url = "memory:app"

    async def stop(self, *, drain: float) -> None:
        """End all workers."""
        self.drains.append(drain)
        self.there.clear()

    def observe(self) -> Factors:
        """What is known now."""
        unused = ServingWorker("", started_at=0.0, ready_at=0.0).snapshot("memory")
        workers = [unused.model_copy(update={"worker_id": worker_id}) for worker_id in self.there]
        return Factors(
            observed_at=time.time(), workers=workers, queue=Counter(request.reason for request in self.waiting)
        )

    def apply(self, result: DecideResult) -> Applied:
        """Start as many as there is room for, and remove those that are named."""
        began = min(result.up, self.most - len(self.there))
        for _ in range(began):
            worker_id, now = f"w{next(self._numbers)}", time.time()
            self.there[worker_id] = WorkerForm(
                id=worker_id, status="RUNNING", detail_status="FREE", created_at=now, ready_at=now, pinned={"ann": now}
            )
            self._started.inc()
        for worker_id in result.down:
            self.remove(worker_id, "")
        refused = (f"starts {began} of {result.up}: the memory is full",) if began < result.up else ()
        return Applied(began, tuple(result.down), refused)

    def ask(self) -> None:
        """Somebody asks for the app."""
        self.waiting.append(QueuedForm(created_at=time.time(), reason=QueueReason.QueueDueBusy))
        self.host.wanted()

    def workers(self) -> list[WorkerForm]:
        """Those that there are."""
        return list(self.there.values())

    def queue(self) -> list[QueuedForm]:
        """Those that wait."""
        return list(self.waiting)

    def sample(self) -> SampleForm:
        """The same in numbers."""
        if self.failures:
            raise self.failures.pop()
        waiting = Counter(request.reason for request in self.waiting)
        return SampleForm(at=time.time(), inflight=0, free=len(self.there), busy=0, draining=0, waiting=waiting)

    def remove(self, worker_id: str, why: str) -> None:
        """Remove it at once."""
        if self.there.pop(worker_id, None) is None:
            raise UnknownNameError.of("worker", worker_id, self.there)

    def log_path(self, worker_id: str) -> None:
        """Nothing is logged."""
