"""The calm of a window: down only to the most, up only to the least, that was wanted within it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, DecideResult, Factors, Fleet, argument, bind
from everai_autoscaler.wrapper.asking import ask, scaled
from everai_autoscaler.wrapper.memory import MOST, Entry, entries, recall, together, written

__all__ = ["Stabilize"]

_AN_HOUR = 3600.0
"""Seconds for which a wish is remembered, also while the windows are shorter: somebody may lengthen them again."""


@frozen
class Stabilize(AutoScaler):
    """Follow the most that was wanted within *down_window* seconds downwards, and the least within *up_window* upwards.

    The rule of the Kubernetes HorizontalPodAutoscaler's ``stabilizationWindowSeconds``, with its defaults. As there,
    the number of workers that there are is the first thing that was wanted, so that after a start nobody leaves for a
    window; what isn't known wants nothing. Who is above ``max_workers`` doesn't wait: somebody lowered that.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import story
    >>> told = story(Stabilize(SimpleAutoScaler(min_workers=0, max_workers=5, max_idle_time=0), down_window=60))
    >>> told = told.free(2).expect_nothing().after(59).expect_nothing()
    >>> print(told.result.reasons[-1])
    stabilize: 2 rather than 0: 2 wanted 59 s ago, within 60 s
    >>> told.after(1).expect(down=2).result.down
    ('free-2', 'free-1')
    """

    scaler: AutoScaler = argument(help="the scaler whose wishes are stabilised")
    up_window: ArgumentType = argument(
        0.0, ge=0, kw_only=True, help="seconds of which the least that was wanted limits the way up"
    )
    down_window: ArgumentType = argument(
        300.0, ge=0, kw_only=True, help="seconds of which the most that was wanted limits the way down"
    )

    @classmethod
    def autoscaler_name(cls) -> str:
        """``stabilize``, as files call it."""
        return "stabilize"

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and what was wanted so far."""
        bound: Any = bind(self)
        now, who, fleet = factors.observed_at, self.autoscaler_name(), Fleet.of(factors)
        recalled = recall(memory, who=who, children=1, read=lambda own: _Wanted.read(own, now), fresh=_Wanted)
        opinion = ask(bound.scaler, factors, recalled.children[0])
        said = opinion.result.explained(recalled.reasons)
        up_window, down_window = bound.up_window, bound.down_window
        remembered = recalled.own.within(now, up=max(up_window, _AN_HOUR), down=max(down_window, _AN_HOUR))
        if fleet is not None and not remembered.begun:
            remembered = remembered.joined(Entry(now, fleet.present))
        if fleet is None or opinion.held:
            kept = together(remembered.written(), [opinion.memory])
            return said.because("nothing is wanted, so nothing is stabilised", who=who), kept
        present = Entry(now, opinion.wanted)
        earlier = remembered.within(now, up=up_window, down=down_window)
        least = min([*earlier.least, present], key=_workers)
        most = max([*earlier.most, present], key=_workers)
        wanted = min(max(fleet.present, least.workers), most.workers)
        result = scaled(
            max(opinion.wanted, min(wanted, said.max_workers)) if wanted > opinion.wanted else wanted,
            fleet,
            leaving=opinion.leaving,
            max_workers=said.max_workers,
            reasons=said.reasons,
        )
        why = _why(opinion.wanted, wanted, said.max_workers, (least, up_window), (most, down_window), now)
        return result.because(why, who=who), together(remembered.joined(present).written(), [opinion.memory])


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
