"""For people who write policies: snapshots that read as a sentence, and a target in virtual time."""

from __future__ import annotations

from everai_autoscaler.testing.clock import VirtualClock
from everai_autoscaler.testing.snapshots import snapshot, worker
from everai_autoscaler.testing.tables import queue_table, table, worker_table
from everai_autoscaler.testing.target import Clients, Dispatch, Load, Request, Served, VirtualTarget

__all__ = [
    "Clients",
    "Dispatch",
    "Load",
    "Request",
    "Served",
    "VirtualClock",
    "VirtualTarget",
    "queue_table",
    "snapshot",
    "table",
    "worker",
    "worker_table",
]
