"""Asking the scalers inside: what each of them wants of the fleet, and what an answer is made of."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import attrs
from attrs import define, evolve
from pydantic import JsonValue

from everai_autoscaler.errors import describe_error
from everai_autoscaler.model import (
    Action,
    AutoScaler,
    Capped,
    DecideResult,
    Factors,
    Fleet,
    Reason,
    ScaleDownAction,
    ScaleUpAction,
    bind,
    name_of,
    schema_of,
)
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.memory import nothing, recall, together

__all__ = ["Asked", "Move", "Opinion", "Wrapper", "ask", "bound_of", "contained", "held", "minimum_of"]


class Wrapper(AutoScaler):
    """A scaler round scalers, which it asks with what each of them remembered."""

    known_as: ClassVar[str]
    """The name by which files call it."""

    @classmethod
    def autoscaler_name(cls) -> str:
        """The name by which files call it."""
        return cls.known_as

    def decide(self, factors: Factors) -> DecideResult:
        """What to do when nothing is remembered; late arguments are read first, which else the pipeline does."""
        return bind(self).decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, and what it and the scalers inside remember."""
        opinion = self.opinion(factors, memory, Fleet.of(factors))
        return opinion.result(), opinion.memory

    @abstractmethod
    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors* and their *fleet*, given what it and the scalers inside remembered."""


@define
class Opinion:
    """What one scaler says of a fleet; of a wrapper inside another nothing else is made, since results are slow."""

    name: str
    max_workers: int
    reasons: Sequence[Reason]
    memory: JsonValue
    """What it wants to remember."""
    wanted: int
    """How many workers it wants there to be."""
    up: int = 0
    """How many of them are to be started."""
    leaving: Sequence[str] = ()
    """The workers that are to leave, in its order; each of them is there."""
    held: bool = False
    """Whether it has no opinion."""
    actions: Sequence[Action] | None = None
    """What it does, where that isn't exactly *up* and *leaving*."""
    capped: Capped | None = None
    """Which bound is in the way of more workers."""

    @property
    def demand(self) -> int:
        """How many workers it would have started to have without its bounds; 0 where it starts none."""
        return max(self.wanted if self.up else 0, 0 if self.capped is None else self.capped.wanted)

    def result(self) -> DecideResult:
        """The same as a policy's answer."""
        actions = self.actions
        if actions is None:
            ups = [ScaleUpAction(count=self.up)] if self.up else []
            actions = [*ups, *(ScaleDownAction(worker_id=one) for one in self.leaving)]
        return DecideResult.of(
            list(actions), self.reasons, max_workers=self.max_workers, held=self.held, capped=self.capped
        )

    def __str__(self) -> str:
        return f"{self.name} holds" if self.held else f"{self.name} wants {self.wanted}"


