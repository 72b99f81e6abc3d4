"""An afternoon of an app, decided by the real pipeline and kept in a real store: what an admin side shows."""

from __future__ import annotations

import math
import random
import shutil
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

from everai_autoscaler.decision import Decider
from everai_autoscaler.engine import QueuedForm, SampleForm, WorkerForm
from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.model import Factors, Placeholder, QueueReason, Reason, RecordedArgument, WorkerStatus
from everai_autoscaler.runtime.admin import Admin
from everai_autoscaler.runtime.events import Events
from everai_autoscaler.runtime.forms import CappedForm, DecisionForm, FleetForm, StateForm, StatusForm, TickForm
from everai_autoscaler.runtime.metrics import Metrics
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.view import StoreView
from everai_autoscaler.words import reason_word

APP = "llama-3-70b-instruct"
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
LONG = "a-very-long-name-" * 12
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
INTERVAL = 20.0
LIMITS = {
    "min_workers": "2",
    "max_workers": "64",
    "max_queue_size": "6",
    "max_idle_time": "60",
    "scale_up_step": "4",
}
NOTES = [
    "2024-07-29T03:07:30+0000 worker 5LJtBqJsRYgT67ZEuMAt88 died while it served: signal 9 (SIGKILL)",
    f"2024-07-29T03:07:10+0000 {HOSTILE}",
    "adopted 3 workers that an earlier runtime left",
]


