"""At most so much money."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from operator import itemgetter
from typing import Any, ClassVar, cast

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import ArgumentType, AutoScaler, Factors, Fleet, Reason, argument, zone_of
from everai_autoscaler.wrapper.asking import Asked, Move, Opinion, Wrapper, minimum_of
from everai_autoscaler.wrapper.spending import Prices, Spent
from everai_autoscaler.wrapper.wall_clock import day_of, month_of

__all__ = ["Budget"]

_AN_HOUR = 3600.0
_SHORTEST = 60.0
"""Seconds for which a fleet has to be paid at least, however soon the period ends."""
_ROUNDING = 1e-9
_MANY = 1_000_000
"""More workers than anybody has."""


@frozen
class Budget(Wrapper):
    """Start no worker that isn't paid for: at most so much an hour, a day, a month.

    A start is refused where all workers together would cost more than *per_hour*, or where what was spent on this day
    (in this month) and the next *horizon* of all workers together come to more than *per_day* (*per_month*); what of
    the horizon lies in the next period, that period has to pay. One worker may be there while the money lasts an hour.

    Workers without work that aren't paid for go at once, down to the ``min_workers`` of the scaler inside, while
    nothing waits. A worker at work is never removed, so those that work for longer than the horizon without a pause, or
    that one worker for longer than an hour, may cost more than the budget. It wins over a minimum, as a maximum does:
    nothing is started beyond it.

    What workers cost is added up in memory, from snapshot to snapshot. While no price is known, there may be one
    worker: it may tell what it costs.

    Raises:
        ArgumentError: none of the three is given, or there is no such time zone.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Budget(SimpleAutoScaler(max_workers=9, scale_up_step=3), per_hour=5, price=2)
    >>> result = scaler.decide(snapshot(busy=1, waiting=7))
    >>> print(result.up, result.reasons[-1])
    1 budget: starts 1 of 3 workers: the budget of 5.00 an hour allows 2 at 2.00 each
    >>> print(result.capped)
    wanted 4, may have 2: budget
    """

    scaler: AutoScaler = argument(help="the scaler that may want more")
    per_hour: ArgumentType | None = argument(
        None, type=float, ge=0, kw_only=True, help="the most that an hour of all workers may cost"
    )
    per_day: ArgumentType | None = argument(
        None, type=float, ge=0, kw_only=True, help="the most that may be spent from midnight to midnight"
    )
    per_month: ArgumentType | None = argument(
        None, type=float, ge=0, kw_only=True, help="the most that may be spent in a calendar month"
    )
    price: ArgumentType | None = argument(
        None, type=float, ge=0, kw_only=True, help="what an hour of a worker costs that doesn't say so itself"
    )
    timezone: ArgumentType = argument(
        "UTC", kw_only=True, help="whose days and months they are: a name of the IANA database"
    )
    horizon: ArgumentType = argument(
        86400.0, gt=0, kw_only=True, help="seconds for which workers have to be paid before one is started"
    )
    warn_percent: ArgumentType = argument(
        80.0, ge=0, kw_only=True, help="percent of a budget from which on its reasons warn"
    )

    known_as: ClassVar[str] = "budget"

    def __attrs_post_init__(self) -> None:
        if self.per_hour is None and self.per_day is None and self.per_month is None:
            raise ArgumentError("no amount is given: write per_hour, per_day or per_month")
        if isinstance(self.timezone, str):
            zone_of(self.timezone)

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        asked = Asked.of(self, self.scaler, factors, memory, fleet, read=Spent.read, fresh=Spent)
        spent: Spent = asked.own
        if fleet is None:  # what they cost is charged when they are known again
            return asked.left_alone("nothing is refused: the workers are not known", spent.written())
        limits: Any = self
        now, zone = factors.observed_at, zone_of(limits.timezone)
        day, month = day_of(now, zone), month_of(now, zone)
        prices = Prices.read(fleet.workers, price=limits.price, spent=spent, day=day)
        spent = spent.until(now, fleet.workers, prices, day=day, month=month)
        if prices.one_more is None:
            return self._while_no_price_is_known(asked, fleet, spent)
        amounts = list(self._amounts(spent, day.end - now, month.end - now))
        allowed, tightest = min(
            ((amount.allowed(fleet.total, prices), amount) for amount in amounts), key=itemgetter(0)
        )
        opinion = asked.opinion
        move = Move.within(opinion, fleet, most=allowed, stay=minimum_of(self.scaler))
        why = f"the budget of {tightest} allows {allowed} at {prices.one_more:.2f} each"
        if tightest.spent:
            why += f": {tightest.spent:.2f} spent"
        if does := move.part_of(opinion) if opinion.up and not move.down else move.beside(opinion):
            why = f"{does}: {why}"
        most, own = min(opinion.max_workers, allowed), spent.written()
        if opinion.held:
            said = asked.left_alone(why, own, max_workers=most)
        else:
            said = asked.moved(move, why, own, max_workers=most)
        return evolve(said, reasons=[*said.reasons, *self._warnings(amounts, prices)])

    def _amounts(self, spent: Spent, day: float, month: float) -> Iterator[_Amount]:
        """The budgets that are given; the *day* and the *month* end in so many seconds."""
        limits: Any = self
        if limits.per_hour is not None:
            yield _Amount("an hour", limits.per_hour)
        if limits.per_day is not None:
            yield _Amount("a day", limits.per_day, spent.day, day, limits.horizon)
        if limits.per_month is not None:
            yield _Amount("a month", limits.per_month, spent.month, month, limits.horizon)

    def _while_no_price_is_known(self, asked: Asked, fleet: Fleet, spent: Spent) -> Opinion:
        """One worker may be started, so that the app isn't down until somebody states a price."""
        most = min(asked.opinion.max_workers, max(1, fleet.total))
        move = Move.towards(asked.opinion.wanted, fleet, leaving=asked.opinion.leaving, max_workers=most)
        unknown = "warning: what a worker costs is not known, so that nothing is counted: state it as price"
        why = "at most one worker while no price is known"
        if asked.opinion.up:
            said = asked.moved(move, f"{move.part_of(asked.opinion)}: {why}", spent.written(), max_workers=most)
        else:
            said = asked.left_alone(why, spent.written())
        return evolve(said, reasons=[*said.reasons, Reason(who=self.known_as, why=unknown)])

    def _warnings(self, amounts: list[_Amount], prices: Prices) -> Iterator[Reason]:
        for amount in amounts:
            used = amount.used(prices)
            if used * 100 >= cast("float", self.warn_percent):
                yield Reason(who=self.known_as, why=f"warning: {amount.warning(used, prices)}")


