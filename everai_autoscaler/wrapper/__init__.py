"""Scalers round scalers: pauses, windows, limits, and several that decide as one."""

from __future__ import annotations

from everai_autoscaler.wrapper.budget import Budget
from everai_autoscaler.wrapper.ceiling import Ceiling
from everai_autoscaler.wrapper.cooldown import Cooldown
from everai_autoscaler.wrapper.first_valid import FirstValid
from everai_autoscaler.wrapper.floor import Floor
from everai_autoscaler.wrapper.max import Max
from everai_autoscaler.wrapper.min import Min
from everai_autoscaler.wrapper.rate_limit import RateLimit
from everai_autoscaler.wrapper.schedule import Schedule
from everai_autoscaler.wrapper.shadow import Shadow
from everai_autoscaler.wrapper.stabilize import Stabilize

__all__ = [
    "Budget",
    "Ceiling",
    "Cooldown",
    "FirstValid",
    "Floor",
    "Max",
    "Min",
    "RateLimit",
    "Schedule",
    "Shadow",
    "Stabilize",
]
