"""So many workers within a period, and not more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, Factors, Fleet, argument
from everai_autoscaler.wrapper.asking import Asked, Move, Opinion, Wrapper
from everai_autoscaler.wrapper.memory import MOST, Entry, entries, written

__all__ = ["RateLimit"]

_HALF_AN_HOUR = 1800.0
"""Seconds for which a change is remembered, also while the periods are shorter: somebody may lengthen them again."""


@frozen
class RateLimit(Wrapper):
    """Start, and remove, no more than so many workers or so many percent within a period; the larger of both.

    The rule of the scaling policies of the Kubernetes HorizontalPodAutoscaler: percents are of the workers that there
    were when the period began, which a ledger of what was started and removed since tells; upwards they are rounded
    up, and of no worker one is allowed. A direction for which nothing is given isn't limited. A lowered
    ``max_workers`` isn't delayed: workers above it go at once.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import story
    >>> limited = RateLimit(SimpleAutoScaler(max_workers=9, scale_up_step=5), up_workers=2, up_period=60)
    >>> played = story(limited).busy(1).waiting(9).expect(up=2).busy(3).after(30).expect_nothing()
    >>> print(played.result.reasons[-1])
    rate-limit: starts none of 5 workers: at most 3 for now, with 2 started and 0 removed within the last 60 s
    """

    scaler: AutoScaler = argument(help="the scaler that is limited")
    up_workers: ArgumentType | None = argument(
        None, type=int, ge=0, kw_only=True, help="workers that may be started within the period"
    )
    up_percent: ArgumentType | None = argument(
        None, type=int, ge=0, kw_only=True, help="the same in percent of the workers at its beginning"
    )
    up_period: ArgumentType = argument(60.0, gt=0, kw_only=True, help="seconds of the period for those that start")
    down_workers: ArgumentType | None = argument(
        None, type=int, ge=0, kw_only=True, help="workers that may be removed within the period"
    )
    down_percent: ArgumentType | None = argument(
        None, type=int, ge=0, kw_only=True, help="the same in percent of the workers at its beginning"
    )
    down_period: ArgumentType = argument(60.0, gt=0, kw_only=True, help="seconds of the period for those that leave")

    known_as: ClassVar[str] = "rate-limit"

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        now, bound = factors.observed_at, cast("Any", self)
        asked = Asked.of(
            self, self.scaler, factors, memory, fleet, read=lambda own: _Ledger.read(own, now), fresh=_Ledger
        )
        opinion, most = asked.opinion, asked.opinion.max_workers
        ledger = asked.own.within(now, max(bound.up_period, bound.down_period, _HALF_AN_HOUR))
        if fleet is None or not (opinion.up or opinion.leaving):
            return asked.left_alone("nothing to limit", ledger.written())
        period = bound.up_period if opinion.up else bound.down_period
        changes = ledger.within(now, period)
        if opinion.up:
            limit = _most(changes.begun_with(fleet.present), bound.up_workers, bound.up_percent)
            wanted = opinion.wanted if limit is None else min(opinion.wanted, limit)
        else:
            limit = _least(changes.begun_with(fleet.present), bound.down_workers, bound.down_percent)
            # The removal of workers above the maximum isn't delayed.
            limit = None if limit is None else min(limit, fleet.present, most)
            wanted = opinion.wanted if limit is None else max(opinion.wanted, limit)
        move = Move.towards(wanted, fleet, leaving=opinion.leaving, max_workers=most)
        why = "no limit in this direction"
        if limit is not None:
            bounded = f"at {'most' if opinion.up else 'least'} {max(0, limit)}"
            past = f"{changes.started} started and {changes.removed} removed within the last {period:g} s"
            why = f"{bounded} for now, with {past}"
        return asked.moved(move, f"{move.part_of(opinion)}: {why}", ledger.joined(now, move).written())


def _most(begun_with: int, workers: int | None, percent: int | None) -> int | None:
    """The most workers that there may be; ``None`` where there is no limit."""
    allowed = [begun_with + workers] if workers is not None else []
    if percent is not None:
        # Rounded up, in whole numbers: 10 percent more than 100 are 110. Of no worker no percentage is ever one.
        more = -(-begun_with * (100 + percent) // 100)
        allowed.append(max(more, begun_with + 1) if percent else begun_with)
    return max(allowed, default=None)


def _least(begun_with: int, workers: int | None, percent: int | None) -> int | None:
    """The fewest workers that there may be; ``None`` where there is no limit."""
    allowed = [begun_with - workers] if workers is not None else []
    if percent is not None:
        allowed.append(begun_with * (100 - percent) // 100)
    return min(allowed, default=None)


@frozen
class _Ledger:
    """What was started and removed, and when."""

    ups: Sequence[Entry] = ()
    downs: Sequence[Entry] = ()

    @classmethod
    def read(cls, own: Any, now: float) -> _Ledger | None:
        if own is None:
            return cls()
        if not isinstance(own, dict):
            return None
        ups, downs = entries(own.get("ups"), now), entries(own.get("downs"), now)
        return None if ups is None or downs is None else cls(ups, downs)

    @property
    def started(self) -> int:
        """How many were started."""
        return sum(entry.workers for entry in self.ups)

    @property
    def removed(self) -> int:
        """How many were removed."""
        return sum(entry.workers for entry in self.downs)

    def within(self, now: float, period: float) -> _Ledger:
        """The part of it that is younger than *period*."""
        ups = [entry for entry in self.ups if now - entry.at < period]
        return _Ledger(ups, [entry for entry in self.downs if now - entry.at < period])

    def begun_with(self, present: int) -> int:
        """How many workers there were before all this, when now there are *present*."""
        return present - self.started + self.removed

    def joined(self, now: float, move: Move) -> _Ledger:
        """With what *move* starts or removes."""
        ups = [*self.ups, Entry(now, move.up)] if move.up else self.ups
        downs = [*self.downs, Entry(now, len(move.down))] if move.down else self.downs
        return _Ledger(_bounded(ups), _bounded(downs))

    def written(self) -> JsonValue:
        """As it is remembered."""
        return {"ups": written(self.ups), "downs": written(self.downs)} if self.ups or self.downs else None


def _bounded(ledger: Sequence[Entry]) -> Sequence[Entry]:
    if len(ledger) <= MOST:
        return ledger
    oldest, second, *rest = ledger
    return [Entry(second.at, oldest.workers + second.workers), *rest]
