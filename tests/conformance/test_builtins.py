"""Every builtin scaler keeps every rule of the kit."""

from __future__ import annotations

from hypothesis import given, settings

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.builtin import DemandAutoScaler, SloLatencyAutoScaler
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.testing import factors, parametrize_with_checks

SCALERS = {
    "simple": SimpleAutoScaler(max_workers=5, max_queue_size=2, max_idle_time=60),
    "simple-from-zero": SimpleAutoScaler(min_workers=0, max_workers=8, scale_up_step=3, max_idle_time=0),
    "simple-as-text": SimpleAutoScaler(min_workers="2", max_workers=lambda: "4", max_idle_time="0"),
    "free-worker": FreeWorkerAutoScaler(max_workers=5, min_free_workers=1, max_idle_time=60),
    "free-worker-from-zero": FreeWorkerAutoScaler(min_workers=0, max_workers=8, min_free_workers=0, max_idle_time=0),
    "free-worker-spares": FreeWorkerAutoScaler(max_workers=6, min_free_workers=3, scale_up_step=2, start_timeout=60),
    "demand": DemandAutoScaler(max_workers=8),
    "demand-at-once": DemandAutoScaler(min_workers=1, max_workers=5, rule="1*now + 1*root", service_time=8),
    "demand-ahead": DemandAutoScaler(
        max_workers=lambda: "9", rule=lambda: "2*ahead20 + 1*root + 1 | 0.5*mean300[2400s]", start_timeout=60
    ),
    "free-worker-share": FreeWorkerAutoScaler(max_workers=6, min_free_workers=2, min_free_percent=50, max_idle_time=0),
    "slo-latency": SloLatencyAutoScaler("time_to_first_token", max_workers=6, max_age=30),
    "slo-latency-from-zero": SloLatencyAutoScaler(
        "kv_cache", 0.5, min_workers=0, max_workers=6, max_idle_time=0, gain=5, scale_down_step=3, start_timeout=60
    ),
}


@parametrize_with_checks(SCALERS, within=5.0)
def test_keeps_the_contract(scaler, check):
    """Each builtin scaler, with each of these arguments, keeps each rule."""
    check(scaler)


def test_none_is_left_out():
    """Every scaler that ships is among those that are checked."""
    builtin = next(plugin for plugin in default_registry().plugins if plugin.name == "builtin")
    shipped = set(builtin.offers["autoscalers"])

    assert shipped == {scaler.autoscaler_name() for scaler in SCALERS.values()}


@given(factors(allow_duplicates=True))
@settings(max_examples=50, deadline=None, database=None)
def test_duplicates_are_removed_once(snapshot):
    """Where two workers have one id, each id is removed at most once."""
    for scaler in SCALERS.values():
        removed = scaler.decide(snapshot).down

        assert len(set(removed)) == len(removed)
