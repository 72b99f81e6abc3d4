"""What must not be shown: the secrets that one decision has read."""

from __future__ import annotations

import json
import re
from typing import Any

from attrs import define, field
from pydantic import JsonValue

from everai_autoscaler.model import DecideResult, Reason
from everai_autoscaler.model.late import is_secret, read
from everai_autoscaler.model.record import REDACTED

__all__ = ["Secrets"]

_SHORT = 6


@define
class Secrets:
    """The secret values of a decision.

    A short one is taken out where it stands alone, a longer one wherever it stands.

    >>> secrets = Secrets()
    >>> secrets.add("41")
    >>> secrets.scrub("41 workers, below the minimum of 410")
    '*** workers, below the minimum of 410'
    """

    values: set[str] = field(factory=set)

    def read(self, value: Any, *, name: str) -> Any:
        """*value*, or what it says now when it is late; what a secret says isn't shown from here on.

        Raises:
            ArgumentError: it can't be read, or says nothing.
        """
        given = read(value, name=name)
        if is_secret(value):
            self.add(given)
        return given

    def add(self, value: object) -> None:
        """Don't show *value*, nor the forms in which it is likely to be written."""
        text = str(value)
        forms = {text, text.strip(), " ".join(text.split()), repr(text)[1:-1], json.dumps(text)[1:-1]}
        self.values |= forms - {""}

    def hold(self, value: object) -> bool:
        """Whether *value* is one of them."""
        return bool(self.values) and str(value) in self.values

    def scrub(self, text: str) -> str:
        """*text* without them."""
        if not self.values:
            return text
        longest_first = sorted(self.values, key=len, reverse=True)
        return re.sub("|".join(map(_pattern, longest_first)), REDACTED, text)

    def scrub_result(self, result: DecideResult) -> DecideResult:
        """*result* with reasons that don't show them."""
        if not self.values:
            return result
        return result.saying(Reason(who=reason.who, why=self.scrub(reason.why)) for reason in result.reasons)

    def scrub_memory(self, memory: JsonValue) -> JsonValue:
        """*memory* with texts that don't show them."""
        if not self.values:
            return memory
        if isinstance(memory, dict):
            return {self.scrub(name): self.scrub_memory(value) for name, value in memory.items()}
        if isinstance(memory, list):
            return [self.scrub_memory(value) for value in memory]
        return self.scrub(memory) if isinstance(memory, str) else memory


def _pattern(value: str) -> str:
    escaped = re.escape(value)
    return escaped if len(value) >= _SHORT else rf"(?<![^\W_]){escaped}(?![^\W_])"
