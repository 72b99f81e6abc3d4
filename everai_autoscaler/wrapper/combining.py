"""One answer of several scalers: by how many workers each of them wants."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, Capped, Factors, Fleet, Reason, argument
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import Move, Opinion, Wrapper, ask, held
from everai_autoscaler.wrapper.memory import recall, together

__all__ = ["Combination"]


@frozen
class Combination(Wrapper):
    """Several scalers, of which one number of workers is chosen.

    A worker goes only where all scalers want to remove it; one that holds has no opinion, and doesn't know whether any
    worker may go. The maximum is the smallest of theirs.
    """

    scalers: Sequence[AutoScaler] = argument(ge=1, type=Sequence[AutoScaler], help="who is asked")

    @staticmethod
    @abstractmethod
    def chosen(wanted: Iterable[int]) -> int:
        """The number of workers to go for, of those that the scalers want."""

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        who = self.autoscaler_name()
        recalled = recall(memory, who=who, children=len(self.scalers))
        opinions = [ask(one, factors, past, fleet) for one, past in zip(self.scalers, recalled.children, strict=True)]
        remembered = together(None, [opinion.memory for opinion in opinions])
        deciding = [opinion for opinion in opinions if not opinion.held]
        if fleet is None or not deciding:
            return held(opinions, recalled.reasons, why="nobody knows", who=who, memory=remembered)
        wanted = self.chosen(opinion.wanted for opinion in deciding)
        leaving = _named_by_all(deciding) if len(deciding) == len(opinions) else ()
        most = min(opinion.max_workers for opinion in deciding)
        move = Move.towards(wanted, fleet, leaving=leaving, max_workers=most)
        reasons = [reason for opinion in opinions for reason in opinion.reasons]
        why = Reason(who=who, why=_why(opinions, move, fleet, wanted, most))
        reasons += [*recalled.reasons, why]
        capped = self._capped(deciding, most)
        return move.opinion(who, reasons, max_workers=most, memory=remembered, capped=capped)

    def _capped(self, deciding: Sequence[Opinion], most: int) -> Capped | None:
        """Which bound is in the way of as many workers as would be chosen without any: that of the smallest maximum."""
        demand = self.chosen(opinion.demand for opinion in deciding)
        bounds = [opinion.capped for opinion in deciding if opinion.capped is not None]
        tightest = min(bounds, key=lambda capped: capped.allowed, default=None)
        by = Capped.MAXIMUM if tightest is None or tightest.allowed > most else tightest.by
        return Capped.narrowed(None, wanted=demand, allowed=most, by=by)


def _named_by_all(deciding: Sequence[Opinion]) -> Sequence[str]:
    first, *others = deciding
    named = set(first.leaving).intersection(*(other.leaving for other in others))
    return [one for one in first.leaving if one in named]


def _why(opinions: Sequence[Opinion], move: Move, fleet: Fleet, wanted: int, most: int) -> str:
    why = f"{wanted} wanted ({', '.join(map(str, opinions))})"
    if move.up:
        why += f": starts {counted(move.up, 'worker')}"
    elif move.down:
        why += f": removes {counted(len(move.down), 'worker')}"
    if wanted > fleet.present + move.up:
        return f"{why}, and {fleet.total} of at most {most} there"
    missing = fleet.present - len(move.down) - wanted
    if missing <= 0:
        return why
    if any(opinion.held for opinion in opinions):
        return f"{why}, but removes nobody while one of them can't know"
    return f"{why}, but {'no more' if move.down else 'nobody'} whom all of them would remove"
