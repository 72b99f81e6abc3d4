"""The wrappers, offered as any plugin offers its scalers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everai_autoscaler import wrapper
from everai_autoscaler.model import AutoScaler
from everai_autoscaler.plugin import hookimpl


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """All of them."""
    found = (
        wrapper.Cooldown,
        wrapper.Stabilize,
        wrapper.RateLimit,
        wrapper.Max,
        wrapper.Min,
        wrapper.Floor,
        wrapper.Ceiling,
        wrapper.Budget,
        wrapper.Schedule,
        wrapper.FirstValid,
        wrapper.Shadow,
    )
    return {one.autoscaler_name(): one for one in found}
