"""A runtime made of memory, as the admin side sees one: an afternoon of an app, decided by the real pipeline."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import PlaceholderError, UnknownNameError
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.model import Factors, Placeholder, QueueReason, WorkerStatus
from everai_autoscaler.runtime.metrics import Metrics

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
LONG = "a-very-long-name-" * 12
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
INTERVAL = 20.0


@frozen
class Held:
    name: str
    data: Mapping[str, str]
    created_at: float
    updated_at: float


@define
class MemoryStore:
    """ConfigMaps, in memory."""

    held: dict[str, Held] = field(factory=dict)
    clock: Any = None

    def names(self, kind: str) -> list[Held]:
        return [self.held[name] for name in sorted(self.held)]

    def get(self, kind: str, name: str) -> Held | None:
        return self.held.get(name)

    def put(self, kind: str, name: str, data: Mapping[str, str]) -> None:
        now = self.clock()
        before = self.held.get(name)
        self.held[name] = Held(name, dict(data), now if before is None else before.created_at, now)

    def delete(self, kind: str, name: str) -> bool:
        return self.held.pop(name, None) is not None

    def read(self, name: str, key: str) -> str:
        if name not in self.held:
            raise PlaceholderError(f"there is no ConfigMap {name!r}")
        if key not in self.held[name].data:
            raise PlaceholderError(f"the ConfigMap {name!r} has no key {key!r}")
        return self.held[name].data[key]


@frozen
class Made:
    """A decision as it is kept."""

    shown: dict[str, Any]
    record: str | None

    def view(self) -> dict[str, Any]:
        return dict(self.shown)


class MemoryRuntime:
    """An app that has run for *ticks* ticks until *now*; its clock goes on with *clock*.

    The load rises and falls; the fleet follows as the real pipeline says.
    """

    def __init__(self, clock: Any, *, ticks: int = 100, logs: Path | None = None, hostile: bool = True) -> None:
        self.clock = clock
        self.metrics = Metrics()
        self.store = MemoryStore(clock=clock)
        self.word: dict[str, Any] | None = None
        self.done: list[tuple[Any, ...]] = []
        self.logs = logs
        self.notes: list[str] = []
        self.listeners: set[asyncio.Queue[Any]] = set()
        self.kept_samples: list[dict[str, Any]] = []
        self.kept: list[Made] = []
        self.gone: list[LocalWorker] = []
        self.here: dict[str, LocalWorker] = {}
        self.waiting: list[tuple[float, QueueReason]] = []
        self.arguments: dict[str, Any] = {}
        self.started_at = clock() - ticks * INTERVAL
        self.app = "llama-3-70b-instruct"
        self._random = random.Random(4)
        self.store.put(
            "ConfigMap",
            "get-start-configmap",
            {
                "min_workers": "2",
                "max_workers": "64",
                "max_queue_size": "6",
                "max_idle_time": "60",
                "scale_up_step": "4",
            },
        )
        self.store.put("ConfigMap", "night-shift", {"max_workers": "8", "notes": "from 22:00\nuntil 06:00"})
        late = {
            name: Placeholder(kind="ConfigMap", name="get-start-configmap", key=name)
            for name in ("min_workers", "max_workers", "max_queue_size", "max_idle_time", "scale_up_step")
        }
        self._decider = Decider(
            "simple",
            late,
            app=self.app,
            providers={"ConfigMap": self.store.read},
        )
        self.tick_at = self.started_at
        for number in range(1, ticks + 1):
            self.tick(self.started_at + number * INTERVAL - 12, number / ticks)
        if hostile:
            self.make_hostile()

    def again(self, *, logs: Path | None = None) -> MemoryRuntime:
        """The same afternoon, for somebody who changes things."""
        other = copy(self)
        for name in ("store", "done", "notes", "kept_samples", "kept", "gone", "here", "waiting", "arguments"):
            setattr(other, name, deepcopy(getattr(self, name)))
        other.listeners = set()
        other.logs = logs
        return other

    # An afternoon.

    def tick(self, now: float, share: float) -> None:
        wanted = 34 + 30 * math.sin(share * 9.5 - 1.2) + self._random.uniform(-3, 3)
        ready = [w for w in self.here.values() if w.ready_at is not None or now - w.started_at > 15]
        for worker in ready:
            if worker.ready_at is None:
                worker.ready_at = worker.started_at + 14
        busy = min(len(ready), max(0, round(wanted)))
        for place, worker in enumerate(ready):
            if place < busy:
                worker.serving, worker.last_served_at = 1, now - self._random.uniform(0, 6)
                worker.successes += self._random.randint(2, 5)
                worker.served_for = worker.successes * (5.2 + place % 7 * 0.31)
            else:
                worker.serving = 0
        over = max(0, round(wanted) - busy + self._random.randint(0, 3)) if busy == len(ready) else 0
        self.waiting = sorted((now - self._random.uniform(0, 9), QueueReason.QueueDueBusy) for _ in range(over))
        factors = Factors(
            workers=[worker.snapshot("local") for worker in self.here.values()],
            queue=Counter(reason for _, reason in self.waiting),
            queue_histories={20 * n: {"QueueDueBusy": over} for n in (1, 2, 3)},
            utilization=round(100 * busy / len(ready)) if ready else None,
            observed_at=now,
        )
        self.kept_samples.append({**self.sample(), "at": now, "arrivals": busy * 4 + over, "completions": busy * 4})
        decision = self._decider.decision(factors)
        result = decision.result
        for worker_id in result.down:
            worker = self.here.pop(worker_id)
            worker.draining_at, worker.ended_at, worker.why = now, now + 1, str(result.reasons[0])
            self.gone.append(worker)
        for _ in range(result.up):
            worker = LocalWorker(self._name(), started_at=now + 0.1, port=20000 + len(self.here), pid=1000)
            self.here[worker.worker_id] = worker
        self.note(decision, now)

    def note(self, decision: Any, now: float, **more: Any) -> None:
        result, record = decision.result, decision.record()
        self.arguments = {name: one.model_dump(mode="json") for name, one in record.arguments.items()}
        shown = {
            "id": len(self.kept) + 1,
            "by": "policy",
            "shortfall": [],
            "at": now,
            "took": 0.0031,
            "up": result.up,
            "down": list(result.down),
            "held": result.held,
            "max_workers": result.max_workers,
            "why": [str(reason) for reason in result.reasons],
            "scaler": "simple",
            "operator": self.word,
            "applied": {"up": result.up, "down": list(result.down), "why": []} if result.actions else None,
            "failure": "",
            **more,
        }
        self.kept.append(Made(shown, record.json()))
        self.tick_at = now

    def _name(self) -> str:
        return "".join(self._random.choices(LETTERS, k=22))

    def make_hostile(self) -> None:
        """What a user, an app or an enemy might have said, everywhere where it can be said."""
        workers = list(self.here.values())
        workers[0].why = f"removed by {HOSTILE}"
        workers[0].draining_at = self.clock() - 3
        workers[1].worker_id = LONG
        workers[2].failures = 7
        workers[3].sessions = {"a": 1.0}
        for worker in workers[-2:]:
            worker.ready_at, worker.serving = None, 0
        self.here = {worker.worker_id: worker for worker in workers}
        now = self.clock()
        reasons = [QueueReason.QueueDueBusy] * 33 + [QueueReason.QueueDueSession] * 4 + [QueueReason.NotDispatch] * 3
        self._random.shuffle(reasons)
        self.waiting = [(now - 11 + place / 4, reason) for place, reason in enumerate(reasons)]
        self.store.put("ConfigMap", HOSTILE, {HOSTILE: HOSTILE, LONG: LONG})
        self.arguments["max_idle_time"] |= {
            "kept": f"max_idle_time: '{HOSTILE}' of ConfigMap get-start-configmap/max_idle_time is not a whole number"
        }
        self.arguments["api_key"] = {"value": "***", "source": "Secret keys/api", "redacted": True, "kept": None}
        shown = self.kept[-2].shown
        shown |= {"why": [f"simple: {HOSTILE}", f"guard: {LONG} stays: it is busy"], "by": "guard"}
        self.notes = [
            "2024-07-29T03:07:30+0000 worker 5LJtBqJsRYgT67ZEuMAt88 died while it served: signal 9 (SIGKILL)",
            f"2024-07-29T03:07:10+0000 {HOSTILE}",
            "adopted 3 workers that an earlier runtime left",
        ]

    # What Admin asks for.

    def sample(self) -> dict[str, Any]:
        workers = self.here.values()
        statuses = Counter(worker.status for worker in workers if worker.draining_at is None)
        return {
            "at": self.clock(),
            "inflight": statuses[WorkerStatus.Inflight],
            "free": statuses[WorkerStatus.Free],
            "busy": statuses[WorkerStatus.Busy],
            "draining": sum(worker.draining_at is not None for worker in workers),
            "waiting": {reason.value: number for reason, number in Counter(r for _, r in self.waiting).items()},
            "arrivals": 55,
            "completions": 52,
            "max_workers": 64,
        }

    def status(self) -> dict[str, Any]:
        sample = self.sample()
        return {
            "app": self.app,
            "scaler": "simple",
            "running": True,
            "pid": 4711,
            "started_at": self.started_at,
            "interval": INTERVAL,
            "dry_run": False,
            "stopping": False,
            "app_url": "http://127.0.0.1:8080",
            "admin_url": "http://127.0.0.1:8081",
            "state_dir": "/home/ann/.local/state/everai-autoscaler",
            "operator": self.word,
            "tick": {
                "at": self.tick_at if self.kept else None,
                "took": 0.0031 if self.kept else None,
                "lag": 0.0004 if self.kept else None,
                "failure": "",
                "next_at": self.tick_at + INTERVAL,
            },
            "max_workers": 64,
            "arguments": self.arguments,
            "workers": {name: sample[name] for name in ("inflight", "free", "busy", "draining")},
            "queue": dict(Counter(_platform(reason) for _, reason in self.waiting)),
            "back_off_until": None,
            "notes": self.notes,
        }

    def workers(self) -> list[dict[str, Any]]:
        return [worker.view() for worker in self.here.values()]

    async def all_workers(self) -> list[dict[str, Any]]:
        return [worker.view() for worker in [*self.gone, *self.here.values()]]

    def queue(self) -> list[dict[str, Any]]:
        return [{"created_at": came_at, "reason": _platform(reason)} for came_at, reason in self.waiting]

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[dict[str, Any]]:
        found = [
            one.view()
            for one in reversed(self.kept)
            if (before is None or one.shown["id"] < before) and (at is None or one.shown["at"] <= at)
        ]
        return found[:limit]

    def decision(self, decision_id: int) -> Made | None:
        return self.kept[decision_id - 1] if 0 < decision_id <= len(self.kept) else None

    def samples(self, since: float) -> list[dict[str, Any]]:
        return [sample for sample in self.kept_samples if sample["at"] >= since]

    async def log_path(self, worker_id: str) -> Path | None:
        if self.logs is None or worker_id not in self.here:
            return None
        return self.logs / f"{worker_id[:30]}.log"

    def remove_worker(self, worker_id: str, by: str) -> None:
        if worker_id not in self.here:
            raise UnknownNameError.of("worker", worker_id, self.here)
        worker = self.here[worker_id]
        worker.draining_at, worker.why = self.clock(), f"removed by {by}"
        self.done.append(("remove", worker_id, by))
        self.tell_state()

    async def set_operator(self, word: Mapping[str, Any] | None, by: str) -> None:
        self.word = None if word is None else dict(word)
        self.done.append(("operator", self.word, by))
        self.tell_state()

    async def tick_soon(self) -> None:
        self.done.append(("tick",))

    async def subscribe(self) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.listeners.add(events)
        try:
            yield "state", self.state()
            while True:
                yield await events.get()
        finally:
            self.listeners.discard(events)

    def state(self) -> dict[str, Any]:
        state = {"status": self.status(), "workers": self.workers(), "queue": self.queue(), "sample": self.sample()}
        copied: dict[str, Any] = json.loads(json.dumps(state))
        return copied

    def tell_state(self) -> None:
        self.tell("state", self.state())

    def tell(self, name: str, data: dict[str, Any]) -> None:
        for listener in self.listeners:
            listener.put_nowait((name, data))


def _platform(reason: QueueReason) -> str:
    return {"QueueDueBusy": "WorkerBusy", "QueueDueSession": "SessionWorkerBusy"}.get(reason.value, reason.value)
