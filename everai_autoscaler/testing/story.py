"""Stories about a policy: what is the case, how time passes, and what the policy should decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self, TypeVar

from attrs import evolve, field, frozen
from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, QueueReason, Worker, WorkerStatus
from everai_autoscaler.testing.asking import Answer, ask, bound, remembered
from everai_autoscaler.testing.display import describe_actions
from everai_autoscaler.testing.snapshots import NOW, snapshot, worker

__all__ = ["Story", "StoryError", "story"]

S = TypeVar("S", bound="Story")


class StoryError(AssertionError):
    """The policy says something else than the story expects."""


def story(scaler: AutoScaler, *, memory: JsonValue = None, start: float = NOW) -> Story:
    """Begin a story about *scaler*, in which at first nothing waits and there is no worker.

    >>> from everai_autoscaler import FreeWorkerAutoScaler
    >>> quiet = (
    ...     story(FreeWorkerAutoScaler(max_workers=5, max_idle_time=60))
    ...     .busy(1).expect(up=1, because="0 free, fewer than 1")
    ...     .inflight(1).after(20).expect_nothing()
    ...     .busy(0).inflight(0).free(2).after(59).expect_nothing()
    ...     .after(1).expect(down=1)
    ... )
    >>> print(quiet)
     0 s  1 busy              starts 1        free-worker: 0 free, fewer than 1: starts 1 worker
    20 s  1 busy, 1 inflight  nothing         free-worker: 0 free, fewer than 1; 1 worker starting: waits for that
    79 s  2 free              nothing         free-worker: 2 free, not fewer than 1; nobody to remove: 2 free, 0 busy
    80 s  2 free              removes free-2  free-worker: removes free-2: idle for 60 s, at least 60 s

    Args:
        scaler: a policy, or a ``Decider`` round one.
        memory: what it remembers at first.
        start: epoch seconds at which the story begins.
    """
    return Story(bound(scaler), memory=memory, start=start, now=start)


@frozen
class _Scene:
    """What the policy saw once, and made of it."""

    factors: Factors
    answer: Answer


@frozen(eq=False, repr=False)
class Story:
    """A story so far. Each step gives a new one, so that several can go on from one beginning.

    What was said stays so until something else is said: ``busy(4)`` is from now on, also ``after(61)``. The workers of
    a status are called ``busy-1``, ``busy-2`` and so on; where there become fewer, the last ones are gone. What the
    policy says isn't done: the story tells what became of it. What the policy was shown before are the histories of
    what it is shown next.
    """

    scaler: AutoScaler
    memory: JsonValue
    """What the policy remembers."""
    start: float
    now: float
    """The present moment; epoch seconds."""
    queue: int | Mapping[QueueReason | str, int] | None = 0
    since: Mapping[WorkerStatus, tuple[float, ...]] = field(factory=dict)
    """For each status, since when each of its workers has it."""
    other: Mapping[str, Any] = field(factory=dict)
    scenes: tuple[_Scene, ...] = ()
    asked: bool = False
    """Whether the policy has been asked about what is the case now."""

    def waiting(self, count: int | Mapping[QueueReason | str, int] | None) -> Self:
        """From now on so many requests wait; a mapping gives the reasons, and ``None`` is not knowing it."""
        return evolve(self, queue=count, asked=False)

    def busy(self, count: int) -> Self:
        """From now on so many workers are busy."""
        return self._with(WorkerStatus.Busy, count)

    def free(self, count: int) -> Self:
        """From now on so many workers are free: those that are new have been idle for 0 seconds."""
        return self._with(WorkerStatus.Free, count)

    def inflight(self, count: int) -> Self:
        """From now on so many workers are starting: those that are new are started at this moment."""
        return self._with(WorkerStatus.Inflight, count)

    def given(self, **fields: Any) -> Self:
        """From now on the snapshot has these other *fields* of ``Factors``; ``workers=None``, say."""
        return evolve(self, other={**self.other, **fields}, asked=False)

    def without(self, *names: str) -> Self:
        """From now on the fields *names* aren't *given* any more.

        Raises:
            KeyError: one of them wasn't given.
        """
        other = dict(self.other)
        for name in names:
            del other[name]
        return evolve(self, other=other, asked=False)

    def after(self, seconds: float, *, every: float | None = None) -> Self:
        """So many *seconds* pass, in which nothing else changes.

        The policy isn't asked meanwhile, unless it is to be, *every* so many seconds; at the end it is asked only by
        what is expected next.

        Raises:
            ValueError: *seconds* is negative, or *every* isn't above 0.
        """
        if seconds < 0 or (every is not None and every <= 0):
            raise ValueError(f"after: {seconds} s, every {every}: time goes on")
        story, end = self, self.now + seconds
        while every is not None and story.now + every < end:
            story = story.after(every).ask()
        return evolve(story, now=end, asked=story.asked and not seconds)

    def ask(self) -> Self:
        """The policy is asked, once for what is the case at one moment, and remembers what it wants to."""
        if self.asked:
            return self
        factors = self.factors
        answer = ask(self.scaler, factors, self.memory)
        return evolve(self, scenes=(*self.scenes, _Scene(factors, answer)), memory=remembered(answer), asked=True)

    def expect(
        self,
        *,
        up: int | None = None,
        down: int | Collection[str] | None = None,
        wanted: int | None = None,
        max_workers: int | None = None,
        because: str = "",
    ) -> Self:
        """Ask the policy, which should say this; what isn't said is open, but it doesn't go the other way.

        Args:
            up: how many workers it starts.
            down: how many workers it removes, or which ones.
            wanted: how many workers there would then be: those listed, more those started, less those removed.
            max_workers: the maximum that it states.
            because: what is part of one of its reasons.

        Raises:
            StoryError: it says something else; shows the story so far.
        """
        expected: dict[str, Any] = {"up": up, "down": down, "wanted": wanted, "max_workers": max_workers}
        expected = {name: value for name, value in expected.items() if value is not None}
        if "up" in expected or "down" in expected:
            expected = {"up": 0, "down": 0} | expected
        asked = self.ask()
        result = asked.result
        found: dict[str, Any] = {
            "up": result.up,
            "down": len(result.down) if isinstance(down, int | None) else sorted(result.down),
            "wanted": len(asked.scenes[-1].factors.workers or ()) + result.up - len(result.down),
            "max_workers": result.max_workers,
        }
        if down is not None and not isinstance(down, int):
            expected["down"] = sorted(down)
        wrong = [f"{name} {value}, not {found[name]}" for name, value in expected.items() if value != found[name]]
        return _checked(asked, wrong, because)

    def expect_nothing(self, *, because: str = "") -> Self:
        """Ask the policy, which should be satisfied: it does nothing, and doesn't hold.

        Raises:
            StoryError: it says something else; shows the story so far.
        """
        asked = self.ask()
        satisfied = not asked.result.actions and not asked.result.held
        wrong = [] if satisfied else [f"nothing to do, not: {describe_actions(asked.result)}"]
        return _checked(asked, wrong, because)

    def expect_hold(self, *, because: str = "") -> Self:
        """Ask the policy, which should hold, since something isn't known.

        Raises:
            StoryError: it says something else; shows the story so far.
        """
        asked = self.ask()
        wrong = [] if asked.result.held else [f"a hold, not: {describe_actions(asked.result)}"]
        return _checked(asked, wrong, because)

    @property
    def factors(self) -> Factors:
        """The snapshot of the present moment."""
        fields: dict[str, Any] = {
            "workers": self._workers(),
            "observed_at": self.now,
            **self._histories(),
            **self.other,
        }
        return snapshot(self.queue, **fields)

    @property
    def result(self) -> DecideResult:
        """What the policy says of the present moment."""
        return self.ask().scenes[-1].answer.result

    def __str__(self) -> str:
        """The story so far: what was the case, what the policy did, and why."""
        moments = [f"{scene.factors.observed_at - self.start:g} s" for scene in self.scenes]
        cases = [_case(scene.factors) for scene in self.scenes]
        actions = [describe_actions(scene.answer.result) for scene in self.scenes]
        whys = ["; ".join(map(str, scene.answer.result.reasons)) for scene in self.scenes]
        widths = [max(map(len, column), default=0) for column in (moments, cases, actions)]
        return "\n".join(
            f"{moment:>{widths[0]}}  {case:<{widths[1]}}  {action:<{widths[2]}}  {why}".rstrip()
            for moment, case, action, why in zip(moments, cases, actions, whys, strict=True)
        )

    def _with(self, status: WorkerStatus, count: int) -> Self:
        if count < 0:
            raise ValueError(f"{status.value}: {count} is not a number of workers")
        older = self.since.get(status, ())[:count]
        return evolve(self, since={**self.since, status: (*older, *[self.now] * (count - len(older)))}, asked=False)

    def _workers(self) -> list[Worker]:
        return [
            self._worker(status, number, since)
            for status in _ORDER
            for number, since in enumerate(self.since.get(status, ()), 1)
        ]

    def _worker(self, status: WorkerStatus, number: int, since: float) -> Worker:
        worker_id = f"{status.value.lower()}-{number}"
        if status is WorkerStatus.Inflight:
            return worker(worker_id, status, started_ago=self.now - since, observed_at=self.now)
        # Started an hour before the story, each a second after the one before: who is the newest is plain to see.
        started_ago = self.now - self.start + 3600 - number
        idle = self.now - since if status is WorkerStatus.Free else 0.0
        return worker(worker_id, status, started_ago=started_ago, idle_for=idle, observed_at=self.now)

    def _histories(self) -> dict[str, Any]:
        earlier = {
            round(self.now - scene.factors.observed_at): scene.factors
            for scene in self.scenes[-_HISTORIES:]
            if scene.factors.observed_at < self.now
        }
        return {
            "queue_histories": {age: one.queue for age, one in earlier.items() if one.queue is not None},
            "worker_histories": {age: one.worker for age, one in earlier.items() if one.worker is not None},
        }


_ORDER = (WorkerStatus.Busy, WorkerStatus.Free, WorkerStatus.Inflight)
_HISTORIES = 20
"""How many earlier snapshots a snapshot tells of."""


def _case(factors: Factors) -> str:
    """What is the case, in a few words."""
    words = ["workers unknown"] if factors.workers is None else []
    found = Counter(one.status for one in factors.workers or ())
    words += [f"{found[status]} {status.value.lower()}" for status in _ORDER if found[status]]
    waiting = factors.waiting()
    if waiting is None:
        words.append("queue unknown")
    elif waiting:
        words.append(f"{waiting} waiting")
    return ", ".join(words) or "no worker, none waiting"


def _checked(asked: S, wrong: Sequence[str], because: str) -> S:
    """The story *asked*, unless something in it is *wrong*, or none of its last reasons contains *because*."""
    if because and not any(because in str(reason) for reason in asked.result.reasons):
        wrong = [*wrong, f"a reason with {because!r}"]
    if wrong:
        raise StoryError(f"expected {'; '.join(wrong)}\n\n{asked}")
    return asked
