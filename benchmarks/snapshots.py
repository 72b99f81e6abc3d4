"""Writes the snapshot that is measured: ``python snapshots.py COUNT FILE``; the same file for the same count."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

NOW = 1722222800
SEED = 20240729


def snapshot(count: int) -> dict[str, Any]:
    """*count* workers, two in three busy, with a short queue and five histories: nothing is to be done."""
    chance = random.Random(SEED)  # noqa: S311 - numbers to measure with
    workers = [_worker(number, chance) for number in range(count)]
    busy = sum(worker["status"] == "Busy" for worker in workers)
    summary = {"Inflight": 0, "Free": count - busy, "Busy": busy}
    ages = [str(20 * step) for step in range(1, 6)]
    return {
        "queue_histories": {age: {"NotDispatch": 0, "QueueDueBusy": 1, "QueueDueSession": 0} for age in ages},
        "queue": {"NotDispatch": 0, "QueueDueBusy": 1, "QueueDueSession": 0},
        "utilization": 66,
        "workers": workers,
        "worker": summary,
        "worker_histories": dict.fromkeys(ages, summary),
    }


def _worker(number: int, chance: random.Random) -> dict[str, Any]:
    busy = number % 3 != 0
    started_at = NOW - chance.randrange(100, 100_000)
    return {
        "worker_id": f"5LJtBqJsRYgT67{number:08d}",
        "gpu_type": chance.choice(["A100 40G", "RTX 4090", None]),
        "region": chance.choice(["cn-east", "us-west"]),
        "started_at": started_at,
        "last_service_time": NOW - chance.randrange(100),
        "number_of_successes": chance.randrange(10_000),
        "number_of_failures": chance.randrange(10),
        "number_of_sessions": 0,
        "average_response_time": round(chance.uniform(0.1, 20), 3),
        "current_request": int(busy),
        "status": "Busy" if busy else "Free",
    }


if __name__ == "__main__":
    size, target = int(sys.argv[1]), Path(sys.argv[2])
    target.write_text(json.dumps(snapshot(size), separators=(",", ":")))
