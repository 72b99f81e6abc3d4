"""Never fewer than so many."""

from __future__ import annotations

from typing import ClassVar, cast

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, Factors, Fleet, argument
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import Asked, Move, Opinion, Wrapper, bound_of

__all__ = ["Floor"]


@frozen
class Floor(Wrapper):
    """Want at least so many *workers*, whatever the scaler inside wants, and also where it doesn't know.

    Where the workers aren't known, none is started. ``max_workers`` still wins over the floor.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> result = Floor(SimpleAutoScaler(max_workers=5), workers=3).decide(snapshot(busy=1, waiting=None))
    >>> print(result.up, *result.reasons, sep="; ")
    2; simple: the queue is not known; floor: at least 3 wanted, 1 worker there: starts 2 workers
    """

    scaler: AutoScaler = argument(help="the scaler that may want fewer")
    workers: ArgumentType = argument(ge=0, type=int, asks=1, help="the fewest workers that are wanted")

    known_as: ClassVar[str] = "floor"

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        asked = Asked.of(self, self.scaler, factors, memory, fleet)
        opinion, least = asked.opinion, cast("int", self.workers)
        if fleet is None:
            return asked.left_alone("nobody is started: the workers are not known")
        there = f"at least {least} wanted, {counted(fleet.present, 'worker')} there"
        if opinion.held and fleet.present >= least:
            return asked.left_alone(there)
        most = opinion.max_workers
        if opinion.held:
            # A hold has no opinion of the maximum, but the scaler that holds may have been given one.
            most = max(most, least) if (given := bound_of(self.scaler)) is None else given
        move = Move.towards(max(opinion.wanted, least), fleet, leaving=opinion.leaving, max_workers=most)
        stays = len(opinion.leaving) - len(move.down)
        does = [f"starts {counted(move.up, 'worker')}"] if move.up > opinion.up else []
        does += [f"keeps {stays} of {counted(len(opinion.leaving), 'worker')}"] if stays else []
        if fleet.present + move.up < least:
            does.append(f"the maximum is {most}")
        return asked.moved(move, there + (f": {', '.join(does)}" if does else ""), max_workers=most, demand=least)
