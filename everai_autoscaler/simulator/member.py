"""One worker of a simulated cluster, from its start to its end."""

from __future__ import annotations

import math
from typing import Any

from attrs import define, field

from everai_autoscaler.model import Worker, WorkerStatus
from everai_autoscaler.model.wire import made
from everai_autoscaler.simulator.line import Line
from everai_autoscaler.simulator.run import Life

__all__ = ["REGION", "Member"]

REGION = "virtual"
"""Where simulated workers are."""


@define(eq=False)
class Member:
    """A worker. All times are seconds from the cluster's start, which is at *epoch* (epoch seconds)."""

    slot: int
    """Its number, in the order of starts."""
    worker_id: str
    started_at: float
    epoch: float
    ready_at: float | None = None
    draining_at: float | None = None
    """When it was told to go: it takes no more requests, and finishes what it serves."""
    leaves_at: float = math.inf
    """From when on it goes as soon as it serves nothing."""
    ended_at: float | None = None
    why: str = ""
    """How it ended, or will end."""
    killed: int = 0
    gpu_type: str | None = None
    cost: float | None = None
    spot: bool | None = None
    model: Any = field(default=None, init=False)
    """The worker as a snapshot lists it, which is as it is for as long as it was *seen* at its last step."""
    status: WorkerStatus = field(default=WorkerStatus.Inflight, init=False)
    """That of the model: of this object it is read in a fifth of the time."""
    seen: int = field(default=-1, init=False)

    def snapshot(self, line: Line) -> Worker:
        """The worker as a snapshot lists it; the same object for as long as nothing about it changes."""
        slot = self.slot
        touched = line.touched[slot]
        if self.seen == touched:
            model: Worker = self.model
            return model
        self.seen = touched
        last = self._first(line) if self.model is None else self.model
        epoch, ready_at, successes, serving = self.epoch, self.ready_at, line.successes[slot], line.serving[slot]
        last_served = line.last_served[slot]
        self.status = WorkerStatus.Inflight if ready_at is None else _STATUS[serving > 0]
        # As the last model, with what is so now; a copy, since to validate all of it again would take longer.
        values = last.__dict__.copy()
        # Rounded down, 59.5 s of idleness would read as 60. Rounded up, "idle for at least so many whole seconds" is
        # right at every whole second; the inner rounding keeps 125.0000002, a sum of tenths, from becoming 126.
        values["last_service_time"] = 0 if math.isnan(last_served) else math.ceil(round(epoch + last_served, 3))
        values["number_of_successes"] = successes
        values["number_of_sessions"] = len(line.sessions[slot]) if slot in line.sessions else 0
        values["average_response_time"] = line.served_for[slot] / successes if successes else 0.0
        values["current_request"] = serving
        values["draining"] = None if self.draining_at is None else True
        values["status"] = self.status
        values["ready_at"] = None if ready_at is None else epoch + ready_at
        model = self.model = made(Worker, values, last.__pydantic_fields_set__)
        return model

    def life(self) -> Life:
        """Its life so far."""
        return Life(
            self.worker_id,
            self.started_at,
            self.ready_at,
            self.ended_at,
            self.why if self.ended_at is not None else "",
            self.cost,
            self.killed,
        )

    def _first(self, line: Line) -> Worker:
        """What never changes about it, validated; all else is still to be filled in."""
        offered: dict[str, Any] = {"gpu_type": self.gpu_type, "cost": self.cost, "spot": self.spot}
        return Worker(
            worker_id=self.worker_id,
            region=REGION,
            started_at=int(self.epoch + self.started_at),
            last_service_time=0,
            number_of_successes=0,
            number_of_failures=0,
            number_of_sessions=0,
            average_response_time=0.0,
            current_request=0,
            status=WorkerStatus.Inflight,
            concurrency=line.concurrency,
            ready_at=None,
            draining=None,
            **{name: value for name, value in offered.items() if value is not None},
        )


_STATUS = (WorkerStatus.Free, WorkerStatus.Busy)
