"""The scaler that watches the queue."""

from __future__ import annotations

from typing import Any

from attrs import define

from everai_autoscaler.builtin import rules
from everai_autoscaler.builtin.rules import Ruled, Wish
from everai_autoscaler.model import ArgumentType, Decorators, Factors, QueueReason, argument

__all__ = ["SimpleAutoScaler"]


@define(eq=False, slots=False)
class SimpleAutoScaler(Ruled):
    """Start workers when more than *max_queue_size* requests wait for a busy worker; remove those that stay idle.

    Each argument is a number, text, or a callable (a ``Placeholder``, say) that is read when a decision is made.

    Raises:
        ArgumentError: an argument out of its bounds, or a minimum above the maximum.

    >>> from everai_autoscaler.model import Factors
    >>> busy = dict(region="r", started_at=1, last_service_time=1, number_of_successes=0, number_of_failures=0,
    ...     number_of_sessions=0, average_response_time=0, status="Busy")
    >>> factors = Factors(queue={"QueueDueBusy": 3}, workers=[{"worker_id": "a", **busy}])
    >>> result = SimpleAutoScaler(max_workers=5, max_queue_size=2).decide(factors)
    >>> result.up, str(result.reasons[0])
    (1, 'simple: 3 waiting for a busy worker, more than 2: starts 1 worker')
    """

    min_workers: ArgumentType = rules.MIN_WORKERS
    max_workers: ArgumentType = rules.MAX_WORKERS
    max_queue_size: ArgumentType = argument(1, ge=0, help="requests that may wait before a worker is started")
    max_idle_time: ArgumentType = rules.MAX_IDLE_TIME
    scale_up_step: ArgumentType = rules.SCALE_UP_STEP
    decorators: Decorators | None = None
    start_timeout: ArgumentType = rules.START_TIMEOUT

    @classmethod
    def autoscaler_name(cls) -> str:
        """``simple``, as manifests call it."""
        return "simple"

    def wish(self, factors: Factors) -> Wish:
        """What the queue alone asks for; the arguments are bound by now."""
        waiting = factors.waiting(QueueReason.QueueDueBusy)
        most: Any = self.max_queue_size
        if waiting is None:
            return Wish(None, "the queue is not known")
        if waiting > most:
            return Wish(True, f"{waiting} waiting for a busy worker, more than {most}")
        return Wish(False, f"{waiting} waiting for a busy worker, not more than {most}")
