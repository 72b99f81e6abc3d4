"""The scaler that keeps some workers free."""

from __future__ import annotations

from typing import Any

from attrs import define

from everai_autoscaler.builtin import rules
from everai_autoscaler.builtin.rules import Ruled, Wish
from everai_autoscaler.model import ArgumentType, Decorators, Factors, argument

__all__ = ["FreeWorkerAutoScaler"]


@define(eq=False, slots=False)
class FreeWorkerAutoScaler(Ruled):
    """Keep at least *min_free_workers* free: start workers when fewer are, and remove spares that stay idle.

    Each argument is a number, text, or a callable (a ``Placeholder``, say) that is read when a decision is made.

    Raises:
        ArgumentError: an argument out of its bounds, or a minimum above the maximum.

    >>> from everai_autoscaler.model import Factors
    >>> busy = dict(region="r", started_at=1, last_service_time=1, number_of_successes=0, number_of_failures=0,
    ...     number_of_sessions=0, average_response_time=0, status="Busy")
    >>> result = FreeWorkerAutoScaler(max_workers=5).decide(Factors(workers=[{"worker_id": "a", **busy}]))
    >>> result.up, str(result.reasons[0])
    (1, 'free-worker: 0 free, fewer than 1: starts 1 worker')
    """

    min_workers: ArgumentType = rules.MIN_WORKERS
    max_workers: ArgumentType = rules.MAX_WORKERS
    min_free_workers: ArgumentType = argument(1, ge=0, help="free workers to keep beside the busy ones")
    max_idle_time: ArgumentType = rules.MAX_IDLE_TIME
    scale_up_step: ArgumentType = rules.SCALE_UP_STEP
    decorators: Decorators | None = None
    start_timeout: ArgumentType = rules.START_TIMEOUT

    @classmethod
    def autoscaler_name(cls) -> str:
        """``free-worker``, as manifests call it."""
        return "free-worker"

    def wish(self, factors: Factors) -> Wish:
        """What the free workers alone ask for; the arguments are bound by now."""
        free = factors.free()
        least: Any = self.min_free_workers
        if free is None:
            return Wish(None, "the free workers are not known")
        if free < least:
            return Wish(True, f"{free} free, fewer than {least}", spare=least)
        return Wish(False, f"{free} free, not fewer than {least}", spare=least)
