"""The scaler that keeps some workers free."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import define

from everai_autoscaler.builtin import rules
from everai_autoscaler.model import (
    ArgumentType,
    BuiltinAutoScaler,
    DecideResult,
    Decorators,
    Factors,
    argument,
)

__all__ = ["FreeWorkerAutoScaler"]


@define(eq=False, slots=False)
class FreeWorkerAutoScaler(BuiltinAutoScaler):
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

    steady: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    min_workers: ArgumentType = argument(1, ge=0, help="workers that are always there")
    max_workers: ArgumentType = argument(1, ge=0, help="the most workers that there may be")
    min_free_workers: ArgumentType = argument(1, ge=0, help="free workers to keep beside the busy ones")
    max_idle_time: ArgumentType = argument(120, ge=0, help="seconds without work after which a worker may go")
    scale_up_step: ArgumentType = argument(1, ge=1, help="workers to start at once")
    decorators: Decorators | None = None
    start_timeout: ArgumentType = argument(
        600, ge=0, kw_only=True, newer=True, help="seconds after which a worker that still starts is given up"
    )

    def __attrs_post_init__(self) -> None:
        rules.check_together(self)

    @classmethod
    def autoscaler_name(cls) -> str:
        """``free-worker``, as manifests call it."""
        return "free-worker"

    def decide(self, factors: Factors | None) -> DecideResult:
        """What to do about *factors*, and why; decorators are the pipeline's to apply."""
        return rules.decide(factors, self, who=self.autoscaler_name())

    def wish(self, factors: Factors) -> rules.Wish:
        """What the free workers alone ask for; the arguments are bound by now."""
        free = factors.free()
        least: Any = self.min_free_workers
        if free is None:
            return rules.Wish(None, "the free workers are not known")
        if free < least:
            return rules.Wish(True, f"{free} free, fewer than {least}", spare=least)
        return rules.Wish(False, f"{free} free, not fewer than {least}", spare=least)
