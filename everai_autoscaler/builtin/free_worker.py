"""The scaler that keeps some workers free."""

from __future__ import annotations

from typing import Any

from attrs import define

from everai_autoscaler.builtin import rules
from everai_autoscaler.builtin.rules import Ruled, Wish
from everai_autoscaler.builtin.slots import Slots
from everai_autoscaler.model import ArgumentType, Decorators, Factors, WorkerStatus, argument
from everai_autoscaler.words import counted

__all__ = ["FreeWorkerAutoScaler"]


@define(eq=False, slots=False)
class FreeWorkerAutoScaler(Ruled):
    """Keep at least *min_free_workers* free: start workers when fewer are, and remove spares that stay idle.

    With *min_free_percent* as many as that share of the busy ones is, where this is more. Where ready workers state a
    ``concurrency`` above 1, slots are counted: so many are to be free that *min_free_workers* workers have room
    however the requests are spread, ``(min_free_workers - 1) * concurrency + 1``; and the share is that of the slots
    in use.

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
    min_free_percent: ArgumentType = argument(
        0, ge=0, kw_only=True, newer=True, help="free workers to keep, in percent of the busy ones, where this is more"
    )

    @classmethod
    def autoscaler_name(cls) -> str:
        """``free-worker``, as manifests call it."""
        return "free-worker"

    def wish(self, factors: Factors) -> Wish:
        """What the free workers alone ask for; the arguments are bound by now."""
        free = factors.free()
        if free is None:
            return Wish(None, "the free workers are not known")
        limits: Any = self
        spare, percent = limits.min_free_workers, limits.min_free_percent
        slots = Slots.of(factors.workers or (), spare=spare, percent=percent)
        if slots is None:
            busy = (factors.count(WorkerStatus.Busy) or 0) if percent else 0
            share = f"{percent} % of {busy} busy" if percent else ""
            least, bound = _larger(spare, "min_free_workers" if share else "", -(-busy * percent // 100), share)
            return Wish(free < least, _compared(free, "free", least, bound), spare=least)
        free = slots.at(free - (factors.count(WorkerStatus.Free) or 0))
        share = f"{percent} % of {slots.used} in use" if percent else ""
        room = f"room in {counted(spare, 'worker')}" if spare else ""
        least, bound = _larger(slots.room, room, slots.share, share)
        return Wish(free < least, _compared(free, f"of {slots.total} slots free", least, bound), slots=slots)


def _larger(count: int, rule: str, share: int, of: str) -> tuple[int, str]:
    """The larger of the *count* and the *share*, and in brackets which that is; of a *rule* without words nothing."""
    if share > count:
        return share, f" ({of})"
    said = "; ".join(filter(None, (rule, of and f"{of} is {share}")))
    return count, said and f" ({said})"


def _compared(free: int, what: str, least: int, bound: str) -> str:
    return f"{free} {what}, {'' if free < least else 'not '}fewer than {least}{bound}"