@define
class Move:
    """The workers that are started or removed on the way to a number of them."""

    present: int
    up: int = 0
    down: Sequence[str] = ()

    @classmethod
    def towards(cls, wanted: int, fleet: Fleet, *, leaving: Sequence[str], max_workers: int) -> Move:
        """Towards *wanted* workers, within *max_workers*; only those *leaving* may go, the first ones first."""
        present = fleet.present
        if wanted < present:
            return cls(present, 0, leaving[: present - wanted])
        return cls(present, max(0, min(wanted - present, max_workers - fleet.total)))

    @classmethod
    def within(cls, opinion: Opinion, fleet: Fleet, *, most: int, least: int = 0, stay: int = 0) -> Move:
        """Towards what *opinion* wants, but no fewer than *least* and no more than *most* workers.

        Of those above *most* the ones without work go at once, the newest first, but for so many that are to *stay*;
        none while anything waits, or may wait, nor where the opinion is a hold.

        Args:
            most: the most workers, those that drain among them.
        """
        wanted, leaving = fleet.present if opinion.held else opinion.wanted, opinion.leaving
        if not opinion.held and wanted > most and fleet.factors.waiting() == 0:
            idle = [worker.worker_id for worker in fleet.idle()]
            leaving = list(dict.fromkeys([*leaving, *idle]))
            wanted = min(wanted, max(most, min(stay, fleet.present)))
        return cls.towards(max(wanted, least), fleet, leaving=leaving, max_workers=most)

    def part_of(self, opinion: Opinion) -> str:
        """How much it does of what *opinion* wanted, in words: ``starts 1 of 3 workers``, say."""
        verb, does, wanted = "removes", len(self.down), len(opinion.leaving)
        if opinion.up:
            verb, does, wanted = "starts", self.up, opinion.up
        part = "" if does == wanted else f"{does or 'none'} of "
        return f"{verb} {part}{counted(wanted, 'worker')}"

    def beside(self, opinion: Opinion) -> str:
        """What it does otherwise than *opinion* wanted, in words; empty where it is the same."""
        does = []
        if self.up != opinion.up:
            does = [f"starts {counted(self.up, 'worker')}" if self.up > opinion.up else self.part_of(opinion)]
        stays = len(opinion.leaving) - len(self.down)
        if stays:
            keeps = f"keeps {stays} of {counted(len(opinion.leaving), 'worker')}"
            does.append(keeps if stays > 0 else f"removes {counted(len(self.down), 'worker')} without work")
        return " and ".join(does)

    def opinion(
        self,
        name: str,
        reasons: Sequence[Reason],
        *,
        max_workers: int,
        memory: JsonValue,
        capped: Capped | None = None,
    ) -> Opinion:
        """The opinion that this is to be done."""
        wanted = self.present + self.up - len(self.down)
        return Opinion(name, max_workers, reasons, memory, wanted, self.up, self.down, capped=capped)


@define
class Asked:
    """What the one scaler inside a wrapper says of the fleet, and what was remembered."""

    who: str
    """The wrapper's name."""
    own: Any
    """What the wrapper itself remembered."""
    opinion: Opinion
    afresh: Sequence[Reason]
    """Why the wrapper starts afresh, where it does."""

    @classmethod
    def of(
        cls,
        wrapper: Wrapper,
        scaler: AutoScaler,
        factors: Factors,
        memory: JsonValue,
        fleet: Fleet | None,
        *,
        read: Callable[[Any], Any] = nothing,
        fresh: Callable[[], Any] = bool,
    ) -> Asked:
        """What *scaler* says; *read* and *fresh* make the wrapper's own memory, as ``recall`` has it."""
        who = wrapper.autoscaler_name()
        recalled = recall(memory, who=who, children=1, read=read, fresh=fresh)
        return cls(who, recalled.own, ask(scaler, factors, recalled.children[0], fleet), recalled.reasons)

    def left_alone(self, why: str, own: JsonValue = None, *, max_workers: int | None = None) -> Opinion:
        """The opinion of the scaler inside, and why it isn't changed but for *max_workers*; *own* is remembered."""
        said, most = self.opinion, self.opinion.max_workers if max_workers is None else max_workers
        memory, capped = together(own, [said.memory]), self.capped(most)
        return evolve(said, name=self.who, max_workers=most, reasons=self._reasons(why), memory=memory, capped=capped)

    def moved(
        self, move: Move, why: str, own: JsonValue = None, *, max_workers: int | None = None, demand: int = 0
    ) -> Opinion:
        """The opinion that *move* is to be done instead, and why; *own* is remembered.

        Args:
            max_workers: the maximum, where the wrapper has one of its own.
            demand: how many workers the wrapper itself would have without any maximum.
        """
        most = self.opinion.max_workers if max_workers is None else max_workers
        return move.opinion(
            self.who,
            self._reasons(why),
            max_workers=most,
            memory=together(own, [self.opinion.memory]),
            capped=self.capped(most, demand=demand),
        )

    def capped(self, most: int, *, demand: int = 0) -> Capped | None:
        """Which bound is in the way when there may be *most* workers: one inside, or the wrapper's own."""
        said = self.opinion
        by = self.who if most < said.max_workers else Capped.MAXIMUM
        return Capped.narrowed(said.capped, wanted=max(demand, said.demand), allowed=most, by=by)

    def _reasons(self, why: str) -> Sequence[Reason]:
        return (*self.opinion.reasons, *self.afresh, Reason(who=self.who, why=why))


