"""What must not be shown: the secrets that one decision has read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import define, field

from everai_autoscaler.model import DecideResult, Reason
from everai_autoscaler.model.record import REDACTED

__all__ = ["Secrets"]


@define
class Secrets:
    """The secret values of a decision.

    >>> secrets = Secrets()
    >>> secrets.add("41")
    >>> secrets.scrub("41 workers, below the minimum of 410")
    '*** workers, below the minimum of 410'
    """

    values: set[str] = field(factory=set)

    def add(self, value: object) -> None:
        """Don't show *value*."""
        if str(value):
            self.values.add(str(value))

    def hold(self, value: object) -> bool:
        """Whether *value* is one of them."""
        return bool(self.values) and str(value) in self.values

    def scrub(self, text: str) -> str:
        """*text* without them."""
        if not self.values:
            return text
        longest_first: Iterable[str] = sorted(self.values, key=len, reverse=True)
        return re.sub("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest_first), REDACTED, text)

    def scrub_result(self, result: DecideResult) -> DecideResult:
        """*result* with reasons that don't show them."""
        if not self.values:
            return result
        scrubbed = result.model_copy()
        scrubbed._reasons = tuple(Reason(who=reason.who, why=self.scrub(reason.why)) for reason in result.reasons)
        return scrubbed
