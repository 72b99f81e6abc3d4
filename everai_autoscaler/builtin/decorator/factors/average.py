"""The decorator that smooths a snapshot over its histories."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Self, TypeVar

from attrs import frozen

from everai_autoscaler.model import Factors, WorkerStatus, argument, build

__all__ = ["AverageDecorator"]

Name = TypeVar("Name", bound=Hashable)


@frozen
class AverageDecorator:
    """Replace the queue and the summary of the workers by their average over the present and the youngest histories.

    Each number becomes the integer part of (present + the *used_histories* youngest) / (*used_histories* + 1), where
    what is absent counts as 0. A starting worker never averages away to 0. While there are fewer histories than
    that, what they would have averaged is not known. Where the sender gives no histories of the workers at all,
    their summary stays as it is; then the histories of the queue say whether it can be relied on yet.

    >>> factors = Factors(queue={"QueueDueBusy": 9}, queue_histories={20: {"QueueDueBusy": 2}, 40: {}})
    >>> AverageDecorator(used_histories=1)(factors).queue
    {<QueueReason.QueueDueBusy: 'QueueDueBusy'>: 5}
    >>> AverageDecorator(used_histories=3)(factors).queue is None
    True
    """

    used_histories: int = argument(5, ge=0, help="how many of the youngest histories to average with the present")

    @staticmethod
    def name() -> str:
        """``average``, as manifests call it."""
        return "average"

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """The decorator with *arguments*, whose text is fitted."""
        return build(cls, arguments, owner=cls.name())

    def __call__(self, factors: Factors) -> Factors | None:
        """*factors* with what can be averaged averaged."""
        changes: dict[str, Any] = {"queue": self._averaged(factors.queue, factors.queue_histories)}
        known = self._enough(factors.queue_histories)
        if factors.worker_histories is not None:
            worker = changes["worker"] = self._averaged(factors.worker, factors.worker_histories)
            known = worker is not None
            if worker and (factors.worker or {}).get(WorkerStatus.Inflight):
                worker[WorkerStatus.Inflight] = max(1, worker[WorkerStatus.Inflight])
        if not known:
            changes["unknown"] = sorted({*(factors.unknown or ()), "worker"})
        return factors.model_copy(update=changes)

    def _averaged(
        self, present: Mapping[Name, int] | None, histories: Mapping[int, Mapping[Name, int]] | None
    ) -> dict[Name, int] | None:
        """The averages; ``None`` when the present or enough of the past isn't known."""
        if present is None or not self._enough(histories):
            return None
        past = [summary for _, summary in sorted((histories or {}).items())[: self.used_histories]]
        summaries = [present, *past]
        names = dict.fromkeys(name for summary in summaries for name in summary)
        return {name: sum(summary.get(name, 0) for summary in summaries) // len(summaries) for name in names}

    def _enough(self, histories: Mapping[int, Any] | None) -> bool:
        return len(histories or ()) >= self.used_histories
