"""A pause after each change."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, DecideResult, Factors, Fleet, argument, bind
from everai_autoscaler.wrapper.asking import ask, done, scaled
from everai_autoscaler.wrapper.memory import moment, recall, together

__all__ = ["Cooldown"]


@frozen
class Cooldown(AutoScaler):
    """After a change, start nobody for *up* seconds and remove nobody for *down* seconds.

    Either direction begins both pauses. An answer that does nothing begins none. Who is above ``max_workers`` doesn't
    wait: somebody lowered that.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import story
    >>> told = story(Cooldown(SimpleAutoScaler(max_workers=5), up=60))
    >>> print(told.busy(1).waiting(4).expect(up=1).after(30).expect_nothing().after(30).expect(up=1).result.reasons[-1])
    cooldown: starts 1 worker: the last change was 60 s ago, at least 60 s
    """

    scaler: AutoScaler = argument(help="the scaler that has to pause")
    up: ArgumentType = argument(0.0, ge=0, kw_only=True, help="seconds after a change in which nobody is started")
    down: ArgumentType = argument(300.0, ge=0, kw_only=True, help="seconds after a change in which nobody is removed")

    @classmethod
    def autoscaler_name(cls) -> str:
        """``cooldown``, as files call it."""
        return "cooldown"

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and when the last change was."""
        bound, now, who = bind(self), factors.observed_at, self.autoscaler_name()
        recalled = recall(memory, who=who, children=1, read=lambda own: _Last.read(own, now), fresh=_Last)
        opinion = ask(bound.scaler, factors, recalled.children[0])
        fleet, last, said = Fleet.of(factors), recalled.own.change, opinion.result.explained(recalled.reasons)
        if fleet is None or not (opinion.up or opinion.leaving):
            return said.because("nothing to hold back", who=who), together(last, [opinion.memory])
        pause: Any = bound.up if opinion.up else bound.down
        wanted, why = opinion.wanted, "no change is remembered"
        if last is not None:
            since = now - last
            why = f"the last change was {since:g} s ago, {'less than' if since < pause else 'at least'} {pause:g} s"
            if since < pause:
                wanted = fleet.present if opinion.up else max(wanted, min(fleet.present, said.max_workers))
        result = scaled(wanted, fleet, leaving=opinion.leaving, max_workers=said.max_workers, reasons=said.reasons)
        result = result.because(f"{done(result, opinion)}: {why}", who=who)
        return result, together(now if result.actions else last, [opinion.memory])


@frozen
class _Last:
    """When the last change was, if there was one."""

    change: float | None = None

    @classmethod
    def read(cls, own: Any, now: float) -> _Last | None:
        change = moment(own, now)
        return cls(change) if own is None or change is not None else None