def ask(scaler: AutoScaler, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
    """What *scaler* says of *factors* and their *fleet*, given what it remembered; its own reasons are under its name.

    Raises:
        TypeError: it gives something else than an answer.
    """
    if isinstance(scaler, Wrapper) and type(scaler).decide_with_memory is Wrapper.decide_with_memory:
        return scaler.opinion(factors, memory, fleet)
    name = name_of(scaler)
    with_memory = getattr(scaler, "decide_with_memory", None)
    given: object = (scaler.decide(factors), memory) if with_memory is None else with_memory(factors, memory)
    if not isinstance(given, tuple) or len(given) != 2:
        raise TypeError(f"{name} gave a {type(given).__name__}, not a DecideResult and what to remember")
    if not isinstance(given[0], DecideResult):
        raise TypeError(f"{name} gave a {type(given[0]).__name__}, not a DecideResult")
    result, remembered = given[0].spoken_by(name), given[1]
    said, capped = (name, result.max_workers, result.reasons, remembered), result.capped
    leaving: Sequence[str] = ()
    present, up = 0 if fleet is None else fleet.present, 0
    if fleet is not None and result.actions:
        up = result.up
        if not up:  # a policy that says both means the up, as the guard has it
            there = {worker.worker_id for worker in fleet.staying}
            leaving = tuple(dict.fromkeys(one for one in result.down if one in there))
    return Opinion(*said, present + up - len(leaving), up, leaving, result.held, result.actions, capped)


def contained(scaler: AutoScaler, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
    """The same, but a scaler that fails holds, and goes on with its memory; it can't reach the others' snapshot."""
    try:
        opinion = ask(scaler, _copied(factors), memory, fleet)
        # What it remembers must not keep the others from being remembered.
        return evolve(opinion, memory=json.loads(json.dumps(opinion.memory, allow_nan=False)))
    except Exception as error:  # noqa: BLE001 - whatever a stranger's policy raises
        name = name_of(scaler)
        failed = DecideResult.hold(factors, f"failed: {describe_error(error)}", who=name)
        return Opinion(name, failed.max_workers, failed.reasons, memory, 0, held=True)


def held(opinions: Sequence[Opinion], afresh: Sequence[Reason], *, why: str, who: str, memory: JsonValue) -> Opinion:
    """The hold of those who all hold, or can't know how many workers there are; with the smallest maximum of theirs."""
    most = min(opinion.max_workers for opinion in opinions)
    reasons = [reason for opinion in opinions for reason in opinion.reasons]
    # A hold keeps what was said before only where it is one of theirs.
    first = [] if opinions[0].held else [Reason(who=who, why="the workers are not known")]
    return Opinion(who, most, [*first, *reasons, Reason(who=who, why=why), *afresh], memory, 0, held=True)


def bound_of(scaler: object) -> int | None:
    """The ``max_workers`` that *scaler*, or one inside it, was given, the smallest of them; ``None`` where none was."""
    return min(_given(scaler, "max_workers"), default=None)


def minimum_of(scaler: object) -> int:
    """The ``min_workers`` that *scaler*, or one inside it, was given, the largest of them; 0 where none was."""
    return max(_given(scaler, "min_workers"), default=0)


def _given(scaler: object, name: str) -> Iterator[int]:
    """What *scaler*, and each one inside it, was given as the argument *name*, where it is a whole number."""
    own = getattr(scaler, name, None)
    if isinstance(own, int):
        yield own
    kind: Any = type(scaler)
    for one in schema_of(kind).arguments.values() if attrs.has(kind) else ():
        inside = one.of(scaler) if one.nesting is not None else ()
        for within in inside if isinstance(inside, list | tuple) else [inside]:
            yield from _given(within, name)


def _copied(factors: Factors) -> Factors:
    """*factors* in containers of their own; the workers in them are frozen."""
    own = {name: _copy(value) for name, value in vars(factors).items() if isinstance(value, list | dict)}
    copied = factors.model_copy()
    # Beside the model's own way, which would make a stamped moment one that the sender said.
    vars(copied).update(own)
    return copied


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: dict(inner) if isinstance(inner, dict) else inner for key, inner in value.items()}
    return list(value)
