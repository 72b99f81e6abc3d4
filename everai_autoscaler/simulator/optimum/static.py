"""The best fleet of constant size, sized in hindsight: honest company for every policy."""

from __future__ import annotations

from heapq import heapreplace

from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.workload import Workload

__all__ = ["begins_with", "static_fleet"]


def static_fleet(workload: Workload, question: Question) -> tuple[int, float]:
    """The smallest number of workers that is enough, and what they cost from before second 0 to the last answer.

    They serve first come, first served. Each request waits no longer with more workers (Kiefer and Wolfowitz 1955), so
    that the number is found by halving. Workers beyond those that are ready anyway cost a cold start each.

    >>> static_fleet(Workload("two", [0, 1], [4, 4]), Question(cold_start=10, requests=2))
    (2, 30.0)
    >>> static_fleet(Workload("two", [0, 1], [4, 4]), Question(cold_start=10, wait=3, requests=2))
    (1, 18.0)
    """
    if not workload.arrivals:
        return question.minimum, 0.0
    too_few, enough = max(question.minimum, 1) - 1, max(question.minimum, 1)
    while not _is_enough(workload, enough, question):
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if _is_enough(workload, middle, question):
            enough = middle
        else:
            too_few = middle
    begins = begins_with(workload, enough * question.concurrency)
    end = max(began + service for began, service in zip(begins, workload.services, strict=True))
    end = max(end, workload.end)
    return enough, enough * end + question.cold_start * max(0, enough - question.ready)


def begins_with(workload: Workload, slots: int) -> list[float]:
    """When each request begins with *slots* requests served at once, first come, first served."""
    if slots >= len(workload):
        return list(workload.arrivals)
    free_at = [0.0] * slots
    begins = []
    for came, service in workload:
        began = max(came, free_at[0])
        begins.append(began)
        heapreplace(free_at, began + service)
    return begins


def _is_enough(workload: Workload, workers: int, question: Question) -> bool:
    begins = begins_with(workload, workers * question.concurrency)
    late = sum(began > came + question.wait for began, came in zip(begins, workload.arrivals, strict=True))
    return late <= question.may_be_late
