"""Dask's adaptive deployments: as many workers as finish the known work within a target duration."""

from __future__ import annotations

from math import ceil

from attrs import frozen
from pydantic import JsonValue

from benchmarks.arena.peers.demand import now_at_once, recalled
from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, ScaleDownAction, why_stays

__all__ = ["DaskAutoScaler"]

_ROUNDING = 1e-9


@frozen
class DaskAutoScaler(AutoScaler):
    """Have ``ceil(occupancy / target_duration)`` workers, but not more than there are requests.

    The rule (docs.dask.org, "Adaptive deployments"; ``Scheduler.adaptive_target`` and ``AdaptiveCore`` of
    distributed): occupancy is the time that all tasks which are served or wait are expected to take. Up at once; down
    first by workers that have not arrived, then by idle ones, each once it was to go in *wait_count* looks in a row.

    Defaults: target duration 5 s, wait count 3, minimum 0; a task whose kind was never seen takes 0.5 s. Filled in:
    the expected time is the average of the answers so far over the present workers, and the last such average while
    there is none. Dask looks every second (five in newer versions), the arena at its own interval, so that a worker
    stays longer here. The rule for memory has no counterpart.

    >>> from everai_autoscaler.testing import snapshot
    >>> DaskAutoScaler().decide(snapshot(waiting=20)).up
    2
    """

    target_duration: float = argument(5.0, gt=0, help="seconds within which the known work should be done")
    wait_count: int = argument(3, ge=1, help="looks in a row after which a worker goes")
    unknown_duration: float = argument(0.5, gt=0, help="seconds that a request takes while none was answered")
    min_workers: int = argument(0, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* holds the expected time of a request, and how often each worker was to go."""
        fleet, requests = Fleet.of(factors, start_timeout=self.start_timeout), now_at_once(factors)
        if fleet is None or requests is None:
            why = "the queue or the workers are not known"
            return DecideResult.hold(factors, why, max_workers=self.max_workers), memory
        past = recalled(memory, duration=self.unknown_duration, closing={})
        duration = _average(fleet) or past["duration"]
        occupancy = requests * duration
        target = min(ceil(occupancy / self.target_duration - _ROUNDING), requests)
        target = min(max(target, self.min_workers), self.max_workers)
        why = f"{requests} requests of {duration:.3g} s, {self.target_duration:g} s for each worker"
        surplus = fleet.present - target
        if surplus <= 0 or fleet.suspects:
            result = DecideResult.towards(
                target, fleet, why, min_workers=self.min_workers, max_workers=self.max_workers
            )
            return result, {"duration": duration, "closing": {}}
        unwanted = [worker.worker_id for worker in fleet.starting if not why_stays(worker)]
        unwanted = [*unwanted, *(worker.worker_id for worker in fleet.idle())][:surplus]
        closing = {one: past["closing"].get(one, 0) + 1 for one in unwanted}
        gone = [one for one, times in closing.items() if times >= self.wait_count]
        why += f": {target} wanted, {fleet.present} there, {len(gone)} of {len(unwanted)} go now"
        result = DecideResult.of([ScaleDownAction(worker_id=one) for one in gone], why, max_workers=self.max_workers)
        return result, {"duration": duration, "closing": {one: n for one, n in closing.items() if one not in gone}}


def _average(fleet: Fleet) -> float:
    """Seconds that an answer of the present workers took on average; 0 where there is none."""
    answers = sum(worker.number_of_successes + worker.number_of_failures for worker in fleet.workers)
    took = sum(
        worker.average_response_time * (worker.number_of_successes + worker.number_of_failures)
        for worker in fleet.workers
    )
    return took / answers if answers else 0.0
