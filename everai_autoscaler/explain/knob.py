"""One number that went into a decision, and how the nearest other value with another decision is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from attrs import field, frozen

from everai_autoscaler.decision.replay import Replay
from everai_autoscaler.explain.flip import Flip, Part
from everai_autoscaler.model import Outcome
from everai_autoscaler.model.form import Way

__all__ = ["Knob", "Turn", "by_nearness", "far"]

_FARTHEST = 1024
"""How many times its value, or 1, a number is looked at."""
_FINEST = 1e-3
"""How closely a number that isn't whole is found, as a share of itself."""
_DIGITS = 6

Turn: TypeAlias = Callable[[float], Replay]
"""Makes a decision again, with one number set to a value."""


@frozen
class Knob:
    """One number that went into a decision."""

    part: Part
    name: str
    value: float
    lowest: float
    highest: float
    whole: bool
    turn: Turn
    base: float = 0.0
    """What the value is counted from, where it is a difference."""
    way: Way = ()
    """Where an argument stands among the recorded ones."""
    asks: int = 0
    """On which side, if on one, an argument asks for more to be done instead of permitting it."""
    _tried: dict[float, Replay | None] = field(factory=dict, init=False)
    """The decisions that were made with it, by its value."""

    @property
    def step(self) -> float:
        """The least that it is turned by."""
        return 1 if self.whole else max(abs(self.value), 1.0) * _FINEST

    def at(self, value: float) -> Replay | None:
        """The decision with this *value*; ``None`` where that is refused."""
        if value not in self._tried:
            try:
                self._tried[value] = self.turn(value)
            except Exception:  # noqa: BLE001 - whatever a constructor raises that refuses it together with the others
                self._tried[value] = None
        return self._tried[value]

    def flip(self, value: float, replayed: Replay) -> Flip:
        """The change to *value*, with the decision that it makes."""
        nearness = abs(value - self.value) / max(abs(self.base + self.value), abs(self.base + value), 1.0)
        return Flip(self.part, self.name, self.value, value, replayed, nearness)

    def nearest(self, wanted: Callable[[Outcome], bool], sides: Sequence[int] = (1, -1)) -> Flip | None:
        """The nearest value, on either of the *sides*, with which the decision is as *wanted*."""

        def ends(value: float) -> bool:
            replayed = self.at(value)
            return replayed is None or wanted(replayed.outcome)

        found = []
        for side in sides:
            value = _first(self, side, ends)
            replayed = None if value is None else self.at(value)
            if value is not None and replayed is not None:
                found.append(self.flip(value, replayed))
        return min(found, key=by_nearness, default=None)


def by_nearness(flip: Flip) -> float:
    """What sorts flips, the nearest first."""
    return flip.nearness


def far(value: float) -> float:
    """How far from 0 a number is looked at whose present value is *value*."""
    return _FARTHEST * max(abs(value), 1)


def _first(knob: Knob, sign: int, ends: Callable[[float], bool]) -> float | None:
    """The nearest value on one side at which the search *ends*: outwards by doubling, then back by halves."""
    edge = knob.highest if sign > 0 else knob.lowest
    inner, step = knob.value, knob.step
    while not ends(outer := _towards(edge, knob.value + sign * step, sign)) and outer != inner:
        inner, step = outer, step * 2
    if outer == inner:  # at the edge
        return None
    narrow = 1 if knob.whole else max(abs(outer), 1.0) * _FINEST
    while abs(outer - inner) > narrow:
        middle = (inner + outer) // 2 if knob.whole else (inner + outer) / 2
        inner, outer = (inner, middle) if ends(middle) else (middle, outer)
    return outer if knob.whole else _rounded(outer, knob, ends)


def _towards(edge: float, value: float, sign: int) -> float:
    return edge if (value - edge) * sign > 0 else value


def _rounded(value: float, knob: Knob, ends: Callable[[float], bool]) -> float:
    """The value with the fewest digits that is as good as *value*, which was found by halves."""
    near = max(abs(value), 1.0) * 2 * _FINEST
    for digits in range(_DIGITS):
        short = round(value, digits)
        if abs(short - value) <= near and short != knob.value and ends(short):
            return short
    return value
