"""The thread that decides: at each beat it observes, decides and applies, and stores what came of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from attrs import asdict

from everai_autoscaler.engine import Engine, QueuedForm, SampleForm
from everai_autoscaler.errors import AutoscalerError, describe_error
from everai_autoscaler.loop import Applied, Tick, run
from everai_autoscaler.model import DecideResult, Factors, RecordedArgument
from everai_autoscaler.runtime.capping import Capping, Warned
from everai_autoscaler.runtime.clock import StoppedError, WakingClock
from everai_autoscaler.runtime.forms import TickForm
from everai_autoscaler.runtime.metrics import Metrics
from everai_autoscaler.runtime.operator import Operated, Overrides
from everai_autoscaler.runtime.plan import Plan
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.tuned import tuned_reader

__all__ = ["Ticks", "providers"]

T = TypeVar("T")

HANGS_AFTER = 30.0
"""Seconds after which a decision that hangs is named in the log."""
PRUNE_EVERY = 3600.0


def providers(store: Store) -> dict[str, Callable[[str, str], str]]:
    """For each placeholder kind of which the state directory has the values, what reads them."""
    return {
        "ConfigMap": store.reader("ConfigMap"),
        "Secret": store.reader("Secret"),
        "Tuned": tuned_reader(store.directory),
    }


class Ticks:
    """Decides at each beat, in a thread of its own, and is the target of its own loop.

    The engine is asked in the event loop, where everything that it looks at is changed; the store is written in the
    thread, where nothing waits for the disk.

    Args:
        plan: what is run.
        store: where ticks are stored.
        engine: what has the workers.
        overrides: what operators have put in place of the policy's answers.
        metrics: counts and times decisions and ticks.
        note: is given each line that an operator would want to read.
        decided: is given the number of each stored decision, in the thread.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        engine: Engine,
        overrides: Overrides,
        *,
        metrics: Metrics,
        note: Callable[[str], None],
        decided: Callable[[int], None],
    ) -> None:
        self.last = TickForm()
        self.arguments: dict[str, RecordedArgument] = {}
        """The arguments of the last decision, with where each came from."""
        self.max_workers: int | None = None
        """The most workers that the last decision allows; ``None`` before the first."""
        self.capping = Capping(note)
        self._warned = Warned(note)
        self._plan = plan
        self._store = store
        self._engine = engine
        self._overrides = overrides
        self._metrics = metrics
        self._note = note
        self._decided = decided
        self._clock = WakingClock()
        self._thread = threading.Thread(target=self._run, name="decide", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._loop_thread = threading.get_ident()
        self._observed: SampleForm | None = None
        self._store_failure = ""
        self._pruned_at = 0.0
        self._decider = plan.make_scaler(
            providers=providers(store),
            memory=store.memory(plan.app),
        )
        self._scaler = Operated(self._decider, overrides.for_decision)

    @property
    def next_at(self) -> float | None:
        """When the next tick is due (epoch seconds); ``None`` while one is under way."""
        return self._clock.next_at

    def begin(self) -> None:
        """From now on the engine lives in the running event loop."""
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()

    def start(self) -> None:
        """Make the first tick."""
        self._thread.start()

    def ask(self, look: Callable[[], T]) -> T:
        """What *look* gives in the event loop, where everything that it looks at is changed; any thread may ask."""
        if threading.get_ident() == self._loop_thread:
            return look()
        answer: Future[T] = Future()

        def act() -> None:
            try:
                answer.set_result(look())
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(act)
        return answer.result(timeout=HANGS_AFTER)

    def soon(self) -> None:
        """Make a tick now, rather than when it is due. May be called from any thread."""
        self._clock.wake()

    def stop(self) -> None:
        """Make no further tick."""
        self._clock.stop()

    async def ended(self) -> None:
        """Wait for the tick that is under way, as long as it doesn't hang: then nothing is started or removed."""
        # Looked at rather than joined: a policy that hangs must not keep up an operator who ends it all at once.
        until = time.monotonic() + HANGS_AFTER
        while self._thread.is_alive() and time.monotonic() < until:  # noqa: ASYNC110 - a thread, which sets no event
            await asyncio.sleep(0.02)

    # What the loop asks of its target.

    def observe(self) -> Factors:
        """What is known now."""
        self._observed = None
        return self.ask(self._observe)

    def apply(self, result: DecideResult) -> Applied | None:
        """Carry out *result*."""
        return self.ask(lambda: self._engine.apply(result))

    def _observe(self) -> Factors:
        sample = self._engine.sample()
        factors = self._engine.observe()
        # The numbers of the observation, rather than what will have become of them when the tick is stored.
        self._observed = sample.model_copy(update={"at": factors.observed_at})
        return factors

    # The thread.

    def _run(self) -> None:
        plan, self._clock.woke_at = self._plan, time.time()
        while True:
            try:
                for tick in run(
                    self,
                    self._scaler,
                    interval=plan.interval,
                    clock=self._clock,
                    dry_run=plan.dry_run,
                    hangs_after=HANGS_AFTER,
                ):
                    self._after(tick)
            except StoppedError:
                return
            except Exception as error:  # noqa: BLE001 - an app that isn't scaled any more would be worse
                self._note(f"a tick isn't told: {describe_error(error)}")
            try:
                self._clock.sleep_until(time.time() + plan.interval)
            except StoppedError:
                return

    def _after(self, tick: Tick) -> None:
        """Store *tick*, count it, and tell what came of it."""
        now = time.time()
        at, took, lag = self._clock.woke_at, now - self._clock.woke_at, self._clock.lag
        record = None if tick.decision is None else tick.decision.record()
        result, applied, override = tick.result, tick.applied, self._overrides.in_force
        if result is not None:
            self.max_workers = result.max_workers
            self.capping.seen(result, now)
            self._warned.seen(result, now)
        if record is not None:
            self.arguments = record.arguments
        sample, workers, queue = self.ask(
            lambda: (self._observed or self._engine.sample(), self._engine.workers(), self._engine.queue())
        )
        self.last = TickForm(at=at, took=took, lag=lag, failure=tick.failure)
        row = TickRow(
            at=at if tick.factors is None else tick.factors.observed_at,
            took=took,
            lag=lag,
            record=None if record is None else record.json(),
            memory=getattr(self._decider, "memory", None),
            applied=None if applied is None else asdict(applied),
            operator=None if override is None else override.model_dump(),
            failure=tick.failure,
            workers=[worker.row() for worker in workers],
            queue=[(request["created_at"], request["reason"]) for request in map(QueuedForm.model_dump, queue)],
            sample=sample.model_copy(update={"max_workers": self.max_workers}).model_dump(mode="json"),
        )
        decision_id = self._keep(row, now)
        if result is not None:
            self._metrics.decided(result)
        self._metrics.ticked(took, lag, failed=bool(tick.failure))
        for line in () if applied is None else applied.why:
            self._note(line)
        if tick.failure:
            self._note(f"tick failed, nothing is changed: {tick.failure}")
        if decision_id is not None:
            self._decided(decision_id)

    def _keep(self, row: TickRow, now: float) -> int | None:
        try:
            decision_id = self._store.write_tick(self._plan.app, row)
            if now - self._pruned_at > PRUNE_EVERY:
                self._pruned_at = now
                self._store.prune(self._plan.app, now)
        except AutoscalerError as error:
            # Scaling goes on without a memory; it is said once, not at every tick.
            if str(error) != self._store_failure:
                self._note(f"the tick isn't kept: {error}")
            self._store_failure = str(error)
            return None
        if self._store_failure:
            self._note("ticks are kept again")
        self._store_failure = ""
        return decision_id
