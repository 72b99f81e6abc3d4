"""Whether a scaler is one that a platform can run by name. The module is itself the question."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from everai_autoscaler.builtin.free_worker import FreeWorkerAutoScaler
from everai_autoscaler.builtin.simple import SimpleAutoScaler

__all__ = ["is_builtin"]


def is_builtin(obj: Any) -> bool:
    """Whether *obj* is one of the builtin scalers itself; a subclass or a look-alike isn't.

    >>> is_builtin(SimpleAutoScaler())
    True
    >>> class Mine(SimpleAutoScaler): ...
    >>> is_builtin(Mine())
    False
    """
    return type(obj) in (SimpleAutoScaler, FreeWorkerAutoScaler)


class _Question(ModuleType):
    """Old clients call ``builtin.is_builtin``, which is also the name of this module."""

    def __call__(self, obj: Any) -> bool:
        return is_builtin(obj)


sys.modules[__name__].__class__ = _Question
