"""An operator's word over a policy: pause, or hold at so many workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, Protocol

from attrs import evolve

from everai_autoscaler.errors import StateError
from everai_autoscaler.loop import decision_of
from everai_autoscaler.model import AutoScaler, DecideResult, Decision, Factors
from everai_autoscaler.model.wire import WireModel
from everai_autoscaler.words import counted, moment

__all__ = ["Operated", "Overrides", "Word"]

WHO = "operator"


class Word(WireModel):
    """What an operator has said. All times are epoch seconds.

    >>> print(Word(word="hold", since=0, by="ann", workers=3, until=1800, reason="the demo"))
    held at 3 workers by ann until 1970-01-01T00:30:00+0000: the demo
    """

    word: Literal["pause", "hold"]
    """Do nothing; or keep so many workers."""
    since: float
    by: str
    workers: int | None = None
    """How many, for a hold."""
    until: float | None = None
    """When it is over by itself; ``None`` for never."""
    reason: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Word:
        """The word as the store has it."""
        return cls.model_validate(given)

    def as_dict(self) -> dict[str, Any]:
        """The word as the store keeps it."""
        return self.model_dump()

    def over(self, now: float) -> bool:
        """Whether its time has passed."""
        return self.until is not None and self.until <= now

    def __str__(self) -> str:
        done = "paused" if self.word == "pause" else f"held at {counted(self.workers or 0, 'worker')}"
        until = "" if self.until is None else f" until {moment(self.until)}"
        return f"{done} by {self.by}{until}" + (f": {self.reason}" if self.reason else "")


class Operated(AutoScaler):
    """Wraps a scaler, which still decides; an operator's pause or hold replaces its result.

    Its memory and records go on. Whatever the operator said, no worker that serves or holds a session goes, and there
    are never more than the policy's maximum.

    Args:
        scaler: the policy, or the pipeline round one.
        word: gives what is in force at a moment (epoch seconds); ``None`` for nothing.

    >>> from everai_autoscaler.model import Factors
    >>> class Eager(AutoScaler):
    ...     def decide(self, factors):
    ...         return DecideResult.scale_to(4, factors, max_workers=5)
    >>> result = Operated(Eager(), lambda now: Word(word="pause", since=0, by="ann")).decide(Factors())
    >>> result.up, str(result.reasons[-1])
    (0, 'operator: paused by ann')
    """

    def __init__(self, scaler: AutoScaler, word: Callable[[float], Word | None]) -> None:
        self.scaler = scaler
        self.name = getattr(scaler, "name", type(scaler).__name__)
        self._word = word

    def decide(self, factors: Factors) -> DecideResult:
        """What the policy says, or what the operator has said instead.

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
            # It would end the thread that decides, and nobody would hear of it.
            raise RuntimeError(f"{self.name} wanted to end the runtime: {type(error).__name__} {error}") from error
        word = self._word(factors.observed_at)
        return decision if word is None else evolve(decision, result=_overridden(decision.result, word, factors))


def _overridden(result: DecideResult, word: Word, factors: Factors) -> DecideResult:
    if word.word == "pause" or word.workers is None:
        return DecideResult.hold(factors, str(word), max_workers=result.max_workers, who=WHO)
    override = DecideResult.scale_to(word.workers, factors, max_workers=result.max_workers).because(str(word), who=WHO)
    if word.workers > result.max_workers:
        return override.because(f"at most {result.max_workers}: that is the policy's maximum", who=WHO)
    return override


class Stored(Protocol):
    """Where the override of an app is."""

    def operator(self, app: str) -> Mapping[str, Any] | None:
        """The override, as plain JSON."""

    def set_operator(self, app: str, word: Mapping[str, Any] | None) -> None:
        """Put *word* in its place; ``None`` takes it away."""


class Overrides:
    """What operators put in place of one app's policy, and what is told of it.

    All but ``current`` waits for the store, and belongs in a thread.

    Args:
        store: where the override is; other processes write it, too.
        app: the app's name.
        note: is given each line that an operator would want to read.
    """

    def __init__(self, store: Stored, app: str, note: Callable[[str], None]) -> None:
        self.in_force: Word | None = None
        """With what the last decision was made."""
        self._store = store
        self._app = app
        self._note = note
        self._read: Word | None = None
        self._noted: Word | None = None
        self._noting = threading.Lock()
        self.for_decision(time.time())

    def current(self) -> Word | None:
        """The override as it was read last, unless its time has passed."""
        override = self._read
        return None if override is None or override.over(time.time()) else override

    def for_decision(self, now: float) -> Word | None:
        """The override for a decision that is made *now* (epoch seconds)."""
        self._look()
        override = self._read
        self.in_force = None if override is None or override.over(now) else override
        return self.in_force

    def set(self, override: Word | None, by: str) -> None:
        """Put *override* over the policy, or take away what is there.

        Raises:
            StateError: it can't be stored.
        """
        with self._noting:
            self._store.set_operator(self._app, None if override is None else override.as_dict())
            self._refresh(f"resumed by {by}: the policy decides again")

    def refresh(self) -> None:
        """Look what the override is, whoever wrote it; tell when it changes, and take away what is over."""
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
            # Where it can't be taken away it is over all the same, and that the store fails is told with the ticks.
            with suppress(StateError):
                self._store.set_operator(self._app, None)

    def _look(self) -> None:
        # What can't be read wasn't taken back.
        with suppress(StateError):
            stored = self._store.operator(self._app)
            self._read = None if stored is None else Word.of(stored)
