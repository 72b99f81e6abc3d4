"""One decision as a value: what was seen, what was proposed, and what stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen
from pydantic import JsonValue

from everai_autoscaler.model.action import DecideResult
from everai_autoscaler.model.factors import Factors
from everai_autoscaler.model.record import Record, RecordedArgument

__all__ = ["Decision"]


@frozen(kw_only=True)
class Decision:
    """What a scaler decided about one snapshot, and how it came to that.

    A scaler by itself knows only the snapshot and the result; the pipeline round it fills in the rest.

    >>> decision = Decision(factors=Factors(), result=DecideResult(max_workers=1, actions=[]))
    >>> decision.result.up, decision.record()
    (0, None)
    """

    factors: Factors | None
    """The snapshot; ``None`` where there was none."""
    result: DecideResult
    """What stands: after the guard, and after an operator's override where there is one."""
    proposed: DecideResult | None = None
    """What the policy said, before the guard; ``None`` when it wasn't asked, or failed."""
    decorated: Factors | None = field(default=None, repr=False)
    """What the policy saw; ``None`` when it wasn't asked."""
    steps: Sequence[tuple[str, Factors]] = field(default=(), repr=False)
    """Each decorator of the snapshot that ran, by name, with the snapshot that it gave."""
    memory_before: JsonValue = field(default=None, repr=False)
    """What the policy remembered when it was asked."""
    memory_after: JsonValue = field(default=None, repr=False)
    """What it remembers for the next decision."""
    error: str | None = None
    """What went wrong inside the policy or a decorator, when something did."""
    took: float = 0.0
    """Seconds that the decision took; 0 where nobody measured it."""

    @property
    def arguments(self) -> Mapping[str, RecordedArgument]:
        """The values that the policy was built with and where each came from, as a record holds them."""
        return {}

    def record(self) -> Record | None:
        """The decision as one JSON line holds it; ``None`` where no pipeline made it, or it has no JSON form."""
        return None
