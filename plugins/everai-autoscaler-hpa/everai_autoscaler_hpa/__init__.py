"""Scale by the rules of Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), and of KEDA round it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everai_autoscaler import hookimpl
from everai_autoscaler.model import AutoScaler
from everai_autoscaler_hpa.hpa import HpaAutoScaler
from everai_autoscaler_hpa.keda import KedaAutoScaler
from everai_autoscaler_hpa.measure import TARGET_TYPES
from everai_autoscaler_hpa.policies import SELECTIONS, Policy, parse_policies

__all__ = ["SELECTIONS", "TARGET_TYPES", "HpaAutoScaler", "KedaAutoScaler", "Policy", "parse_policies"]


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """The scalers ``hpa`` and ``keda``."""
    return {"hpa": HpaAutoScaler, "keda": KedaAutoScaler}
