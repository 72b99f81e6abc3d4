"""Kubernetes' HorizontalPodAutoscaler, autoscaling/v2: a formula, windows that calm it, and policies that bound it."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler import argument
from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet
from everai_autoscaler_hpa.measure import REQUESTS, TARGET_TYPES, Aim
from everai_autoscaler_hpa.policies import SELECTIONS, Ledger, highest, longest, lowest, parse_policies

__all__ = ["HpaAutoScaler", "Past"]


@frozen
class Past:
    """What it remembers from one decision to the next; each entry is a moment in epoch seconds and a number."""

    most: Ledger
    """What was recommended, for the way down: each of fewer workers than the one before."""
    least: Ledger
    """What was recommended, for the way up: each of more workers than the one before."""
    started: Ledger
    """How many workers were started."""
    removed: Ledger
    """How many workers were removed."""

    @classmethod
    def read(cls, memory: JsonValue, now: float, there: int) -> Past:
        """What *memory* holds; where it holds nothing, the number of workers that are *there* was recommended."""
        names = ("most", "least", "started", "removed")
        if not isinstance(memory, dict) or not all(_is_ledger(memory.get(name)) for name in names):
            return cls([[now, there]], [[now, there]], [], [])
        held: dict[str, Any] = memory
        most, least, started, removed = ([entry for entry in held[name] if entry[0] <= now] for name in names)
        return cls(most, least, started, removed)

    def joined(self, now: float, wish: int, *, up_window: float, down_window: float) -> Past:
        """With one recommendation more, and without what it makes irrelevant or what is older than its window."""
        most = [one for one in _within(self.most, now, down_window) if one[1] > wish]
        least = [one for one in _within(self.least, now, up_window) if one[1] < wish]
        return evolve(self, most=[*most, [now, wish]], least=[*least, [now, wish]])


@frozen
class HpaAutoScaler(AutoScaler):
    """Have ``ceil(workers * metric / target)`` workers, calmly down and in bounded steps up.

    The rule (kubernetes.io, "Horizontal Pod Autoscaling", and the API reference of ``HorizontalPodAutoscalerSpec`` in
    autoscaling/v2): no change while the ratio is within the tolerance of 1. Down only to the highest recommendation of
    *down_window*, up only to the lowest of *up_window*. Then the policies bound how many may be started or removed
    within a period.

    The defaults are Kubernetes': tolerance 0.1, 300 s of stabilisation down and none up, up by the larger of 100 % and
    4 workers in 15 s, down by as much as 100 % in 15 s. A target has no default there; 0.8 requests for each worker
    stand for the 80 % of use that a HorizontalPodAutoscaler without a metric aims at.

    >>> from everai_autoscaler.testing import snapshot
    >>> HpaAutoScaler().decide(snapshot(waiting=2, busy=2)).reasons[0].why
    '4 requests, 0.8 for each worker: 5, stabilised 5, at most 6 for now: 5 wanted (1 to 10), 2 there'
    """

    target: float = argument(0.8, gt=0, help="what the metric should be: for each worker, in all, or a used share")
    metric: str = argument(REQUESTS, help="requests, served or waiting; or the name of a signal")
    target_type: str = argument("average", help="what the target is compared with: average, value, worker, utilization")
    tolerance: float = argument(0.1, ge=0, help="how far from 1 the ratio may be without a change")
    up_tolerance: float | None = argument(None, type=float, ge=0, help="the same on the way up, where it differs")
    down_tolerance: float | None = argument(None, type=float, ge=0, help="the same on the way down, where it differs")
    down_window: float = argument(300.0, ge=0, help="seconds whose highest recommendation limits the way down")
    up_window: float = argument(0.0, ge=0, help="seconds whose lowest recommendation limits the way up")
    up_policies: str = argument("100%/15s, 4/15s", help="the most that may start, in percent or workers per period")
    up_select: str = argument("max", help="which of these counts: max, min, or disabled for none ever")
    down_policies: str = argument("100%/15s", help="the most that may go, in percent or workers per period")
    down_select: str = argument("max", help="which of these counts: max, min, or disabled for none ever")
    concurrency: int = argument(1, ge=1, help="requests that a worker can serve at once, where it doesn't say")
    signal_age: float = argument(60.0, ge=0, help="seconds after which a signal isn't known any more")
    min_workers: int = argument(1, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def __attrs_post_init__(self) -> None:
        """Refuse words that it doesn't know, and a signal for what isn't measured by signals."""
        choices = (("target_type", TARGET_TYPES), ("up_select", SELECTIONS), ("down_select", SELECTIONS))
        for name, known in choices:
            if getattr(self, name) not in known:
                raise ArgumentError(str(UnknownNameError.of(name, getattr(self, name), known)))
        if self.target_type == "utilization" and self.metric != REQUESTS:
            raise ArgumentError(f"metric: {self.metric!r} has no capacity: a utilization is one of requests")
        for name in ("up_policies", "down_policies"):
            try:
                parse_policies(getattr(self, name))
            except ArgumentError as error:
                raise ArgumentError(f"{name}: {error}") from None

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do; *memory* is a ``Past`` as JSON."""
        fleet = Fleet.of(factors, start_timeout=self.start_timeout)
        if fleet is None:
            return DecideResult.hold(factors, "the workers are not known", max_workers=self.max_workers), memory
        return self.decide_between(factors, fleet, memory, min_workers=self.min_workers)

    def decide_between(
        self, factors: Factors, fleet: Fleet, memory: JsonValue, *, min_workers: int
    ) -> tuple[DecideResult, JsonValue]:
        """The same for a *fleet* that is known, with another minimum."""
        now, there, most = factors.observed_at, fleet.present, self.max_workers
        recommended = self.aim.recommended(factors, fleet)
        if recommended.count is None:
            if there < min_workers:
                why = f"{recommended.why}, and below the minimum"
                return DecideResult.towards(there, fleet, why, min_workers=min_workers, max_workers=most), memory
            return DecideResult.hold(factors, recommended.why, max_workers=most), memory
        wish = recommended.count
        past = Past.read(memory, now, there).joined(now, wish, up_window=self.up_window, down_window=self.down_window)
        stable = min(max(there, past.least[0][1]), past.most[0][1])
        wanted, bound = self._bounded(stable, there, now, past)
        why = f"{recommended.why}: {wish}, stabilised {stable}{bound}"
        result = DecideResult.towards(wanted, fleet, why, min_workers=min_workers, max_workers=most)
        period = max(longest(parse_policies(text)) for text in (self.up_policies, self.down_policies))
        started, removed = _within(past.started, now, period), _within(past.removed, now, period)
        started += [[now, result.up]] if result.up else []
        removed += [[now, len(result.down)]] if result.down else []
        return result, {"most": past.most, "least": past.least, "started": started, "removed": removed}

    def _bounded(self, stable: int, there: int, now: float, past: Past) -> tuple[int, str]:
        """How many workers the policies leave of *stable*, and how that is said."""
        events = {"started": past.started, "removed": past.removed}
        if stable > there:
            limit = highest(parse_policies(self.up_policies), self.up_select, there, now, **events)
            return min(stable, limit), f", at most {limit} for now"
        if stable < there:
            limit = lowest(parse_policies(self.down_policies), self.down_select, there, now, **events)
            return max(stable, limit), f", at least {limit} for now" if limit > stable else ""
        return stable, ""

    @property
    def aim(self) -> Aim:
        """What is measured, and what it should be."""
        up = self.tolerance if self.up_tolerance is None else self.up_tolerance
        down = self.tolerance if self.down_tolerance is None else self.down_tolerance
        return Aim(self.metric, self.target_type, self.target, up, down, self.concurrency, self.signal_age)


def _is_ledger(held: object) -> bool:
    """Whether *held* is a list of moments and numbers."""
    return isinstance(held, list) and all(
        isinstance(one, list) and len(one) == 2 and all(isinstance(part, int | float) for part in one) for one in held
    )


def _within(ledger: Ledger, now: float, seconds: float) -> Ledger:
    """The entries of *ledger* that are younger than so many *seconds*."""
    return [entry for entry in ledger if now - entry[0] < seconds]
