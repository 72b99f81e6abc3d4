"""An app under autoscaling: the shell round its engine."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from attrs import asdict, frozen

from everai_autoscaler.engine import Engine, Host, SampleForm
from everai_autoscaler.errors import AutoscalerError, StateError, UnknownNameError, describe_error
from everai_autoscaler.log import emit
from everai_autoscaler.loop import Applied, Tick, run
from everai_autoscaler.model import AutoScaler, DecideResult
from everai_autoscaler.runtime.admin import Admin
from everai_autoscaler.runtime.clock import StoppedError, WakingClock
from everai_autoscaler.runtime.metrics import Metrics
from everai_autoscaler.runtime.operator import Operated, Word
from everai_autoscaler.runtime.store import Decision, Store, TickRow
from everai_autoscaler.words import moment, reason_word

__all__ = ["MakeScaler", "Plan", "Runtime"]

T = TypeVar("T")

HEARTBEAT = 1.0
"""Seconds between two looks at what changes by itself."""
SILENCE = 15.0
"""Seconds after which a listener is told the state although nothing changed."""
HANGS_AFTER = 30.0
"""Seconds after which a decision that hangs is named in the log."""
PRUNE_EVERY = 3600.0
NOTES = 50


class MakeScaler(Protocol):
    """Makes the pipeline that decides, given what the runtime has for it."""

    def __call__(
        self,
        *,
        providers: Mapping[str, Callable[[str, str], str]],
        memory: Any,
    ) -> AutoScaler:
        """The pipeline; what it then remembers is its ``memory``."""


@frozen(kw_only=True)
class Plan:
    """What is to be run, and how."""

    app: str
    """The app's name."""
    scaler: str
    """The policy's name."""
    make_scaler: MakeScaler
    make_engine: Callable[[Host], Engine]
    """Makes what has the workers, given what the runtime offers to it."""
    host: str = "127.0.0.1"
    """The address on which the admin side listens."""
    admin_port: int = 8081
    """Its port; 0 for any free one."""
    interval: float = 20.0
    """Seconds between two decisions."""
    dry_run: bool = False
    """Decide and show, and apply nothing."""
    token: str | None = None
    """What whoever asks the admin side has to know; ``None`` on the loopback interface."""


