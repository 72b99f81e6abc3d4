"""Signals: whatever else a platform measures, each with its age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from everai_autoscaler.model.wire import WireModel

__all__ = ["Signal", "latest"]


class Signal(WireModel):
    """One measured value: the use of a KV cache, the time to the first token, the tokens that wait."""

    value: float
    """What was measured, in the unit that the sender uses throughout."""
    age: Annotated[float, Field(ge=0)]
    """Seconds between the measurement and the snapshot."""


def latest(signals: Mapping[str, Signal] | None, name: str, *, max_age: float) -> float | None:
    """The value of the signal *name*; ``None``, not known, where it is missing or older than *max_age* seconds.

    >>> latest({"kv_cache": Signal(value=0.9, age=20)}, "kv_cache", max_age=30)
    0.9
    >>> latest({"kv_cache": Signal(value=0.9, age=31)}, "kv_cache", max_age=30) is None
    True
    """
    signal = (signals or {}).get(name)
    return None if signal is None or signal.age > max_age else signal.value