class Afternoon(StoreView):
    """An app that has run for *ticks* ticks until now; everything that can be said in it says something hostile.

    The load rises and falls; the fleet follows as the real pipeline says.
    """

    def __init__(self, clock: Callable[[], float], directory: Path, *, ticks: int = 100) -> None:
        super().__init__(Store(directory, clock=clock), APP)
        self.clock = clock
        self.title = APP
        self.metrics = Metrics()
        self.override: Override | None = None
        self.done: list[tuple[Any, ...]] = []
        self.notes = NOTES
        self.capped: CappedForm | None = None
        self.here: dict[str, LocalWorker] = {}
        self.waiting: list[tuple[float, QueueReason]] = []
        self.samples_from = 0.0
        self.started_at = clock() - ticks * INTERVAL
        self.tick_at: float | None = None
        self._random = random.Random(4)
        self.store.put("ConfigMap", "get-start-configmap", LIMITS)
        self.store.put("ConfigMap", "night-shift", {"max_workers": "8", "notes": "from 22:00\nuntil 06:00"})
        late = {name: Placeholder(kind="ConfigMap", name="get-start-configmap", key=name) for name in LIMITS}
        self._decider = Decider("simple", late, app=APP, providers={"ConfigMap": self.store.reader("ConfigMap")})
        for number in range(1, ticks + 1):
            self._tick(self.started_at + number * INTERVAL - 12, number / ticks, hostile=number == ticks - 1)
        self._make_hostile()
        self.events = Events(self.state)

    def again(self, directory: Path) -> Afternoon:
        """The same afternoon in another *directory*, for a test that changes things."""
        shutil.copytree(self.store.directory, directory)
        other = copy(self)
        other.store, other.events = Store(directory, clock=self.clock), Events(other.state)
        for name in ("done", "here", "waiting", "arguments"):
            setattr(other, name, deepcopy(getattr(self, name)))
        return other

    # An afternoon.

    def _tick(self, now: float, share: float, *, hostile: bool) -> None:
        wanted = 34 + 30 * math.sin(share * 9.5 - 1.2) + self._random.uniform(-3, 3)
        ready = [one for one in self.here.values() if one.ready_at is not None or now - one.started_at > 15]
        busy = min(len(ready), max(0, round(wanted)))
        for place, worker in enumerate(ready):
            worker.ready_at, worker.serving = worker.started_at + 14, int(place < busy)
            if worker.serving:
                worker.last_served_at = now - self._random.uniform(0, 6)
                worker.successes += self._random.randint(2, 5)
                worker.served_for = worker.successes * (5.2 + place % 7 * 0.31)
        over = max(0, round(wanted) - busy + self._random.randint(0, 3)) if busy == len(ready) else 0
        self.waiting = sorted((now - self._random.uniform(0, 9), QueueReason.QueueDueBusy) for _ in range(over))
        factors = Factors(
            workers=[worker.snapshot("local") for worker in self.here.values()],
            queue=Counter(reason for _, reason in self.waiting),
            queue_histories={20 * n: {"QueueDueBusy": over} for n in (1, 2, 3)},
            utilization=round(100 * busy / len(ready)) if ready else None,
            observed_at=now,
        )
        counted = {"at": now, "arrivals": busy * 4 + over, "completions": busy * 4}
        sample = self.sample().model_copy(update=counted).model_dump(mode="json")
        decision = self._decider.decision(factors)
        record, result = decision.record(), decision.result
        gone = [self.here.pop(worker_id) for worker_id in result.down]
        for worker in gone:
            worker.draining_at, worker.ended_at, worker.why = now, now + 1, str(result.reasons[0])
        for _ in range(result.up):
            worker_id = "".join(self._random.choices(LETTERS, k=22))
            self.here[worker_id] = LocalWorker(worker_id, now + 0.1, port=20000 + len(self.here), pid=1000)
        if hostile:
            reasons = [Reason(who="simple", why=HOSTILE), Reason(who="guard", why=f"{LONG} stays: it is busy")]
            record = record.model_copy(update={"result": record.result.model_copy(update={"reasons": reasons})})
        self.store.write_tick(
            APP,
            TickRow(
                at=now,
                took=0.0031,
                lag=0.0004,
                record=record.json(),
                memory=None,
                applied={"up": result.up, "down": list(result.down), "why": []} if result.actions else None,
                operator=None,
                failure="",
                workers=[worker.form().row() for worker in gone],
                queue=[],
                sample=sample,
            ),
        )
        self.arguments, self.tick_at = dict(record.arguments), now

    def _make_hostile(self) -> None:
        """What a user, an app or an enemy might have said, everywhere where it can be said."""
        now, workers = self.clock(), list(self.here.values())
        workers[0].why, workers[0].draining_at = f"removed by {HOSTILE}", now - 3
        workers[1].worker_id = LONG
        workers[2].failures = 7
        workers[3].sessions = {"a": 1.0}
        for worker in workers[-2:]:
            worker.ready_at, worker.serving = None, 0
        self.here = {worker.worker_id: worker for worker in workers}
        reasons = [QueueReason.QueueDueBusy] * 33 + [QueueReason.QueueDueSession] * 4 + [QueueReason.NotDispatch] * 3
        self._random.shuffle(reasons)
        self.waiting = [(now - 11 + place / 4, reason) for place, reason in enumerate(reasons)]
        self.store.put("ConfigMap", HOSTILE, {HOSTILE: HOSTILE, LONG: LONG})
        why = f"max_idle_time: '{HOSTILE}' of ConfigMap get-start-configmap/max_idle_time is not a whole number"
        idle = self.arguments["max_idle_time"].model_copy(update={"kept": why})
        secret = RecordedArgument(value="***", source="Secret keys/api", redacted=True)
        self.arguments |= {"max_idle_time": idle, "api_key": secret}

    # What an admin side shows.

    def sample(self) -> SampleForm:
        """The present numbers."""
        workers = self.here.values()
        statuses = Counter(worker.status for worker in workers if worker.draining_at is None)
        return SampleForm(
            at=self.clock(),
            inflight=statuses[WorkerStatus.Inflight],
            free=statuses[WorkerStatus.Free],
            busy=statuses[WorkerStatus.Busy],
            draining=sum(worker.draining_at is not None for worker in workers),
            waiting=Counter(reason for _, reason in self.waiting),
            arrivals=55,
            completions=52,
            max_workers=64,
        )

    def status(self) -> StatusForm:
        """How the app is."""
        at = self.tick_at
        tick = TickForm() if at is None else TickForm(at=at, took=0.0031, lag=0.0004, next_at=at + INTERVAL)
        return StatusForm(
            app=self.title,
            scaler="simple",
            running=True,
            pid=4711,
            started_at=self.started_at,
            interval=INTERVAL,
            dry_run=False,
            stopping=False,
            app_url="http://127.0.0.1:8080",
            admin_url="http://127.0.0.1:8081",
            state_dir="/home/ann/.local/state/everai-autoscaler",
            operator=self.override,
            tick=tick,
            max_workers=64,
            capped=self.capped,
            arguments=self.arguments,
            workers=FleetForm.of(self.workers()),
            queue=Counter(reason_word(reason.value) for _, reason in self.waiting),
            back_off_until=None,
            notes=self.notes,
        )

    def workers(self, *, ended: bool = False) -> list[WorkerForm]:
        """The workers that there are; with *ended*, before them those that there were."""
        return [*(super().workers(ended=True) if ended else []), *(one.form() for one in self.here.values())]

    def queue(self) -> list[QueuedForm]:
        """The requests that wait."""
        return [QueuedForm(created_at=came_at, reason=reason) for came_at, reason in self.waiting]

    def samples(self, *, since: float = 0.0) -> list[SampleForm]:
        """The workers and the queue over time, from when the app is to have begun."""
        return super().samples(since=max(since, self.samples_from))

    def state(self) -> StateForm:
        """All that changes by itself."""
        return StateForm(status=self.status(), workers=self.workers(), queue=self.queue(), sample=self.sample())

    # What an admin side changes.

    def log_path(self, worker_id: str) -> Path:
        """Where that worker's log is."""
        return self.store.directory / "logs" / f"{worker_id[:30]}.log"

    def remove_worker(self, worker_id: str, by: str) -> None:
        """Let that worker go."""
        if worker_id not in self.here:
            raise UnknownNameError.of("worker", worker_id, self.here)
        worker = self.here[worker_id]
        worker.draining_at, worker.why = self.clock(), f"removed by {by}"
        self.done.append(("remove", worker_id, by))
        self.tell_state()

    async def set_operator(self, override: Override | None, by: str) -> None:
        """Put *override* over the policy."""
        self.override = override
        self.done.append(("operator", override, by))
        self.tell_state()

    async def tick_soon(self) -> None:
        """Decide now."""
        self.done.append(("tick",))

    def subscribe(self) -> AsyncGenerator[tuple[str, Any], None]:
        """What happens."""
        return self.events.subscribe()

    # What tests make happen, and look at.

    def admin(self, *, host: str = "127.0.0.1", token: str | None = None) -> Admin:
        """An admin side of it."""
        return Admin(self, self, store=self.store, metrics=self.metrics, host=host, token=token, clock=self.clock)

    @property
    def maps(self) -> dict[str, dict[str, str]]:
        """What each ConfigMap has."""
        return {one.name: dict(one.data) for one in self.store.names("ConfigMap")}

    def last(self, **changes: Any) -> dict[str, Any]:
        """The last decision as lists show it, with *changes*."""
        return {**self.decisions(limit=1)[0].model_dump(mode="json"), **changes}

    def every_decision(self) -> list[DecisionForm]:
        """All of them, the newest first."""
        return self.decisions(limit=1000)

    def tell_state(self) -> None:
        """Tell every listener how it is now."""
        self.events.send("state", self.state())
