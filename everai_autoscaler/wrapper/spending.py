"""What the workers have cost, added up from snapshot to snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.model import Worker
from everai_autoscaler.wrapper.wall_clock import Period

__all__ = ["LONGEST_GAP", "Prices", "Spent"]

LONGEST_GAP = 300.0
"""Seconds between two snapshots for which a worker that is gone in the second is charged at most: when it went within a
longer gap isn't known. One that is still there is charged for the whole of it."""

_AN_HOUR = 3600.0
_LARGEST = 1e15


@frozen
class Prices:
    """What each worker costs an hour, and what one more would cost."""

    of: dict[str, float]
    """The price of each worker by its id; without those whose price isn't known."""
    one_more: float | None
    """``None`` where no price is known."""
    dearest: float | None
    """The dearest price that a worker stated; ``None`` where none ever did."""

    @classmethod
    def read(cls, workers: Iterable[Worker], *, price: float | None, spent: Spent, day: Period) -> Prices:
        """The prices of *workers*.

        What a worker states counts; for one that states nothing *price*, or else the dearest price that was stated.
        One more costs as much as the dearest worker that is there or was there on this *day*, as far as *spent* tells;
        so a dear worker that has to go isn't replaced by one that might be as dear.
        """
        costs = {worker.worker_id: worker.cost for worker in workers}
        stated = [cost for cost in costs.values() if cost is not None]
        if spent.dearest is not None and (not stated or spent.is_of(day)):
            stated.append(spent.dearest)
        dearest = max(stated, default=None)
        otherwise = dearest if price is None else price
        if otherwise is None:  # nobody states a price
            return cls({}, None, None)
        found = {worker_id: otherwise if cost is None else cost for worker_id, cost in costs.items()}
        return cls(found, max([*found.values(), *stated], default=otherwise), dearest)

    @property
    def rate(self) -> float:
        """What an hour of all workers costs."""
        return sum(self.of.values())


@frozen
class Spent:
    """What was spent on this day and in this month, and what the last snapshot tells of the present rate."""

    at: float | None = None
    """When the last snapshot was; ``None`` before the first."""
    rate: float = 0.0
    """What an hour of its workers cost."""
    dearest: float | None = None
    """The dearest price that a worker stated, on the day of the last snapshot or, where none did, before it."""
    day: float = 0.0
    month: float = 0.0

    @classmethod
    def read(cls, own: Any) -> Spent | None:
        """What is remembered; ``None`` where it can't be read."""
        if own is None:
            return cls()
        if not isinstance(own, dict) or set(own) != {"at", "rate", "dearest", "day", "month"}:
            return None
        sound = all(_is_amount(value) or (name == "dearest" and value is None) for name, value in own.items())
        return cls(**own) if sound else None

    def is_of(self, period: Period) -> bool:
        """Whether the last snapshot was in that *period*, or later: then the clock was set back."""
        return self.at is not None and self.at >= period.begin

    def until(self, now: float, workers: Iterable[Worker], prices: Prices, *, day: Period, month: Period) -> Spent:
        """The same, with what was spent since the last snapshot.

        A worker that is there is charged since that snapshot, or since it was started; one that is gone for up to
        ``LONGEST_GAP`` seconds. At the first snapshot what is there is charged since it was started. A period begins at
        nothing where the last snapshot was before it. Between a snapshot and one that is earlier, since the clock was
        set back, nothing is spent, and nothing is forgotten.

        Args:
            workers: those of the snapshot, each once.
            day: the day that it is *now*.
            month: the month that it is *now*.
        """
        since = -inf if self.at is None else min(self.at, now)
        earlier, begun = 0.0, []
        for one in workers:
            price = prices.of.get(one.worker_id, 0.0)
            if one.started_at <= since:
                earlier += price
            else:
                begun.append((one.started_at, price))
        gone = max(0.0, self.rate - earlier)

        def within(period: Period, before: float) -> float:
            kept = before if self.is_of(period) else 0.0
            costs = sum(price * (now - _charged_from(started, period, now)) for started, price in begun)
            if self.at is not None:
                first = max(since, period.begin)
                costs += earlier * (now - first) + gone * max(0.0, min(since + LONGEST_GAP, now) - first)
            return kept + costs / _AN_HOUR

        return evolve(
            self,
            at=now,
            rate=prices.rate,
            dearest=prices.dearest,
            day=within(day, self.day),
            month=within(month, self.month),
        )

    def written(self) -> JsonValue:
        """As it is remembered."""
        if self.at is None:
            return None
        return {"at": self.at, "rate": self.rate, "dearest": self.dearest, "day": self.day, "month": self.month}


def _charged_from(started: float, period: Period, now: float) -> float:
    """From when on a worker that is seen for the first time is charged; only from now on where 0 says when it began."""
    return min(now, max(started, period.begin)) if started > 0 else now


def _is_amount(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value < _LARGEST
