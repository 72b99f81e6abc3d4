"""What a runtime shows of its app while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection

from everai_autoscaler.engine import Engine, QueuedForm, SampleForm, WorkerForm
from everai_autoscaler.runtime.forms import FleetForm, StateForm, StatusForm
from everai_autoscaler.runtime.operator import Overrides
from everai_autoscaler.runtime.plan import Plan
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.ticks import Ticks
from everai_autoscaler.runtime.view import StoreView
from everai_autoscaler.words import reason_word

__all__ = ["LiveView"]


class LiveView(StoreView):
    """The workers, the queue and the last tick as they are now; decisions, samples and ended workers from the store.

    Any thread may ask. The engine is always asked in the event loop, where everything that it looks at is changed;
    what reads the store waits for the disk, and belongs in another thread.

    Args:
        notes: the latest lines for an operator, the newest first.
        stopping: whether the runtime is to stop.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        engine: Engine,
        ticks: Ticks,
        overrides: Overrides,
        *,
        notes: Collection[str],
        stopping: Callable[[], bool],
    ) -> None:
        super().__init__(store, plan.app)
        self.started_at = time.time()
        self.admin_url = ""
        """Where the admin side answers; empty before it does."""
        self._plan = plan
        self._engine = engine
        self._ticks = ticks
        self._overrides = overrides
        self._notes = notes
        self._stopping = stopping

    def status(self) -> StatusForm:
        """How the app is."""
        return self._ticks.ask(self._status)

    def workers(self, *, ended: bool = False) -> list[WorkerForm]:
        """The workers that start, serve or drain; with *ended*, those that have ended, too."""
        here = self._ticks.ask(self._engine.workers)
        if not ended:
            return here
        known = {worker.id: worker for worker in [*super().workers(ended=True), *here]}
        return sorted(known.values(), key=lambda worker: worker.created_at)

    def queue(self) -> list[QueuedForm]:
        """The requests that wait, in the order in which they came."""
        return self._ticks.ask(self._engine.queue)

    def sample(self) -> SampleForm:
        """The present numbers. To be called in the event loop."""
        return self._engine.sample().model_copy(update={"max_workers": self._ticks.max_workers})

    def state(self) -> StateForm:
        """All that changes by itself. To be called in the event loop."""
        return StateForm(
            status=self._status(), workers=self._engine.workers(), queue=self._engine.queue(), sample=self.sample()
        )

    def _status(self) -> StatusForm:
        plan, ticks, sample = self._plan, self._ticks, self.sample()
        return StatusForm(
            app=plan.app,
            scaler=plan.scaler,
            running=True,
            pid=os.getpid(),
            started_at=self.started_at,
            interval=plan.interval,
            dry_run=plan.dry_run,
            stopping=self._stopping(),
            app_url=self._engine.url,
            admin_url=self.admin_url,
            state_dir=str(self.store.directory),
            operator=self._overrides.current(),
            tick=ticks.last.model_copy(update={"next_at": ticks.next_at}),
            max_workers=ticks.max_workers,
            capped=ticks.capping.in_force,
            arguments=ticks.arguments,
            workers=FleetForm(**sample.model_dump(include=set(FleetForm.model_fields))),
            queue={reason_word(reason.value): number for reason, number in sample.waiting.items()},
            back_off_until=self._engine.back_off_until,
            notes=list(self._notes),
        )
