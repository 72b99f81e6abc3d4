"""Recorded production decisions beside those of another scaler: agreement, workers and money."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from everai_autoscaler.decision import Replay, replay
from everai_autoscaler.errors import AutoscalerError, ContractError, words_of
from everai_autoscaler.model import Outcome, Record

__all__ = ["Backtest", "Difference", "backtest"]

_GAP = 10
"""So many times the usual time between two decisions is a gap, in which nothing was recorded."""


@frozen
class Difference:
    """One decision that would have been another."""

    number: int
    """Which record it is, from 1."""
    again: Replay = field(repr=False)
    """The record, and what the other scaler decides on its snapshot."""
    workers: int | None
    """How many workers more, or fewer, it would have left there; ``None`` where the workers weren't known."""
    seconds: float
    """Seconds until the next decision about the app; 0 for the last one and before a gap."""

    @property
    def worker_seconds(self) -> float:
        """The worker-seconds until the next decision that it would have cost more, or less."""
        return (self.workers or 0) * self.seconds


@frozen
class Backtest:
    """What another scaler would have decided on each recorded snapshot. The loop is open.

    A snapshot is the recorded one, whatever the other scaler's decision before would have made of the fleet; what a
    decision changes is counted until the next decision.
    """

    scaler: str
    """Who decided this time."""
    decisions: int
    apps: tuple[str, ...]
    differences: tuple[Difference, ...] = field(repr=False)
    """The decisions that would have been others, in their order."""
    counts: Mapping[tuple[str, str], int]
    """How many decisions were recorded as the first and would have been the second: ``up``, ``down``, ``hold`` or
    ``nothing``."""
    seconds: float
    """Seconds that the records cover, over all apps; gaps aren't counted."""
    recorded_worker_seconds: float
    """Worker-seconds that the recorded decisions asked for."""
    worker_seconds: float
    """Worker-seconds that the other scaler's decisions would have asked for."""
    price: float | None
    """What an hour of one worker costs."""

    @property
    def agreement(self) -> float:
        """The share of the decisions that would have been the same; a different maximum alone is no difference."""
        return 1 - len(self.differences) / self.decisions

    @property
    def recorded_cost(self) -> float | None:
        """What the recorded decisions asked for cost; ``None`` without a price."""
        return None if self.price is None else self.recorded_worker_seconds * self.price / 3600

    @property
    def cost(self) -> float | None:
        """What the other scaler's decisions would have cost; ``None`` without a price."""
        return None if self.price is None else self.worker_seconds * self.price / 3600

    def largest(self, count: int) -> list[Difference]:
        """The *count* differences that come to the most worker-seconds, the largest first."""
        return sorted(self.differences, key=lambda one: -abs(one.worker_seconds))[:count]


def backtest(
    records: Iterable[Record | Replay],
    *,
    scaler: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    price: float | None = None,
) -> Backtest:
    """What another scaler, or other arguments, would have made of recorded decisions. The loop is open.

    Args:
        records: the decisions, of one app or of several, each app's in the order in which they were made; or such as
            were replayed already.
        scaler: another scaler; the recorded ones unless given. It begins each decision without memory.
        arguments: of another scaler its arguments, of the recorded one those that are to be different.
        secrets: the values that the records don't hold.
        price: what an hour of one worker costs.

    Raises:
        ContractError: there is no record, or one that can't be replayed; says which.

    >>> from everai_autoscaler import Decider
    >>> from everai_autoscaler.model import Factors
    >>> decider = Decider("simple", {"max_workers": 5, "scale_up_step": 3})
    >>> seen = [Factors(observed_at=at, queue={"QueueDueBusy": 1}) for at in (0, 20, 40)]
    >>> tested = backtest((decider.decision(one).record() for one in seen), arguments={"min_workers": 2})
    >>> tested.agreement, tested.worker_seconds - tested.recorded_worker_seconds
    (0.0, 40.0)
    """
    again: list[Replay] = []
    for number, one in enumerate(records, 1):
        try:
            again.append(
                one if isinstance(one, Replay) else replay(one, scaler=scaler, arguments=arguments, secrets=secrets)
            )
        except AutoscalerError as error:
            raise ContractError(f"record {number}: {words_of(error)}") from error
    if not again:
        raise ContractError("backtest: there are no records")
    lasting = _lasting(again)
    differences: list[Difference] = []
    counts: dict[tuple[str, str], int] = {}
    recorded_total = total = 0.0
    for number, (one, seconds) in enumerate(zip(again, lasting, strict=True), 1):
        recorded, other = one.record.result, one.outcome
        key = kind_of(recorded), kind_of(other)
        counts[key] = counts.get(key, 0) + 1
        there = None if one.record.snapshot is None else one.record.snapshot.workers
        if there is not None:
            recorded_total += max(0, len(there) + _change(recorded)) * seconds
            total += max(0, len(there) + _change(other)) * seconds
        if not one.alike:
            more = None if there is None else _change(other) - _change(recorded)
            differences.append(Difference(number, one, more, seconds))
    return Backtest(
        " and ".join(dict.fromkeys(one.scaler for one in again)),
        len(again),
        tuple(dict.fromkeys(one.record.app for one in again)),
        tuple(differences),
        counts,
        sum(lasting),
        recorded_total,
        total,
        price,
    )


def kind_of(outcome: Outcome) -> str:
    """What *outcome* does, in a word: ``up``, ``down``, ``hold`` or ``nothing``.

    >>> kind_of(Outcome(max_workers=5, actions=[{"count": 2, "action": "ScaleUp"}], held=False, reasons=[]))
    'up'
    """
    change = _change(outcome)
    if change:
        return "up" if change > 0 else "down"
    return "hold" if outcome.held else "nothing"


def _change(outcome: Outcome) -> int:
    actions: list[Any] = outcome.actions
    return sum(one["count"] if one["action"] == "ScaleUp" else -1 for one in actions)


def _lasting(again: Sequence[Replay]) -> list[float]:
    """For each decision the seconds until the next one about its app."""
    lasting = [0.0] * len(again)
    before: dict[str, int] = {}
    for place, one in enumerate(again):
        app = one.record.app
        if app in before:
            earlier = before[app]
            lasting[earlier] = max(0.0, one.record.observed_at - again[earlier].record.observed_at)
        before[app] = place
    usual = statistics.median([one for one in lasting if one > 0] or [0.0])
    return [one if one <= _GAP * usual else 0.0 for one in lasting]