@frozen
class _Amount:
    """One of the three budgets, and how much of it is left."""

    per: str
    budget: float
    spent: float = 0.0
    left: float = _AN_HOUR
    """Seconds until the period ends."""
    horizon: float = _AN_HOUR
    """Seconds for which workers have to be paid; from this period until it ends, from then on from the next one."""

    def allowed(self, total: int, prices: Prices) -> int:
        """How many workers there may be where there are *total*."""
        rest = self.budget - self.spent
        room = _room(rest, max(_SHORTEST, min(self.horizon, self.left)) / _AN_HOUR, prices)
        later = self.horizon - self.left
        if later > 0:
            room = min(room, _room(self.budget, later / _AN_HOUR, prices))
        return max(total + room, int(self._lasts_an_hour(prices.one_more or 0.0)))

    def _lasts_an_hour(self, price: float) -> bool:
        """Whether one worker can be paid for an hour, of which the next period pays its part."""
        hours = min(_AN_HOUR, self.left) / _AN_HOUR
        rest = self.budget - self.spent
        return rest > 0 and rest >= price * hours and self.budget >= price * (1 - hours)

    def used(self, prices: Prices) -> float:
        """Which share of it is used: by what was spent, or of an hour by the present workers."""
        used = self.spent if self.per != "an hour" else prices.rate
        return used / self.budget if self.budget else 1.0

    def warning(self, used: float, prices: Prices) -> str:
        """That so much of it is used, and how long the rest lasts."""
        if self.per == "an hour":
            return f"{used:.0%} of {self} are used, {prices.rate:.2f} an hour"
        rest = max(0.0, self.budget - self.spent)
        lasts = f": at {prices.rate:.2f} an hour the rest lasts {rest / prices.rate:.1f} h" if prices.rate else ""
        return f"{used:.0%} of {self} are spent{lasts}, and the period ends in {self.left / _AN_HOUR:.1f} h"

    def __str__(self) -> str:
        return f"{self.budget:.2f} {self.per}"


def _room(money: float, hours: float, prices: Prices) -> int:
    """For how many workers more than there are *money* lasts so many *hours*."""
    rest, each = money - prices.rate * hours, (prices.one_more or 0.0) * hours
    if each <= 0:
        return _MANY if rest >= -_ROUNDING else 0
    return max(-_MANY, min(_MANY, floor(rest / each + _ROUNDING)))
