"""What a search for another decision finds: the changes under which a recorded decision would have been another."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from everai_autoscaler.decision.replay import Replay
from everai_autoscaler.model import Outcome

__all__ = ["Direction", "Flip", "Part", "Search", "direction"]


def direction(outcome: Outcome) -> Direction:
    """What *outcome* comes to.

    >>> direction(Outcome(max_workers=5, actions=[{"count": 2, "action": "ScaleUp"}], held=False, reasons=[]))
    <Direction.UP: 'up'>
    """
    if outcome.held:
        return Direction.HOLD
    kinds = {action["action"] for action in outcome.actions if isinstance(action, dict)}
    if "ScaleUp" in kinds:
        return Direction.UP
    return Direction.DOWN if kinds else Direction.NOTHING


class Direction(Enum):
    """What a decision comes to; another one is a flip."""

    UP = "up"
    DOWN = "down"
    NOTHING = "nothing"
    HOLD = "hold"


class Part(Enum):
    """What of a decision was changed."""

    ARGUMENT = "argument"
    WAITING = "waiting"
    """Requests that wait for one reason."""
    WORKERS = "workers"
    """Workers of one status."""
    TIME = "time"
    """The moment of the snapshot: its workers are idle, or starting, for longer or less long."""
    SIGNAL = "signal"
    """A signal of the app: how old it is stays."""
    KNOWN = "known"
    """What was not known, known to be nothing."""


@frozen
class Flip:
    """One change, and the decision with it."""

    part: Part
    name: str
    """The argument (of a scaler inside with the way to it), the reason, the status, or the field of the snapshot."""
    was: float
    now: float
    """Of an argument and of counts the value; of the time the seconds by which the snapshot is later."""
    replay: Replay
    """The decision, made again with the change."""
    nearness: float
    """How large the change is: as a share of the larger of both values, of 1 where that is smaller; 0 is none."""

    @property
    def outcome(self) -> Outcome:
        """What is decided with the change."""
        return self.replay.outcome


@frozen
class Search:
    """What a search found; the nearest first."""

    unchanged: Replay
    """The decision, made again without any change."""
    flips: tuple[Flip, ...]
    """For each part of the decision the nearest change that flips it, to another direction."""
    limits: tuple[Flip, ...]
    """For each argument the nearest change with which anything else is done, also in the same direction."""
    binding: tuple[Flip, ...]
    """For each argument that held the decision back the nearest change with which more is done.

    More is to start more, to remove more, to act where there was nothing to do, to decide where it held. Raising a
    minimum or lowering a maximum is a new demand, not more room: such an argument (``argument(asks=...)``) is only
    named if it caused the decision.
    """
    together: tuple[Flip, ...]
    """Where none binds alone, the two arguments that do together, changed at once and by the least."""
