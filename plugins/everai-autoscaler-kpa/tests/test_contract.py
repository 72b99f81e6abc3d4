"""It never surprises whoever runs it: the rules that every policy keeps, one by one."""

from __future__ import annotations

from everai_autoscaler_kpa import KpaAutoScaler

from everai_autoscaler.testing import parametrize_with_checks

SCALERS = {
    "defaults": KpaAutoScaler(),
    "kept": KpaAutoScaler(target_utilization=1, min_workers=2, max_workers=4),
    "hasty": KpaAutoScaler(stable_window=6, max_scale_down_rate=10, scale_to_zero_grace_period=0, start_timeout=40),
}


@parametrize_with_checks(SCALERS, within=5.0)
def test_it_keeps_the_contract(scaler, check):
    """Each rule of the conformance kit, steadiness and monotony included."""
    check(scaler)
