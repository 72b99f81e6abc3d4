"""It never surprises whoever runs it: the rules that every policy keeps, one by one."""

from __future__ import annotations

from everai_autoscaler_target_tracking import TargetTrackingAutoScaler

from everai_autoscaler.testing import parametrize_with_checks

SCALERS = {
    "defaults": TargetTrackingAutoScaler(),
    "to zero": TargetTrackingAutoScaler(target=0.5, min_workers=0, max_workers=4),
    "hasty": TargetTrackingAutoScaler(target=1, tolerance=0, max_idle_time=0, start_timeout=40, concurrency=4),
}


@parametrize_with_checks(SCALERS, within=5.0)
def test_it_keeps_the_contract(scaler, check):
    """Each rule of the conformance kit, steadiness and monotony included."""
    check(scaler)
