"""What one tick leaves in a store."""

from __future__ import annotations

from typing import Any

from everai_autoscaler.runtime.store import TickRow


def tick(at: float = 100.0, **other: Any) -> TickRow:
    """The row of a tick, of which *other* says what is unusual."""
    sample = {"at": at, "free": 1, "waiting": {}}
    row: dict[str, Any] = {
        "took": 0.25,
        "lag": 0.5,
        "record": '{"scaler": "simple"}',
        "memory": None,
        "applied": None,
        "operator": None,
        "failure": "",
        "workers": [],
        "queue": [],
        "sample": sample,
    }
    return TickRow(at=at, **{**row, **other})