class Runtime:
    """One app, its engine and its policy, for as long as ``serve`` runs.

    Args:
        plan: what is run.
        store: where everything is kept.
        told: is given each line that an operator would want to read.
    """

    def __init__(self, plan: Plan, store: Store, *, told: Callable[[str], None] | None = None) -> None:
        self.plan = plan
        self.store = store
        self.metrics = Metrics()
        self.admin_url = ""
        self._told = told
        self._started_at = time.time()
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._clock = WakingClock()
        self._stop = asyncio.Event()
        self._now = asyncio.Event()
        self._listeners: set[asyncio.Queue[tuple[str, dict[str, Any]]]] = set()
        self._changed = True
        self._last: dict[str, Any] = {"at": None, "took": None, "lag": None, "failure": ""}
        self._arguments: dict[str, Any] = {}
        self._max_workers: int | None = None
        self._store_failure = ""
        self._word_read: Word | None = None
        self._word_in_force: Word | None = None
        self._word_noted: Word | None = None
        self._pruned_at = 0.0
        self._observed: SampleForm | None = None
        self._engine = plan.make_engine(
            Host(
                app=plan.app,
                rows=store,
                note=self.note,
                changed=self._has_changed,
                wanted=self._wanted,
                registry=self.metrics.registry,
                samples=[SampleForm.model_validate(sample) for sample in store.seen(plan.app)],
            )
        )
        self._admin = Admin(self, host=plan.host, token=plan.token)
        self._decider = plan.make_scaler(
            providers={kind: store.reader(kind) for kind in ("ConfigMap", "Secret")},
            memory=store.memory(plan.app),
        )
        self._scaler = Operated(self._decider, self._word_for_decision)

    async def serve(self, *, begun: Callable[[], None] | None = None) -> None:
        """Run the app until ``stop``; *begun* is called when it can be reached.

        Raises:
            StateError: a port that is taken.
        """
        self._loop = asyncio.get_running_loop()
        try:
            port = await self._admin.start(self.plan.admin_port)
            self.admin_url = f"http://{_shown(self.plan.host)}:{port}"
            self.store.remember_app(self.plan.app, {"scaler": self.plan.scaler, "started_at": self._started_at})
            await self._engine.start()
            if begun is not None:
                begun()
            deciding = threading.Thread(target=self._decide, name="decide", daemon=True)
            deciding.start()
            heart = asyncio.create_task(self._beat())
            await self._stop.wait()
            self._clock.stop()
            heart.cancel()
            await self._drain(deciding)
        finally:
            self._clock.stop()
            await self._engine.stop(drain=0)
            await self._admin.stop()
            with suppress(AutoscalerError):  # a disk that is full was told of already
                self.store.remember_end(self.plan.app, time.time())

    def stop(self) -> None:
        """Let what is served be finished, end every worker, and return from ``serve``; the second time, at once."""
        if self._stop.is_set():
            self._now.set()
        self._stop.set()

    @property
    def app_url(self) -> str:
        """Where the app answers; empty before it does."""
        return self._engine.url

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop."""
        return self._stop.is_set()

    def note(self, line: str) -> None:
        """Tell an operator *line*."""
        self._notes.appendleft(f"{moment(time.time())} {line}")
        emit(logging.INFO, "note", what=line)
        if self._told is not None:
            self._told(line)
        self._has_changed()

    # What lists, the page and the live view show.

    def status(self) -> dict[str, Any]:
        """How the app is."""
        sample = self._sample()
        word = self._word(time.time())
        return {
            "app": self.plan.app,
            "scaler": self.plan.scaler,
            "running": True,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "interval": self.plan.interval,
            "dry_run": self.plan.dry_run,
            "stopping": self.stopping,
            "app_url": self.app_url,
            "admin_url": self.admin_url,
            "state_dir": str(self.store.directory),
            "operator": None if word is None else word.as_dict(),
            "tick": {**self._last, "next_at": self._clock.next_at},
            "max_workers": self._max_workers,
            "arguments": self._arguments,
            "workers": sample.model_dump(include={"inflight", "free", "busy", "draining"}),
            "queue": {reason_word(reason.value): number for reason, number in sample.waiting.items()},
            "back_off_until": self._engine.back_off_until,
            "notes": list(self._notes),
        }

    def workers(self, ended: bool = False) -> list[dict[str, Any]]:  # noqa: FBT001, FBT002 - what a query says
        """The workers that there are; those that there were as well, when *ended*."""
        here = {worker.id: worker.model_dump() for worker in self._engine.workers()}
        if not ended:
            return list(here.values())
        kept = {view["id"]: view for view in self.store.workers(self.plan.app, ended=True)}
        return sorted({**kept, **here}.values(), key=lambda view: float(view["created_at"]))

    def queue(self) -> list[dict[str, Any]]:
        """The requests that wait, in their order."""
        return [request.model_dump() for request in self._engine.queue()]

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[dict[str, Any]]:
        """The last decisions, the newest first."""
        found = self.store.decisions(self.plan.app, limit=limit, before=before, at=at)
        return [decision.view() for decision in found]

    def decision(self, decision_id: int) -> Decision | None:
        """One decision, with its record."""
        return self.store.decision(self.plan.app, decision_id)

    def samples(self, since: float) -> list[dict[str, Any]]:
        """The fleet and the queue over time, the oldest first."""
        return self.store.samples(self.plan.app, since=since)

    def log_path(self, worker_id: str) -> Path | None:
        """Where that worker's log is; ``None`` where there is no such worker."""
        known = {view["id"] for view in self.workers(ended=True)}
        return self._engine.log_path(worker_id) if worker_id in known else None

    async def subscribe(self) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """The state whenever it changes, and each decision, until the listener goes."""
        events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(maxsize=100)
        self._listeners.add(events)
        try:
            yield "state", self._state()
            while True:
                yield await events.get()
        finally:
            self._listeners.discard(events)

    # What an operator does.

    def remove_worker(self, worker_id: str, by: str) -> None:
        """Let that worker finish what it serves, and end it.

        Raises:
            UnknownNameError: there is no such worker.
        """
        known = [worker.id for worker in self._engine.workers()]
        if worker_id not in known:
            raise UnknownNameError.of("worker", worker_id, known)
        self.note(f"worker {worker_id} is removed by {by}")
        self._engine.remove(worker_id, f"removed by {by}")

    def set_operator(self, word: Mapping[str, Any] | None, by: str) -> None:
        """Put *word* over the policy, or take what is there away."""
        self.store.set_operator(self.plan.app, None if word is None else dict(word))
        self._note_word(time.time(), f"resumed by {by}: the policy decides again")
        self.tick_soon()

    def tick_soon(self) -> None:
        """Decide now, rather than when it is time."""
        self._clock.wake()

    # Deciding, in a thread of its own.

    def _decide(self) -> None:
        self._clock.woke_at = time.time()
        while True:
            try:
                for done in run(
                    self,
                    self._scaler,
                    interval=self.plan.interval,
                    clock=self._clock,
                    dry_run=self.plan.dry_run,
                    hangs_after=HANGS_AFTER,
                ):
                    self._after(done)
            except StoppedError:
                return
            except Exception as error:  # noqa: BLE001 - an app whose workers nobody scales any more would be worse
                self._loop.call_soon_threadsafe(self.note, f"a tick isn't told: {describe_error(error)}")
            try:
                self._clock.sleep_until(time.time() + self.plan.interval)
            except StoppedError:
                return

    def observe(self) -> Any:
        """What is known now; for the loop."""
        self._observed = None
        return self._in_loop(self._see)

    def apply(self, result: DecideResult) -> Applied | None:
        """Carry out *result*; for the loop."""
        return self._in_loop(lambda: self._engine.apply(result))

    def _see(self) -> Any:
        sample = self._sample()
        factors = self._engine.observe()
        # Its sample, rather than what will have become of it when the tick is stored.
        self._observed = sample.model_copy(update={"at": factors.observed_at})
        return factors

    def _in_loop(self, action: Callable[[], T]) -> T:
        """What *action* gives in the event loop, where all that it looks at is changed."""
        answer: Future[T] = Future()

        def act() -> None:
            try:
                answer.set_result(action())
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(act)
        return answer.result(timeout=HANGS_AFTER)

    def _after(self, done: Tick) -> None:
        """Keep what was decided, and tell it."""
        now = time.time()
        took, lag = now - self._clock.woke_at, self._clock.lag
        record = None if done.decision is None else done.decision.record()
        result = done.result
        word = self._word_in_force
        if result is not None:
            self._max_workers = result.max_workers
        if record is not None:
            self._arguments = {name: one.model_dump(mode="json") for name, one in record.arguments.items()}
        sample, workers, queue = self._in_loop(
            lambda: (self._observed or self._sample(), self._engine.workers(), self._engine.queue())
        )
        self._last = {"at": self._clock.woke_at, "took": took, "lag": lag, "failure": done.failure}
        row = TickRow(
            at=self._clock.woke_at if done.factors is None else done.factors.observed_at,
            took=took,
            lag=lag,
            record=None if record is None else record.json(),
            memory=getattr(self._decider, "memory", None),
            applied=None if done.applied is None else asdict(done.applied),
            operator=None if word is None else word.as_dict(),
            failure=done.failure,
            workers=[worker.row() for worker in workers],
            queue=[tuple(request.model_dump().values()) for request in queue],
            sample=sample.model_copy(update={"max_workers": self._max_workers}).model_dump(mode="json"),
        )
        decision_id = self._keep(row, now)
        if result is not None:
            who = [reason.who for reason in result.reasons]
            self.metrics.decided(result.up, len(result.down), result.held, who, "guard" in who)
        self.metrics.ticked(took, lag, bool(done.failure))
        kept = self.decision(decision_id) if decision_id is not None and self._listeners else None
        self._loop.call_soon_threadsafe(self._tell, done, None if kept is None else kept.view())

    def _keep(self, row: TickRow, now: float) -> int | None:
        try:
            decision_id = self.store.write_tick(self.plan.app, row)
            if now - self._pruned_at > PRUNE_EVERY:
                self._pruned_at = now
                self.store.prune(self.plan.app, now)
        except AutoscalerError as error:
            # Scaling goes on without a memory; it is said once, not at every tick.
            if str(error) != self._store_failure:
                self._loop.call_soon_threadsafe(self.note, f"the tick isn't kept: {error}")
            self._store_failure = str(error)
            return None
        if self._store_failure:
            self._loop.call_soon_threadsafe(self.note, "ticks are kept again")
        self._store_failure = ""
        return decision_id

    def _tell(self, done: Tick, decision: dict[str, Any] | None) -> None:
        for line in () if done.applied is None else done.applied.why:
            self.note(line)
        if done.failure:
            self.note(f"tick failed, nothing is changed: {done.failure}")
        if decision is not None:
            self._send("decision", decision)
        self._has_changed()

    # What changes by itself.

    async def _beat(self) -> None:
        told_at = 0.0
        while True:
            await asyncio.sleep(HEARTBEAT)
            now = time.time()
            self.metrics.fleet(self._sample())
            if self._engine.queue():
                self._wanted()
            self._note_word(now)
            if self._listeners and (self._changed or now - told_at >= SILENCE):
                self._changed = False
                told_at = now
                self._send("state", self._state())

    def _wanted(self) -> None:
        """Something waits: where no worker stays or starts, and one may come, don't wait for the next beat."""
        word = self._word_in_force
        if self.plan.dry_run or (word is not None and not word.workers) or self._engine.back_off_until is not None:
            return
        workers = self._engine.workers()
        room = self._max_workers is None or len(workers) < self._max_workers
        if room and all(worker.draining_at is not None for worker in workers):
            self.tick_soon()

    def _sample(self) -> SampleForm:
        return self._engine.sample().model_copy(update={"max_workers": self._max_workers})

    def _state(self) -> dict[str, Any]:
        sample = self._sample().model_dump(mode="json")
        return {"status": self.status(), "workers": self.workers(), "queue": self.queue(), "sample": sample}

    def _send(self, event: str, data: dict[str, Any]) -> None:
        for listener in self._listeners:
            if listener.full():  # one that doesn't listen any more misses the oldest
                listener.get_nowait()
            listener.put_nowait((event, data))

    def _has_changed(self) -> None:
        self._changed = True

    def _word(self, now: float) -> Word | None:
        """What an operator has said, unless its time has passed; while it can't be read, what was read last."""
        # What can't be read wasn't taken back.
        with suppress(StateError):
            given = self.store.operator(self.plan.app)
            self._word_read = None if given is None else Word.of(given)
        word = self._word_read
        return None if word is None or word.over(now) else word

    def _word_for_decision(self, now: float) -> Word | None:
        self._word_in_force = self._word(now)
        return self._word_in_force

    def _note_word(self, now: float, over: str = "the policy decides again") -> None:
        """Tell what an operator says when it changes, whoever wrote it, and take away what is over."""
        word = self._word(now)
        if word == self._word_noted:
            return
        before, self._word_noted = self._word_noted, word
        self.note(f"{over}, no more {before}" if word is None else str(word))
        if word is None and before is not None and before.over(now):
            try:
                self.store.set_operator(self.plan.app, None)
            except StateError:
                return  # it is over all the same; said where ticks are kept

    async def _drain(self, deciding: threading.Thread) -> None:
        """Finish what is there, unless somebody says once more that it is to end."""
        drained = asyncio.ensure_future(self._finish(deciding))
        at_once = asyncio.ensure_future(self._now.wait())
        await asyncio.wait({drained, at_once}, return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        drained.cancel()
        await asyncio.gather(drained, at_once, return_exceptions=True)

    async def _finish(self, deciding: threading.Thread) -> None:
        # From then on nothing is started or removed any more. Looked at rather than joined: a policy that hangs
        # isn't to keep who says once more that it is to end.
        until = time.monotonic() + HANGS_AFTER
        while deciding.is_alive() and time.monotonic() < until:  # noqa: ASYNC110 - a thread, which sets no event
            await asyncio.sleep(0.02)
        await self._engine.stop(drain=math.inf)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
