"""Scale so that each worker has about *target_backlog* requests waiting."""

from math import ceil

from attrs import define

from everai_autoscaler import argument, hookimpl
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, WorkerStatus


@define
class BacklogAutoScaler(AutoScaler):
    target_backlog: int = argument(4, ge=1, help="requests that may wait for each worker")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    max_idle_time: int = argument(60, ge=0, help="seconds without work after which a worker may go")

    def decide(self, factors: Factors) -> DecideResult:
        waiting, busy = factors.waiting(), factors.count(WorkerStatus.Busy)
        if waiting is None or busy is None:
            return DecideResult.hold(factors, "queue or workers not known")
        wanted = busy + ceil(waiting / self.target_backlog)
        return DecideResult.scale_to(
            wanted, factors, max_workers=self.max_workers, max_idle_time=self.max_idle_time
        ).because(f"{waiting} waiting, {busy} busy: {wanted} workers wanted")


@hookimpl
def register_autoscalers():
    return {"backlog": BacklogAutoScaler}
