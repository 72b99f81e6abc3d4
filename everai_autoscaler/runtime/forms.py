"""The forms of the admin API, beside those that an engine speaks. All times are epoch seconds, durations seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, JsonValue, computed_field

from everai_autoscaler.engine import QueuedForm, SampleForm, WorkerForm
from everai_autoscaler.model.record import RecordedArgument
from everai_autoscaler.model.wire import GrowingModel, WireModel
from everai_autoscaler.runtime.override import Override

__all__ = ["AppliedForm", "CappedForm", "DecisionForm", "FleetForm", "StateForm", "StatusForm", "TickForm"]

Line = Annotated[str, BeforeValidator(lambda text: text.encode("utf-8", "backslashreplace").decode())]
"""A line of text, in which bytes that were no text are written as escapes."""


class FleetForm(WireModel):
    """How many workers there are in each status."""

    inflight: int = 0
    free: int = 0
    busy: int = 0
    draining: int = 0

    @classmethod
    def of(cls, workers: Iterable[WorkerForm]) -> FleetForm:
        """How many of *workers* there are in each."""
        return cls(**Counter("draining" if one.draining_at is not None else _word(one) for one in workers))


class TickForm(WireModel):
    """The last tick; all of it is null before the first."""

    at: float | None = None
    took: float | None = None
    lag: float | None = None
    """By how much it began late."""
    failure: Line = ""
    """What failed; empty when nothing did."""
    next_at: float | None = None
    """When the next one is due; null while one is under way, and where nothing runs."""


class CappedForm(WireModel):
    """Workers are wanted that a bound doesn't allow.

    >>> print(CappedForm(wanted=9, allowed=5, by="budget"))
    wanted 9, may have 5: budget
    """

    wanted: int
    """How many workers the policy would have without its bounds."""
    allowed: int
    """How many there may be."""
    by: Line
    """What is in the way, ``maximum`` or a wrapper's name."""
    since: float | None = None
    """Since when this is so; null of an app that doesn't run."""

    def __str__(self) -> str:
        return f"wanted {self.wanted}, may have {self.allowed}: {self.by}"


class AppliedForm(WireModel):
    """What was really done about a decision."""

    up: int
    """Workers that were started."""
    down: list[str]
    """Workers that were told to go."""
    why: list[Line]
    """Why it is less than what was asked for; empty when it isn't."""


class StatusForm(GrowingModel):
    """How an app is, or how it was when its last runtime ended."""

    app: str
    scaler: str
    running: bool
    pid: int | None = None
    started_at: float | None
    seen_at: float | None = None
    """When an app that doesn't run any more was seen last."""
    interval: float = 0.0
    """Time between two decisions."""
    dry_run: bool = False
    stopping: bool = False
    app_url: str = ""
    admin_url: str = ""
    state_dir: str
    operator: Override | None
    tick: TickForm
    max_workers: int | None
    capped: CappedForm | None = None
    """Which bound is in the way of workers that the policy wants, by the last decision."""
    arguments: dict[str, RecordedArgument]
    """The last decision's arguments, with where each came from."""
    workers: FleetForm
    queue: dict[str, int]
    """Requests that wait, by reason, in the platform's words."""
    back_off_until: float | None
    """Until when no worker is started, since workers have died while starting."""
    notes: list[Line]
    """The latest lines for an operator, the newest first."""

    # Only of an app that runs, or that doesn't.
    newer_fields: ClassVar[frozenset[str]] = frozenset(
        {"pid", "seen_at", "interval", "dry_run", "stopping", "app_url", "admin_url"}
    )


class StateForm(WireModel):
    """All that changes by itself, as listeners are told it."""

    status: StatusForm
    workers: list[WorkerForm]
    queue: list[QueuedForm]
    sample: SampleForm


class DecisionForm(GrowingModel):
    """One decision: what the policy said, what an operator said, and what was done."""

    id: int
    at: float
    took: float
    scaler: str
    up: int
    """Workers that the policy starts."""
    down: list[str]
    """Workers that it removes."""
    held: bool
    """It has no opinion, since something isn't known."""
    max_workers: int | None
    why: list[Line]
    """The reasons, each with its author: ``simple: 3 waiting, ...``."""
    operator: Override | None
    """What an operator had said, in place of the policy's answer."""
    applied: AppliedForm | None
    """What was really done; null where nothing was to be applied, as in a dry run."""
    failure: Line
    """What failed, in which case nothing was decided; empty when nothing did."""
    lag: float = Field(default=0.0, exclude=True)
    """By how much its tick began late."""
    record: JsonValue = None
    """All that went into it, for ``replay``; null where nothing was decided. Lists leave it out."""

    newer_fields: ClassVar[frozenset[str]] = frozenset({"record"})

    @computed_field  # type: ignore[prop-decorator]
    @property
    def by(self) -> str:
        """Which had the last word: a ``failure``, the ``operator``, the ``guard`` or the ``policy``."""
        if self.failure:
            return "failure"
        if self.operator is not None:
            return "operator"
        return "guard" if any(why.startswith("guard: ") for why in self.why) else "policy"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def shortfall(self) -> list[str]:
        """Why less was done than was decided, a sentence each; that of a failure is the failure."""
        if self.by == "failure":
            return []
        if self.applied is not None:
            return self.applied.why
        return ["not applied: a dry run"] if (self.up or self.down) and self.operator is None else []


def _word(worker: WorkerForm) -> str:
    """Its status in the words of a sample."""
    return worker.detail_status.replace("_", "").lower()
