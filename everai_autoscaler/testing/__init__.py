"""For people who write policies: snapshots that read as a sentence, stories, rules, a target in virtual time."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everai_autoscaler.model import Dispatch
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
    from everai_autoscaler.simulator.clock import VirtualClock
    from everai_autoscaler.simulator.cluster import Cluster as VirtualTarget
    from everai_autoscaler.simulator.load import Clients, Load, Request, Served
    from everai_autoscaler.testing.checks import (
        CHECKS,
        RuleBrokenError,
        check_autoscaler,
        parametrize_with_checks,
        yield_checks,
    )
    from everai_autoscaler.testing.strategies import factors, lives, workers

_LATE = {
    # These need the extra ``testing``.
    "CHECKS": "testing.checks",
    "RuleBrokenError": "testing.checks",
    "check_autoscaler": "testing.checks",
    "factors": "testing.strategies",
    "lives": "testing.strategies",
    "parametrize_with_checks": "testing.checks",
    "workers": "testing.strategies",
    "yield_checks": "testing.checks",
    # These are of the simulator, which a test of single snapshots needn't wait for.
    "Clients": "simulator.load",
    "Load": "simulator.load",
    "Request": "simulator.load",
    "Served": "simulator.load",
    "VirtualClock": "simulator.clock",
    "VirtualTarget": "simulator.cluster",
}
"""For each name that is imported when it is first used, the module that has it."""

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
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = import_module(f"everai_autoscaler.{module}")
    return getattr(found, "Cluster" if name == "VirtualTarget" else name)


def __dir__() -> list[str]:
    return __all__
