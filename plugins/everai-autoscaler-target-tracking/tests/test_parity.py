"""Kubernetes' rule, by the cases and numbers of its controller's own tests.

The facts are those of ``pkg/controller/podautoscaler/replica_calculator_test.go`` in kubernetes/kubernetes; each row
names its case. Left out are cases of what isn't offered here (metrics of other objects, metrics of pods that don't
exist, a replica count that isn't the number of pods).
"""

from __future__ import annotations

import pytest
from everai_autoscaler_target_tracking import TargetTrackingAutoScaler

from everai_autoscaler.model import Fleet
from everai_autoscaler.testing import snapshot, worker

MISSING, UNREADY, DELETED = "missing", "unready", "deleted"


def fleet(*levels: int | str | tuple[int, int]) -> list:
    """Workers at these levels, of 1000 each where a level doesn't say of how many."""
    made = []
    for number, level in enumerate(levels):
        name = f"w{number}"
        if level == UNREADY:
            made.append(worker(name, "Inflight", concurrency=1000))
        elif level == DELETED:
            made.append(worker(name, "Busy", concurrency=1000, current_request=100, draining=True))
        elif level == MISSING:
            made.append(worker(name, "Busy", concurrency=1000, current_request=0))
        else:
            used, capacity = level if isinstance(level, tuple) else (level, 1000)
            made.append(worker(name, "Busy", concurrency=capacity, current_request=used))
    return made


@pytest.mark.parametrize(
    ("case", "levels", "target", "wanted"),
    [
        ("ScaleUp", [300, 500, 700], 0.30, 5),
        ("ScaleUpUnreadyLessScale", [UNREADY, 500, 700], 0.30, 4),
        ("ScaleUpUnreadyNoScale", [400, UNREADY, UNREADY], 0.30, 3),
        ("ScaleUpIgnoresDeletionPods", [500, 700, DELETED, DELETED], 0.30, 4),
        ("ScaleUpCM", [(2000, 100_000), (1000, 100_000), (3000, 100_000)], 0.015, 4),
        ("ScaleDown", [100, 300, 500, 250, 250], 0.50, 3),
        ("ScaleDownCM", [(12, 100)] * 5, 0.20, 3),
        ("ScaleDownIncludeUnreadyPods", [100, 300, 500, UNREADY, UNREADY], 0.50, 2),
        ("ScaleDownExcludeUnscheduledPods", [100, UNREADY, UNREADY, UNREADY, UNREADY], 0.50, 1),
        ("ScaleDownIgnoresDeletionPods", [100, 300, 500, 250, 250, DELETED, DELETED], 0.50, 3),
        ("Tolerance", [(1010, 900), (1030, 1000), (1020, 1100)], 1.00, 3),
        ("ToleranceCM", [(2000, 10_000), (2100, 10_000), (2100, 10_000)], 0.20, 3),
        ("MissingMetrics", [400, 95, MISSING, MISSING], 1.00, 3),
        ("MissingMetricsNoChangeEq", [1000, MISSING], 1.00, 2),
        ("MissingMetricsNoChangeGt", [1900, MISSING], 1.00, 2),
        ("MissingMetricsNoChangeLt", [600, MISSING], 1.00, 2),
        ("MissingMetricsUnreadyChange", [UNREADY, 450, MISSING], 0.50, 3),
        ("MissingMetricsUnreadyScaleUp", [UNREADY, 2000, MISSING], 0.50, 4),
        ("MissingMetricsUnreadyScaleDown", [UNREADY, 100, 100, MISSING], 0.50, 3),
        ("ComputedToleranceAlgImplementation, out of the tolerance", [(150, 300)] * 10, 0.56, 9),
        ("ComputedToleranceAlgImplementation, within it", [(150, 300)] * 10, 0.55, 10),
    ],
)
def test_the_controllers_own_cases(case, levels, target, wanted):
    """Each case of the controller's tests ends in the number of workers that is stated there."""
    policy = TargetTrackingAutoScaler(target=target, tolerance=0.1)

    assert wanted == policy.wanted(Fleet.of(snapshot(workers=fleet(*levels)))).count, case


@pytest.mark.parametrize("levels", [[], [MISSING, MISSING], [UNREADY], [DELETED]])
def test_no_metrics_is_not_known(levels):
    """Where no ready worker says how busy it is, the rule has no answer (EmptyMetrics, DisjointResourcesMetrics)."""
    assert TargetTrackingAutoScaler().wanted(Fleet.of(snapshot(workers=fleet(*levels)))).count is None


@pytest.mark.parametrize(
    ("current", "metric", "target", "wanted"),
    [
        (1, 200, 100, 2),  # "if the current metric value is 200m, and the desired value is 100m, ... doubled"
        (4, 200, 100, 8),
        (4, 50, 100, 2),  # "if the current value is instead 50m, ... halve"
        (10, 109, 100, 10),  # within 10 %
        (10, 91, 100, 10),
        (10, 111, 100, 12),
        (10, 89, 100, 9),
    ],
)
def test_the_documented_examples(current, metric, target, wanted):
    """The formula and the tolerance of the page "Horizontal Pod Autoscaling", section "Algorithm details"."""
    policy = TargetTrackingAutoScaler(target=target / 1000)

    assert wanted == policy.wanted(Fleet.of(snapshot(workers=fleet(*[metric] * current)))).count
