"""Never fewer than so many."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, DecideResult, Factors, Fleet, argument, bind
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import ask, bound_of, scaled
from everai_autoscaler.wrapper.memory import nothing, recall, together

__all__ = ["Floor"]


@frozen
class Floor(AutoScaler):
    """Want at least so many *workers*, whatever the scaler inside wants, and also where it doesn't know.

    Where the workers aren't known, nobody is started. A maximum goes before it.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> result = Floor(SimpleAutoScaler(max_workers=5), workers=3).decide(snapshot(busy=1, waiting=None))
    >>> print(result.up, *result.reasons, sep="; ")
    2; simple: the queue is not known; floor: at least 3 wanted, 1 worker there: starts 2 workers
    """

    scaler: AutoScaler = argument(help="the scaler that may want fewer")
    workers: ArgumentType = argument(ge=0, type=int, asks=1, help="the fewest workers that are wanted")

    @classmethod
    def autoscaler_name(cls) -> str:
        """``floor``, as files call it."""
        return "floor"

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and what the scaler inside remembers."""
        bound: Any = bind(self)
        who, fleet = self.autoscaler_name(), Fleet.of(factors)
        recalled = recall(memory, who=who, children=1, read=nothing, fresh=bool)
        opinion = ask(bound.scaler, factors, recalled.children[0])
        said, kept = opinion.result.explained(recalled.reasons), together(None, [opinion.memory])
        if fleet is None:
            return said.because("nobody is started: the workers are not known", who=who), kept
        there = f"at least {bound.workers} wanted, {counted(fleet.present, 'worker')} there"
        if opinion.held and fleet.present >= bound.workers:
            return said.because(there, who=who), kept
        most = said.max_workers
        if opinion.held:
            # A hold has no opinion of the maximum, but who holds may have been given one.
            most = max(most, bound.workers) if (given := bound_of(bound.scaler)) is None else given
        result = scaled(
            max(opinion.wanted, bound.workers), fleet, leaving=opinion.leaving, max_workers=most, reasons=said.reasons
        )
        kept_back = len(opinion.leaving) - len(result.down)
        does = [f"starts {counted(result.up, 'worker')}"] if result.up > opinion.up else []
        does += [f"keeps {kept_back} of {counted(len(opinion.leaving), 'worker')}"] if kept_back else []
        if fleet.present + result.up < bound.workers:
            does.append(f"the maximum is {most}")
        return result.because(there + (f": {', '.join(does)}" if does else ""), who=who), kept
