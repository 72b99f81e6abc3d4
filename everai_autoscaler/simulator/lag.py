"""A target whose news come late or not at all, and which does what it is told only after a while."""

from __future__ import annotations

import random
from collections import deque
from functools import partial
from typing import Any, Protocol

from attrs import frozen

from everai_autoscaler.errors import ArgumentError, describe_error
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Factors

__all__ = ["Lag", "Lagged"]


@frozen(kw_only=True)
class Lag:
    """How late the news are, how often they are lost, and how late a decision has its effect.

    >>> str(Lag(observation=30, loss=0.1))
    'news are 30 s old; 10 % of the observations are lost'

    Raises:
        ArgumentError: a number out of its bounds; names it.
    """

    observation: float = 0.0
    """A policy sees the youngest snapshot that is at least so many seconds old; until there is one, nothing."""
    loss: float = 0.0
    """The probability that an observation is lost: neither workers nor queue are known then."""
    decision: float = 0.0
    """Seconds after which a decision is carried out."""

    def __attrs_post_init__(self) -> None:
        for name, most in (("observation", None), ("loss", 1), ("decision", None)):
            value = getattr(self, name)
            if not 0 <= value <= (most or 1e12):
                accepted = "of seconds of at least 0" if most is None else "from 0 to 1"
                raise ArgumentError(f"{name}: {value} is not a number {accepted}")

    def __str__(self) -> str:
        """What it is, in words; empty where nothing is late or lost."""
        said = []
        if self.observation:
            said.append(f"news are {self.observation:g} s old")
        if self.loss:
            said.append(f"{100 * self.loss:g} % of the observations are lost")
        if self.decision:
            said.append(f"decisions are carried out {self.decision:g} s later")
        return "; ".join(said)


class _Target(Protocol):
    """A target in virtual time."""

    @property
    def clock(self) -> Any:
        """Its time, on which something can be planned."""

    def observe(self) -> Factors:
        """What is known now."""

    def apply(self, result: DecideResult) -> Applied | None:
        """Do what *result* says."""


class Lagged:
    """A *target*, usually a ``Cluster``, seen and reached through a *lag*; all else is the target's own.

    A decision on old news may name a worker that is busy by now: a cluster with ``removal="drain"`` lets it finish. A
    snapshot that comes late still says when it was made (``observed_at``).

    >>> from everai_autoscaler.simulator.cluster import Cluster
    >>> target = Lagged(Cluster(workers=2, start=1000), Lag(observation=20))
    >>> target.observe().workers is None
    True
    >>> target.clock.sleep_until(1020)
    >>> target.observe().observed_at
    1000.0
    """

    def __init__(self, target: _Target, lag: Lag, *, seed: int = 0) -> None:
        self.target = target
        self.lag = lag
        self.applied: list[tuple[float, Applied | None, str]] = []
        """What was done later: when (epoch seconds), what the target says that it did, and what failed."""
        self._seen: deque[Factors] = deque()
        self._random = random.Random(f"{seed}:lag")  # noqa: S311 - the same on every machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)  # only what the target has and this hasn't

    @property
    def clock(self) -> Any:
        """The target's clock."""
        return self.target.clock

    def observe(self) -> Factors:
        """The youngest snapshot that is old enough; where it is lost, or there is none, one that knows nothing."""
        now: float = self.clock.now()
        seen = self._seen
        seen.append(self.target.observe())
        is_lost = self._random.random() < self.lag.loss
        while len(seen) > 1 and seen[1].observed_at <= now - self.lag.observation:
            seen.popleft()
        if is_lost or seen[0].observed_at > now - self.lag.observation:
            return Factors(workers=None, queue=None, queue_histories=None, observed_at=now)
        return seen[0]

    def apply(self, result: DecideResult) -> Applied | None:
        """Do what *result* says, now or when the lag of decisions is over."""
        if not self.lag.decision:
            return self.target.apply(result)
        later = self.clock.now() + self.lag.decision
        self.clock.call_at(later, partial(self._apply, later, result))
        return Applied(0, (), (f"it is carried out {self.lag.decision:g} s later",))

    def _apply(self, moment: float, result: DecideResult) -> None:
        applied, failure = None, ""
        try:
            applied = self.target.apply(result)
        except Exception as error:  # noqa: BLE001 - as a tick contains what fails when it is applied at once
            failure = describe_error(error)
        self.applied.append((moment, applied, failure))
