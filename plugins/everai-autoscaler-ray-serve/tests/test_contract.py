"""It never surprises whoever runs it: the rules that every policy keeps, one by one."""

from __future__ import annotations

from everai_autoscaler_ray_serve import RayServeAutoScaler

from everai_autoscaler.testing import parametrize_with_checks

SCALERS = {
    "defaults": RayServeAutoScaler(),
    "to zero": RayServeAutoScaler(min_workers=0, max_workers=4, downscale_to_zero_delay=20, upscale_delay=0),
    "hasty": RayServeAutoScaler(upscale_delay=0, downscale_delay=0, upscaling_factor=0.5, aggregation="max"),
}


@parametrize_with_checks(SCALERS, within=5.0)
def test_it_keeps_the_contract(scaler, check):
    """Each rule of the conformance kit."""
    check(scaler)
