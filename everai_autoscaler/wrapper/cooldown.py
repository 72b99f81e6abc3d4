"""A pause after each change."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, Factors, Fleet, argument
from everai_autoscaler.wrapper.asking import Asked, Move, Opinion, Wrapper
from everai_autoscaler.wrapper.memory import moment

__all__ = ["Cooldown"]


@frozen
class Cooldown(Wrapper):
    """After a change, start no worker for *up* seconds and remove none for *down* seconds.

    Either direction begins both pauses. An answer that does nothing begins none. A lowered ``max_workers`` isn't
    delayed: workers above it go at once.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import story
    >>> app = story(Cooldown(SimpleAutoScaler(max_workers=5), up=60))
    >>> print(app.busy(1).waiting(4).expect(up=1).after(30).expect_nothing().after(30).expect(up=1).result.reasons[-1])
    cooldown: starts 1 worker: the last change was 60 s ago, at least 60 s
    """

    scaler: AutoScaler = argument(help="the scaler that has to pause")
    up: ArgumentType = argument(0.0, ge=0, kw_only=True, help="seconds after a change in which nobody is started")
    down: ArgumentType = argument(300.0, ge=0, kw_only=True, help="seconds after a change in which nobody is removed")

    known_as: ClassVar[str] = "cooldown"

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        now = factors.observed_at
        asked = Asked.of(self, self.scaler, factors, memory, fleet, read=lambda own: _Last.read(own, now), fresh=_Last)
        opinion, last = asked.opinion, asked.own.change
        if fleet is None or not (opinion.up or opinion.leaving):
            return asked.left_alone("nothing to hold back", last)
        pause: Any = self.up if opinion.up else self.down
        most, wanted, why = opinion.max_workers, opinion.wanted, "no change is remembered"
        if last is not None:
            since = now - last
            why = f"the last change was {since:g} s ago, {'less than' if since < pause else 'at least'} {pause:g} s"
            if since < pause:
                wanted = fleet.present if opinion.up else max(wanted, min(fleet.present, most))
        move = Move.towards(wanted, fleet, leaving=opinion.leaving, max_workers=most)
        return asked.moved(move, f"{move.part_of(opinion)}: {why}", now if move.up or move.down else last)


@frozen
class _Last:
    """When the last change was, if there was one."""

    change: float | None = None

    @classmethod
    def read(cls, own: Any, now: float) -> _Last | None:
        change = moment(own, now)
        return cls(change) if own is None or change is not None else None
