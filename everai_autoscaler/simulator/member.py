"""One worker of a simulated cluster, from its start to its end."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from attrs import define, field
from pydantic import BaseModel

from everai_autoscaler.model import Worker, WorkerStatus
from everai_autoscaler.simulator.line import Line
from everai_autoscaler.simulator.run import Life

__all__ = ["REGION", "Member", "made"]

M = TypeVar("M", bound=BaseModel)

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
    seen: int = field(default=-1, init=False)

    def snapshot(self, line: Line) -> Worker:
        """The worker as a snapshot lists it; the same object for as long as nothing about it changes."""
        touched = line.touched[self.slot]
        if self.seen != touched:
            self.model = self._changed(line) if self.seen >= 0 else self._first(line)
            self.seen = touched
        model: Worker = self.model
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
        offered: dict[str, Any] = {"gpu_type": self.gpu_type, "cost": self.cost, "spot": self.spot}
        values: dict[str, Any] = {
            "worker_id": self.worker_id,
            "region": REGION,
            "started_at": int(self.epoch + self.started_at),
            "number_of_failures": 0,
            "concurrency": line.concurrency,
            **{name: value for name, value in offered.items() if value is not None},
        }
        self._put(values, line)
        return Worker(**values)

    def _changed(self, line: Line) -> Worker:
        """As the last model, with what is so now; a copy, since to validate all of it again would take longer."""
        values = self.model.__dict__.copy()
        self._put(values, line)
        return made(Worker, values, self.model.__pydantic_fields_set__)

    def _put(self, values: dict[str, Any], line: Line) -> None:
        """Put what may change from one moment to the next into *values*."""
        slot, epoch = self.slot, self.epoch
        last_served, successes, serving = line.last_served[slot], line.successes[slot], line.serving[slot]
        # Rounded down, 59.5 s of idleness would read as 60. Rounded up, "idle for at least so many whole seconds" is
        # right at every whole second; the inner rounding keeps 125.0000002, a sum of tenths, from becoming 126.
        values["last_service_time"] = 0 if math.isnan(last_served) else math.ceil(round(epoch + last_served, 3))
        values["number_of_successes"] = successes
        values["number_of_sessions"] = len(line.sessions[slot]) if slot in line.sessions else 0
        values["average_response_time"] = line.served_for[slot] / successes if successes else 0.0
        values["current_request"] = serving
        values["draining"] = None if self.draining_at is None else True
        if self.ready_at is None:
            values["status"], values["ready_at"] = WorkerStatus.Inflight, None
        else:
            values["status"], values["ready_at"] = _STATUS[serving > 0], epoch + self.ready_at


_STATUS = (WorkerStatus.Free, WorkerStatus.Busy)


def made(kind: type[M], values: dict[str, Any], said: set[str]) -> M:
    """A model of that *kind* with *values* that are valid already, of which the sender *said* these.

    Does what ``kind.model_construct`` does, for all fields at once: that one looks at each by itself.
    """
    model = kind.__new__(kind)
    put = object.__setattr__
    put(model, "__dict__", values)
    put(model, "__pydantic_fields_set__", said)
    put(model, "__pydantic_extra__", None)
    put(model, "__pydantic_private__", None)
    return model
