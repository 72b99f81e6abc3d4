"""Several scalers on several workloads, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from everai_autoscaler.simulator.run import Run

__all__ = ["Cell"]


@frozen
class Cell:
    """One scaler, with its arguments, on one workload at one cold start.

    >>> Cell("short idle", "simple", {"max_idle_time": 30}, "monday.csv", 30.0, error="cannot be read").done
    False
    """

    label: str
    """What the scaler is called in tables and pictures."""
    scaler: str
    """Its name."""
    arguments: Mapping[str, object]
    """Its arguments, as given."""
    trace: str
    """The name of the workload."""
    cold_start: float
    """Seconds until a started worker is ready."""
    metrics: Any | None = None
    """What it came to: a ``Metrics``; ``None`` when it failed."""
    optimum: Any | None = field(default=None, repr=False)
    """The cheapest that was possible: an ``Optimum``; ``None`` when it wasn't computed."""
    run: Run | None = field(default=None, repr=False)
    """The run itself, where it was asked for."""
    error: str = ""
    """Why there are no metrics, in one line; empty when there are."""

    @property
    def done(self) -> bool:
        """Whether it was simulated to its end."""
        return self.metrics is not None

    @property
    def regret(self) -> float | None:
        """Its worker-seconds over those of the best schedule known; ``None`` when either is not known, or nothing."""
        if self.metrics is None or self.optimum is None or not self.optimum.schedule:
            return None
        return float(self.metrics.worker_seconds / self.optimum.schedule)
