"""For people who write policies: snapshots that read as a sentence, stories, rules, a target in virtual time."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everai_autoscaler.model import Dispatch
from everai_autoscaler.simulator.clock import VirtualClock
from everai_autoscaler.simulator.cluster import Cluster as VirtualTarget
from everai_autoscaler.simulator.load import Clients, Load, Request, Served
from everai_autoscaler.testing.display import describe
from everai_autoscaler.testing.pasteable import as_code
from everai_autoscaler.testing.snapshots import snapshot, worker
from everai_autoscaler.testing.story import Story, StoryError, story
from everai_autoscaler.testing.tables import queue_table, worker_table
from everai_autoscaler.testing.target_checks import (
    TARGET_CHECKS,
    TargetCase,
    TargetRuleBrokenError,
    check_target,
    parametrize_with_target_checks,
)

if TYPE_CHECKING:
    from everai_autoscaler.testing.checks import (
        CHECKS,
        RuleBrokenError,
        check_autoscaler,
        parametrize_with_checks,
        yield_checks,
    )
    from everai_autoscaler.testing.strategies import factors, lives, workers

_WITH_HYPOTHESIS = {
    "CHECKS": "checks",
    "RuleBrokenError": "checks",
    "check_autoscaler": "checks",
    "factors": "strategies",
    "lives": "strategies",
    "parametrize_with_checks": "checks",
    "workers": "strategies",
    "yield_checks": "checks",
}
"""What needs the extra ``testing``, and is imported when it is first used."""

__all__ = [
    "CHECKS",
    "TARGET_CHECKS",
    "Clients",
    "Dispatch",
    "Load",
    "Request",
    "RuleBrokenError",
    "Served",
    "Story",
    "StoryError",
    "TargetCase",
    "TargetRuleBrokenError",
    "VirtualClock",
    "VirtualTarget",
    "as_code",
    "check_autoscaler",
    "check_target",
    "describe",
    "factors",
    "lives",
    "parametrize_with_checks",
    "parametrize_with_target_checks",
    "queue_table",
    "snapshot",
    "story",
    "worker",
    "worker_table",
    "workers",
    "yield_checks",
]


def __getattr__(name: str) -> Any:
    room = _WITH_HYPOTHESIS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{room}"), name)


def __dir__() -> list[str]:
    return __all__
