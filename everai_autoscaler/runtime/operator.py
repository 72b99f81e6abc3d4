"""How an operator's override stands above a policy: in decisions, in the store, and in the notes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from attrs import evolve

from everai_autoscaler.errors import StateError
from everai_autoscaler.loop import decision_of
from everai_autoscaler.model import AutoScaler, DecideResult, Decision, Factors
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.store import Store

__all__ = ["Operated", "Overrides"]

WHO = "operator"


class Operated(AutoScaler):
    """Wraps a scaler, which still decides; an operator's pause or hold replaces its result.

    Its memory and records go on. Whatever the operator said, no worker that serves or holds a session goes, and there
    are never more than the policy's maximum.

    Args:
        scaler: the policy, or the pipeline round one.
        override: gives the override that is in force at a moment (epoch seconds); ``None`` for none.

    >>> from everai_autoscaler.model import Factors
    >>> class Eager(AutoScaler):
    ...     def decide(self, factors):
    ...         return DecideResult.scale_to(4, factors, max_workers=5)
    >>> result = Operated(Eager(), lambda now: Override(word="pause", since=0, by="ann")).decide(Factors())
    >>> result.up, str(result.reasons[-1])
    (0, 'operator: paused by ann')
    """

    def __init__(self, scaler: AutoScaler, override: Callable[[float], Override | None]) -> None:
        self.scaler = scaler
        self.name = getattr(scaler, "name", type(scaler).__name__)
        self._override = override

    def decide(self, factors: Factors) -> DecideResult:
        """The result of the policy, or the operator's instead.

        Raises:
            RuntimeError: the policy wanted to end the process or the thread, as ``sys.exit`` does.
        """
        return self.decision(factors).result

    def decision(self, factors: Factors) -> Decision:
        """The policy's decision, with the operator's result in the place of its own where there is one.

        Raises:
            RuntimeError: the policy wanted to end the process or the thread, as ``sys.exit`` does.
        """
        try:
            decision = decision_of(self.scaler, factors)
        except Exception:
            raise
        except BaseException as error:
            # It would silently end the thread that decides.
            raise RuntimeError(f"{self.name} wanted to end the runtime: {type(error).__name__} {error}") from error
        override = self._override(factors.observed_at)
        return decision if override is None else evolve(decision, result=_instead(override, decision.result, factors))


def _instead(override: Override, result: DecideResult, factors: Factors) -> DecideResult:
    most = result.max_workers
    if override.word == "pause" or override.workers is None:
        return DecideResult.hold(factors, str(override), max_workers=most, who=WHO)
    instead = DecideResult.scale_to(override.workers, factors, max_workers=most).because(str(override), who=WHO)
    if override.workers > most:
        return instead.because(f"at most {most}: that is the policy's maximum", who=WHO)
    return instead


class Overrides:
    """The override of one app: read from the store, written there, and noted when it changes.

    All but ``current`` waits for the store, and belongs in a thread.

    Args:
        store: where the override is; other processes write it, too.
        app: the app's name.
        note: is given each line that an operator would want to read.
    """

    def __init__(self, store: Store, app: str, note: Callable[[str], None]) -> None:
        self.in_force: Override | None = None
        """With what the last decision was made."""
        self._store = store
        self._app = app
        self._note = note
        self._read: Override | None = None
        self._noted: Override | None = None
        self._noting = threading.Lock()
        self.for_decision(time.time())

    def current(self) -> Override | None:
        """The override as it was read last, unless its time has passed."""
        override = self._read
        return None if override is None or override.over(time.time()) else override

    def for_decision(self, now: float) -> Override | None:
        """The override for a decision that is made *now* (epoch seconds)."""
        self._look()
        override = self._read
        self.in_force = None if override is None or override.over(now) else override
        return self.in_force

    def set(self, override: Override | None, by: str) -> None:
        """Put *override* over the policy, or take away what is there.

        Raises:
            StateError: it can't be stored.
        """
        with self._noting:
            self._store.set_operator(self._app, None if override is None else override.model_dump())
            self._refresh(f"resumed by {by}: the policy decides again")

    def refresh(self) -> None:
        """Read the override, which another process may have written; note a change, and take away what is over."""
        with self._noting:
            self._refresh("the policy decides again")

    def _refresh(self, resumed: str) -> None:
        self._look()
        override = self.current()
        if override == self._noted:
            return
        before, self._noted = self._noted, override
        self._note(f"{resumed}, no more {before}" if override is None else str(override))
        if override is None and before is not None and before.over(time.time()):
            # Where it can't be taken away it is over all the same; a store that fails is noted by the ticks. Another
            # process may have put a new one in its place since it was read.
            with suppress(StateError), self._store.alone():
                if self._store.operator(self._app) == before.model_dump():
                    self._store.set_operator(self._app, None)

    def _look(self) -> None:
        # What can't be read wasn't taken back.
        with suppress(StateError):
            stored = self._store.operator(self._app)
            self._read = None if stored is None else Override.model_validate(stored)
