"""What goes in and what comes out: the contract, on which everything else is built."""

from __future__ import annotations

from everai_autoscaler._version import __version__
from everai_autoscaler.model.action import (
    Action,
    DecideResult,
    Reason,
    ScaleDownAction,
    ScaleUpAction,
    actions_to_json,
)
from everai_autoscaler.model.autoscaler import AutoScaler, name_of
from everai_autoscaler.model.binding import bind, build
from everai_autoscaler.model.builtin_autoscaler import BuiltinAutoScaler
from everai_autoscaler.model.capped import Capped
from everai_autoscaler.model.decision import Decision
from everai_autoscaler.model.decorator import ArgumentsDecorator, Decorator, Decorators, FactorsDecorator
from everai_autoscaler.model.dispatch import Dispatch
from everai_autoscaler.model.factors import Factors, QueueReason, QueueSummary, Worker, WorkerStatus, WorkerSummary
from everai_autoscaler.model.fleet import Fleet, why_stays
from everai_autoscaler.model.late import ArgumentType, Placeholder, Sourced
from everai_autoscaler.model.record import (
    Outcome,
    Record,
    RecordedArgument,
    RecordedDecorator,
    RecordedDecorators,
)
from everai_autoscaler.model.schema import Argument, Schema, argument, schema_of
from everai_autoscaler.model.signal import Signal
from everai_autoscaler.model.zone import zone_of

__all__ = [
    "Action",
    "Argument",
    "ArgumentType",
    "ArgumentsDecorator",
    "AutoScaler",
    "BuiltinAutoScaler",
    "Capped",
    "DecideResult",
    "Decision",
    "Decorator",
    "Decorators",
    "Dispatch",
    "Factors",
    "FactorsDecorator",
    "Fleet",
    "Outcome",
    "Placeholder",
    "QueueReason",
    "QueueSummary",
    "Reason",
    "Record",
    "RecordedArgument",
    "RecordedDecorator",
    "RecordedDecorators",
    "ScaleDownAction",
    "ScaleUpAction",
    "Schema",
    "Signal",
    "Sourced",
    "Worker",
    "WorkerStatus",
    "WorkerSummary",
    "__version__",
    "actions_to_json",
    "argument",
    "bind",
    "build",
    "name_of",
    "schema_of",
    "why_stays",
    "zone_of",
]
