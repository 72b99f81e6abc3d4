"""Asks for the optimum of a workload: exact where no request may wait, between two limits elsewhere."""

from __future__ import annotations

from everai_autoscaler.errors import MissingExtraError
from everai_autoscaler.simulator.optimum.answer import Optimum
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.workload import Workload

__all__ = ["optimum"]


def optimum(
    workload: Workload,
    *,
    wait: float = 0.0,
    share: float = 1.0,
    cold_start: float = 30.0,
    minimum: int = 0,
    concurrency: int = 1,
    workers: int = 0,
) -> Optimum:
    """The least worker-seconds by which a *share* of the requests begin within *wait* seconds, all known in advance.

    Args:
        workload: what comes, and when.
        wait: seconds that a request may wait.
        share: the part of the requests that must not wait longer; the others are served too, at any time.
        cold_start: seconds from a worker's launch until it serves; it costs from its launch on.
        minimum: workers that are there from second 0 to the horizon in any case.
        concurrency: requests that a worker serves at once.
        workers: workers that are ready at second 0 at no cost, as in a run that begins with them.

    Raises:
        ArgumentError: a value outside its bounds.
        MissingExtraError: the extra ``simulator`` isn't installed.

    >>> from everai_autoscaler.simulator.workload import Workload
    >>> best = optimum(Workload("two", [0, 50], [10, 10]), cold_start=30)
    >>> best.bound, best.schedule, best.launches
    (80.0, 80.0, 2)
    """
    question = Question(
        wait=wait,
        share=share,
        cold_start=cold_start,
        minimum=minimum,
        concurrency=concurrency,
        workers=workers,
        requests=len(workload),
    )
    try:
        from everai_autoscaler.simulator.optimum.bracket import bracket
    except ImportError as error:
        if error.name not in {"numpy", "highspy"}:
            raise
        raise MissingExtraError(
            f"the optimum needs {error.name}: pip install 'everai-autoscaler[simulator]'; --no-optimum does without"
        ) from error
    return bracket(workload, question)
