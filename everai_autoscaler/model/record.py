"""One decision with all that went into it, as one JSON line that can be replayed anywhere."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, JsonValue

from everai_autoscaler.model.action import DecideResult, Reason
from everai_autoscaler.model.capped import Capped
from everai_autoscaler.model.factors import Factors
from everai_autoscaler.model.form import ScalerForm, is_hidden
from everai_autoscaler.model.wire import GrowingModel, WireModel

__all__ = ["Outcome", "Record", "RecordedArgument", "RecordedDecorator", "RecordedDecorators"]

REDACTED = "***"


class RecordedArgument(WireModel):
    """The value that a decision used for one argument, and where it came from."""

    value: JsonValue
    source: str
    """``literal``, ``ConfigMap name/key``, ``callable name``, ``default``, or the decorator that chose it."""
    redacted: bool = False
    """The value is a secret and isn't here: a replay needs it given. Inside a scaler that is the value, what isn't here
    is a mapping with ``redacted`` alone."""
    kept: str | None = None
    """Why the last good value was used instead of the present one; null when the present one was used."""


class RecordedDecorator(WireModel):
    """One decorator as it was used."""

    name: str
    arguments: dict[str, RecordedArgument] = Field(default_factory=dict)


class RecordedDecorators(WireModel):
    """The decorators as they were used, in order."""

    arguments: list[RecordedDecorator] = Field(default_factory=list)
    factors: list[RecordedDecorator] = Field(default_factory=list)


class Outcome(GrowingModel):
    """An answer with what its wire form has no word for: whether it is a hold, why, and what is in the way of more."""

    newer_fields: ClassVar[frozenset[str]] = frozenset({"capped"})

    max_workers: int
    actions: list[JsonValue]
    held: bool
    reasons: list[Reason]
    capped: Capped | None = None
    """Which bound is in the way of workers that are wanted; left out where none is."""

    @classmethod
    def of(cls, result: DecideResult) -> Self:
        """The outcome that *result* is."""
        given = result.model_dump() | ({} if result.capped is None else {"capped": result.capped})
        return cls(**given, held=result.held, reasons=list(result.reasons))

    def differs_from(self, other: Outcome) -> bool:
        """Whether the two would do different things; how they say it doesn't matter."""
        return (self.max_workers, self.actions, self.held) != (other.max_workers, other.actions, other.held)


class Record(WireModel):
    """One decision with all that went into it.

    ``Record.from_json(record.json()) == record``, and ``record.json()`` is one line.
    """

    format: Literal[1] = 1
    app: str
    scaler: str
    """The name by which the scaler was asked for."""
    observed_at: float
    """When the snapshot was taken, also where the moment was stamped rather than sent."""
    snapshot: Factors | None
    """What the target said; null when there was none."""
    decorators: RecordedDecorators
    decorated: Factors | None
    """What the policy saw; null when the decorators made it "not known", or nothing was decided."""
    arguments: dict[str, RecordedArgument]
    """The values that the policy was built with; replay never reads a placeholder."""
    memory: JsonValue
    """What was remembered before the decision."""
    proposed: Outcome | None
    """What the policy said; null when it wasn't asked, or failed."""
    result: Outcome
    """What stood after the guard."""
    error: str | None
    """What went wrong inside the policy, when something did."""
    versions: dict[str, str]
    """Python, this package, and the distribution that the scaler comes from."""
    took: float
    """Seconds that the decision took."""

    def moment(self) -> Factors | None:
        """The snapshot at its recorded moment."""
        if self.snapshot is None:
            return None
        return at_moment(self.snapshot, self.observed_at)

    @property
    def secrets(self) -> list[str]:
        """The arguments whose values aren't here; inside scalers with the way there, ``scalers[0].max_workers`` say."""
        redacted = {name for name, one in self.arguments.items() if one.redacted}
        return [leaf.place for leaf in self.form().leaves() if leaf.way[0] in redacted or is_hidden(leaf.value)]

    def form(self) -> ScalerForm:
        """The scaler that decided, by name, with the values that it was made of."""
        return ScalerForm(self.scaler, {name: one.value for name, one in self.arguments.items()})


def at_moment(factors: Factors, observed_at: float) -> Factors:
    """*factors* as they were at *observed_at*, without making the moment something that the sender said."""
    moved = factors.model_copy()
    moved.__dict__["observed_at"] = observed_at
    return moved
