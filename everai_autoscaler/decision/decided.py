"""A decision of the pipeline: it knows what it was made of, and so has a record."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import field, frozen

from everai_autoscaler.decision.bind import Bound
from everai_autoscaler.errors import describe_error
from everai_autoscaler.log import emit
from everai_autoscaler.model import DecideResult, Decision, Outcome, Record, RecordedArgument

__all__ = ["Decided"]


@frozen(kw_only=True)
class Decided(Decision):
    """What a Decider decided."""

    app: str
    scaler: str
    """The name by which the scaler was asked for."""
    observed_at: float
    """The moment that was decided about, also where there was no snapshot."""
    guarded: DecideResult = field(repr=False)
    """What stood after the guard; ``result`` may be an operator's instead."""
    bound: Bound = field(repr=False)
    versions: Mapping[str, str] = field(repr=False)

    @property
    def arguments(self) -> Mapping[str, RecordedArgument]:
        """The values that the policy was built with and where each came from, without secrets."""
        return self.bound.recorded()

    def record(self) -> Record | None:
        """The record of the pipeline's decision, whatever an operator made of it; ``None`` where it has no JSON form.

        That is logged, and nothing more: the scaling goes on without the record.
        """
        secrets = self.bound.secrets
        try:
            return Record(
                app=self.app,
                scaler=self.scaler,
                observed_at=self.observed_at,
                snapshot=self.factors,
                decorators=self.bound.recorded_decorators(),
                decorated=self.decorated,
                arguments=dict(self.arguments),
                memory=secrets.scrub_memory(self.memory_before),
                proposed=None if self.proposed is None else Outcome.of(self.proposed),
                result=Outcome.of(self.guarded),
                error=self.error,
                versions=dict(self.versions),
                took=self.took,
            )
        except Exception as failure:  # noqa: BLE001 - whatever a stranger's value does
            emit(logging.ERROR, "record_failed", app=self.app, error=secrets.scrub(describe_error(failure)))
            return None
