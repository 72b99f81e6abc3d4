"""The calm of a window: down only to the most, up only to the least, that was wanted within it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, Factors, Fleet, argument
from everai_autoscaler.wrapper.asking import Asked, Move, Opinion, Wrapper
from everai_autoscaler.wrapper.memory import MOST, Entry, entries, written

__all__ = ["Stabilize"]

_AN_HOUR = 3600.0
"""Seconds for which a wish is remembered, also while the windows are shorter: somebody may lengthen them again."""


@frozen
class Stabilize(Wrapper):
    """Follow the most that was wanted within *down_window* seconds downwards, and the least within *up_window* upwards.

    The rule of the Kubernetes HorizontalPodAutoscaler's ``stabilizationWindowSeconds``, with its defaults. As there,
    the number of workers that there are is the first thing that was wanted, so after a start no worker leaves for a
    window; what isn't known wants nothing. A lowered ``max_workers`` isn't delayed: workers above it go at once.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import story
    >>> played = story(Stabilize(SimpleAutoScaler(min_workers=0, max_workers=5, max_idle_time=0), down_window=60))
    >>> played = played.free(2).expect_nothing().after(59).expect_nothing()
    >>> print(played.result.reasons[-1])
    stabilize: 2 rather than 0: 2 wanted 59 s ago, within 60 s
    >>> played.after(1).expect(down=2).result.down
    ('free-2', 'free-1')
    """

    scaler: AutoScaler = argument(help="the scaler whose wishes are stabilised")
    up_window: ArgumentType = argument(
        0.0, ge=0, kw_only=True, help="seconds of which the least that was wanted limits the way up"
    )
    down_window: ArgumentType = argument(
        300.0, ge=0, kw_only=True, help="seconds of which the most that was wanted limits the way down"
    )

    known_as: ClassVar[str] = "stabilize"

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        now = factors.observed_at
        asked = Asked.of(
            self, self.scaler, factors, memory, fleet, read=lambda own: _Wanted.read(own, now), fresh=_Wanted
        )
        opinion = asked.opinion
        windows: Any = (self.up_window, self.down_window)
        up_window, down_window = windows
        remembered = asked.own.within(now, up=max(up_window, _AN_HOUR), down=max(down_window, _AN_HOUR))
        if fleet is not None and not remembered.begun:
            remembered = remembered.joined(Entry(now, fleet.present))
        if fleet is None or opinion.held:
            return asked.left_alone("nothing is wanted, so nothing is stabilised", remembered.written())
        present, highest = Entry(now, opinion.wanted), opinion.max_workers
        earlier = remembered.within(now, up=up_window, down=down_window)
        least = min([*earlier.least, present], key=_workers)
        most = max([*earlier.most, present], key=_workers)
        wanted = min(max(fleet.present, least.workers), most.workers)
        goal = max(opinion.wanted, min(wanted, highest)) if wanted > opinion.wanted else wanted
        move = Move.towards(goal, fleet, leaving=opinion.leaving, max_workers=highest)
        why = _why(opinion.wanted, wanted, highest, (least, up_window), (most, down_window), now)
        return asked.moved(move, why, remembered.joined(present).written())


def _workers(entry: Entry) -> int:
    return entry.workers


def _why(wished: int, wanted: int, maximum: int, up: tuple[Entry, float], down: tuple[Entry, float], now: float) -> str:
    if wished == wanted:
        return f"{wished} wanted, and nothing within the window is against it"
    entry, window = up if wanted < wished else down
    why = f"{wanted} rather than {wished}: {entry.workers} wanted {now - entry.at:g} s ago, within {window:g} s"
    return f"{why}, but at most {maximum}" if maximum < wanted and wished < wanted else why


@frozen
class _Wanted:
    """What was wanted, without what a later wish makes irrelevant."""

    most: Sequence[Entry] = ()
    """For the way down: each of fewer workers than the one before."""
    least: Sequence[Entry] = ()
    """For the way up: each of more workers than the one before."""
    begun: bool = False
    """Whether anything was ever remembered."""

    @classmethod
    def read(cls, own: Any, now: float) -> _Wanted | None:
        if own is None:
            return cls()
        if not isinstance(own, dict):
            return None
        most, least = entries(own.get("most"), now), entries(own.get("least"), now)
        return None if most is None or least is None else cls(most, least, begun=True)

    def within(self, now: float, *, up: float, down: float) -> _Wanted:
        """The part of it that is younger than the windows."""
        most = [entry for entry in self.most if now - entry.at < down]
        return evolve(self, most=most, least=[entry for entry in self.least if now - entry.at < up])

    def joined(self, entry: Entry) -> _Wanted:
        """With one wish more."""
        most = [one for one in self.most if one.workers > entry.workers]
        least = [one for one in self.least if one.workers < entry.workers]
        return _Wanted(_bounded([*most, entry]), _bounded([*least, entry]), begun=True)

    def written(self) -> JsonValue:
        """As it is remembered."""
        return {"most": written(self.most), "least": written(self.least)} if self.begun else None


def _bounded(ledger: list[Entry]) -> list[Entry]:
    if len(ledger) <= MOST:
        return ledger
    return [Entry(ledger[1].at, ledger[0].workers), *ledger[2:]]
