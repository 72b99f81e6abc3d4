"""Never more than so many."""

from __future__ import annotations

from typing import ClassVar, cast

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, Factors, Fleet, argument
from everai_autoscaler.wrapper.asking import Asked, Move, Opinion, Wrapper

__all__ = ["Ceiling"]


@frozen
class Ceiling(Wrapper):
    """Start no worker beyond so many *workers*, and say that this is the maximum; it removes none by itself.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Ceiling(SimpleAutoScaler(max_workers=9, scale_up_step=5), workers=3)
    >>> result = scaler.decide(snapshot(busy=1, waiting=7))
    >>> result.max_workers, str(result.reasons[-1])
    (3, 'ceiling: starts 2 of 5 workers: at most 3')
    """

    scaler: AutoScaler = argument(help="the scaler that may want more")
    workers: ArgumentType = argument(ge=0, type=int, help="the most workers that there may be")

    known_as: ClassVar[str] = "ceiling"

    @property
    def max_workers(self) -> ArgumentType:
        """The most workers that there may be, as other scalers call it."""
        return self.workers

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        asked = Asked.of(self, self.scaler, factors, memory, fleet)
        opinion = asked.opinion
        most = min(opinion.max_workers, cast("int", self.workers))
        if fleet is not None and opinion.up:
            move = Move.towards(opinion.wanted, fleet, leaving=(), max_workers=most)
            return asked.moved(move, f"{move.part_of(opinion)}: at most {most}", max_workers=most)
        return asked.left_alone(f"at most {most}", max_workers=most)
