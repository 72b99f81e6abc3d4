"""They never surprise whoever runs them: the rules that every policy keeps, one by one."""

from __future__ import annotations

from everai_autoscaler_hpa import HpaAutoScaler, KedaAutoScaler

from everai_autoscaler.testing import parametrize_with_checks

SCALERS = {
    "hpa": HpaAutoScaler(),
    "hpa, hasty": HpaAutoScaler(target=1, tolerance=0, down_window=0, min_workers=0, max_workers=4, start_timeout=40),
    "hpa, least": HpaAutoScaler(up_select="min", down_policies="1/60s, 10%/60s", down_select="min", up_window=60),
    "hpa, use": HpaAutoScaler(target_type="utilization", target=0.7, concurrency=4),
    "hpa, each": HpaAutoScaler(target_type="worker", target=1),
    "hpa, value": HpaAutoScaler(target_type="value", target=6),
    "keda": KedaAutoScaler(),
    "keda, kept": KedaAutoScaler(target=1, min_workers=2, max_workers=6),
}


@parametrize_with_checks(SCALERS, within=5.0)
def test_they_keep_the_contract(scaler, check):
    """Each rule of the conformance kit."""
    check(scaler)
