"""Decide how many workers an AI-inference app should have, and which one may go.

What nearly everyone needs is here; each name is imported when it is first used, so that this import stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everai_autoscaler._version import __version__

if TYPE_CHECKING:
    from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
    from everai_autoscaler.decision import Decider
    from everai_autoscaler.errors import AutoscalerError
    from everai_autoscaler.loop import Target, run, tick
    from everai_autoscaler.model import (
        AutoScaler,
        DecideResult,
        Factors,
        Placeholder,
        Record,
        Worker,
        WorkerStatus,
        argument,
    )
    from everai_autoscaler.plugin import Registry, hookimpl

_ROOMS = {
    "AutoScaler": "model",
    "AutoscalerError": "errors",
    "DecideResult": "model",
    "Decider": "decision",
    "Factors": "model",
    "FreeWorkerAutoScaler": "builtin",
    "Placeholder": "model",
    "Record": "model",
    "Registry": "plugin",
    "SimpleAutoScaler": "builtin",
    "Target": "loop",
    "Worker": "model",
    "WorkerStatus": "model",
    "argument": "model",
    "hookimpl": "plugin",
    "run": "loop",
    "tick": "loop",
}

__all__ = [
    "AutoScaler",
    "AutoscalerError",
    "DecideResult",
    "Decider",
    "Factors",
    "FreeWorkerAutoScaler",
    "Placeholder",
    "Record",
    "Registry",
    "SimpleAutoScaler",
    "Target",
    "Worker",
    "WorkerStatus",
    "__version__",
    "argument",
    "hookimpl",
    "run",
    "tick",
]


def __getattr__(name: str) -> Any:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{room}"), name)


def __dir__() -> list[str]:
    return __all__
