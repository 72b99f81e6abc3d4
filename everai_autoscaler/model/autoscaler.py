"""The contract of a policy: it looks at a snapshot and decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import ClassVar

from pydantic import JsonValue

from everai_autoscaler.model.action import DecideResult
from everai_autoscaler.model.decision import Decision
from everai_autoscaler.model.factors import Factors

__all__ = ["AutoScaler", "name_of", "names"]

names: ContextVar[Mapping[int, str]] = ContextVar("names", default=MappingProxyType({}))
"""The names by which plugins offer the scalers inside the one that decides now, by the identity of each."""


def name_of(scaler: object) -> str:
    """The name under which *scaler* speaks: that by which a plugin offers it, else its own, else its class's.

    The pipeline knows the first of a scaler inside the one that decides.

    >>> class Patient(AutoScaler):
    ...     def decide(self, factors): ...
    >>> name_of(Patient())
    'Patient'
    """
    if name := names.get().get(id(scaler)):
        return name
    own = getattr(scaler, "autoscaler_name", None)
    return str(own()) if callable(own) else type(scaler).__name__


class AutoScaler(ABC):
    """A policy: looks at a snapshot, and says how many workers there should be and which may go.

    Write ``decide``; nothing else is needed. Make it a pure function of the arguments and the snapshot, whose
    ``observed_at`` is the only "now".

    >>> class Never(AutoScaler):
    ...     def decide(self, factors):
    ...         return DecideResult(max_workers=1, actions=[]).because("never scales")
    >>> Never().decide(Factors()).actions
    []
    """

    steady: ClassVar[bool] = False
    """Whether, under constant load, it never starts again what it has removed; the testing kit checks it."""
    monotone: ClassVar[bool] = False
    """Whether it never asks for fewer workers when more requests wait; the testing kit checks it, too."""

    @abstractmethod
    def decide(self, factors: Factors) -> DecideResult:
        """What to do about *factors*, and why."""

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do, given what was remembered, and what to remember for the next decision.

        Override it where a policy needs the past (a cooldown, say): *memory* is a small JSON value, ``None`` at
        first. The caller keeps it; the policy itself stays without state.
        """
        return self.decide(factors), memory

    def decision(self, factors: Factors) -> Decision:
        """The decision about *factors* as a value; a pipeline round the policy says more than its result."""
        return Decision(factors=factors, result=self.decide(factors))

    @classmethod
    def scheduler_name(cls) -> str:
        """The scheduler that the policy is for; only ``queue`` exists."""
        return "queue"
