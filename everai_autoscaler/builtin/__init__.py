"""The policies that ship: an ordinary plugin."""

from __future__ import annotations

from everai_autoscaler.builtin import is_builtin
from everai_autoscaler.builtin.demand import DemandAutoScaler
from everai_autoscaler.builtin.factory import BuiltinFactory
from everai_autoscaler.builtin.free_worker import FreeWorkerAutoScaler
from everai_autoscaler.builtin.simple import SimpleAutoScaler
from everai_autoscaler.builtin.slo_latency import SloLatencyAutoScaler
from everai_autoscaler.model import __version__

__all__ = [
    "BuiltinFactory",
    "DemandAutoScaler",
    "FreeWorkerAutoScaler",
    "SimpleAutoScaler",
    "SloLatencyAutoScaler",
    "__version__",
    "is_builtin",
]
