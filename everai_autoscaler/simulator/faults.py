"""What goes wrong with simulated workers, and how long they start: each has its own luck, told from the seed alone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Self

from attrs import field, frozen

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Factors

__all__ = ["ColdStart", "Faults", "Luck", "Machine", "machine_of"]

_HOUR = 3600.0


def _seconds(given: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(seconds) for seconds in given)


@frozen
class ColdStart:
    """One of *seconds* for each worker, each as likely as any other, times a lognormal factor with that *spread*.

    One number and no spread is a constant; one number with a spread is a lognormal distribution with that median; many
    numbers without one are an empirical distribution.

    >>> ColdStart([30], spread=0.4)
    ColdStart(30 s, times a lognormal factor with a sigma of 0.4)
    >>> round(ColdStart([30], spread=0.4).draw(seed=7, ordinal=0), 1)
    28.7
    >>> ColdStart([20, 31.5, 44]).draw(seed=7, ordinal=3)
    44.0

    Raises:
        ArgumentError: no number, one below 0, or a spread that is none.
    """

    seconds: tuple[float, ...] = field(converter=_seconds)
    """At least 0 each; ``math.inf`` for a start that never completes."""
    spread: float = field(default=0.0, kw_only=True)
    """The standard deviation of the factor's logarithm; at least 0."""

    def __attrs_post_init__(self) -> None:
        if not self.seconds or not all(seconds >= 0 for seconds in self.seconds):
            raise ArgumentError(f"cold_start: {list(self.seconds)} is not a list of numbers of seconds")
        _check("spread", self.spread, most=math.inf)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __str__(self) -> str:
        """What it is, in words."""
        low, high = min(self.seconds), max(self.seconds)
        words = f"{low:g} s" if low == high else f"one of {len(self.seconds)} from {low:g} to {high:g} s"
        return f"{words}, times a lognormal factor with a sigma of {self.spread:g}" if self.spread else words

    @classmethod
    def learnt(cls, snapshots: Iterable[Factors | Sequence[float]], *, spread: float = 0.0) -> Self:
        """What the ``start_times`` of recorded *snapshots*, the earliest first, or lists of such, say.

        A snapshot repeats what the one before it said: each start is counted once.

        >>> ColdStart.learnt([[30.5], [30.5], [29.0, 30.5], [29.0, 29.0, 30.5]]).seconds
        (30.5, 29.0, 29.0)

        Raises:
            ArgumentError: none of them has a start.
        """
        found: list[float] = []
        before: Sequence[float] = ()
        for snapshot in snapshots:
            now = (snapshot.start_times if isinstance(snapshot, Factors) else snapshot) or ()
            # The newest stand first, and the oldest are left out where there are too many.
            new = next(count for count in range(len(now) + 1) if list(now[count:]) == list(before[: len(now) - count]))
            found += reversed(now[:new])
            before = now or before
        if not found:
            raise ArgumentError("cold_start: none of the snapshots has start_times to learn from")
        return cls(found, spread=spread)

    def draw(self, seed: int, ordinal: int) -> float:
        """Seconds until the worker of that *ordinal*, counted from 0 in the order of starts, is ready."""
        if len(self.seconds) == 1 and not self.spread:
            return self.seconds[0]
        luck = random.Random(f"{seed}:start:{ordinal}")  # noqa: S311 - the same on every machine
        seconds = self.seconds[int(luck.random() * len(self.seconds))]
        return seconds * math.exp(self.spread * _normal(luck.random())) if self.spread else seconds


@frozen
class Machine:
    """What workers run on, and what an hour of one costs.

    >>> Machine("A100", price=2.5, spot_price=0.9)
    Machine(gpu_type='A100', price=2.5, spot_price=0.9, share=1.0)
    """

    gpu_type: str | None = None
    price: float | None = field(default=None, kw_only=True)
    spot_price: float | None = field(default=None, kw_only=True)
    """What an hour costs on capacity that the provider may take back; as *price* where it isn't given."""
    share: float = field(default=1.0, kw_only=True)
    """How many workers run on it, in proportion to the other machines' shares; above 0."""

    def __str__(self) -> str:
        """What it is and costs, in words."""
        price = "no price" if self.price is None else f"{self.price:g} an hour"
        spot = "" if self.spot_price is None else f", {self.spot_price:g} on spot capacity"
        return f"machine {self.gpu_type or 'of no stated type'}: {price}{spot}, a share of {self.share:g}"

    def __attrs_post_init__(self) -> None:
        for name in ("price", "spot_price", "share"):
            if (value := getattr(self, name)) is not None:
                _check(name, value, most=math.inf)


@frozen
class Luck:
    """What is to happen to one worker; all durations are seconds, ``math.inf`` for never."""

    fails_to_start: bool
    """It is gone when it should have become ready."""
    never_ready: bool
    is_spot: bool
    crashes_after: float
    """From its readiness."""
    reclaimed_after: float
    """From its start, to the provider's notice."""
    machine: float
    """From 0 to below 1; which of the machines it runs on."""


@frozen(kw_only=True)
class Faults:
    """What may go wrong. Each worker's luck depends on the seed and its place in the order of starts alone.

    So two policies meet the same luck, and another number for one fault leaves the luck with the others as it was.

    >>> Faults(crashes_per_hour=0.5).luck(seed=1, ordinal=0).never_ready
    False
    >>> Faults(start_failure=2)
    Traceback (most recent call last):
    everai_autoscaler.errors.ArgumentError: start_failure: 2 is not a number from 0 to 1

    Raises:
        ArgumentError: a number out of its bounds; names it.
    """

    start_failure: float = 0.0
    """The probability that a worker is gone when it should become ready."""
    never_ready: float = 0.0
    """The probability that a start never completes."""
    crashes_per_hour: float = 0.0
    """How often a worker that is ready crashes, exponentially distributed."""
    spot_share: float = 0.0
    """The share of workers that run on capacity which the provider may take back."""
    reclaims_per_hour: float = 0.0
    """How often the provider takes such a worker back, exponentially distributed."""
    notice: float = 0.0
    """Seconds between the provider's notice, from which on the worker drains, and its end."""
    draining: float = 0.0
    """Seconds that a worker which was ready stays, and is paid, after its removal."""

    def __attrs_post_init__(self) -> None:
        for name in ("start_failure", "never_ready", "spot_share"):
            _check(name, getattr(self, name), most=1)
        for name in ("crashes_per_hour", "reclaims_per_hour", "notice", "draining"):
            _check(name, getattr(self, name), most=math.inf)

    def __str__(self) -> str:
        """What goes wrong, in words; empty where nothing does."""
        said = {
            f"{100 * self.start_failure:g} % of the workers fail to start": self.start_failure,
            f"{100 * self.never_ready:g} % of the starts never complete": self.never_ready,
            f"a worker crashes {self.crashes_per_hour:g} times an hour": self.crashes_per_hour,
            f"{100 * self.spot_share:g} % of the workers are on spot capacity": self.spot_share,
            f"which is taken back {self.reclaims_per_hour:g} times an hour": self.spot_share * self.reclaims_per_hour,
            f"with a notice of {self.notice:g} s": self.spot_share * self.reclaims_per_hour * self.notice,
            f"a removed worker stays for {self.draining:g} s": self.draining,
        }
        return ", ".join(words for words, is_so in said.items() if is_so)

    def luck(self, seed: int, ordinal: int) -> Luck:
        """The luck of the worker of that *ordinal*, counted from 0 in the order of starts."""
        stream = random.Random(f"{seed}:faults:{ordinal}")  # noqa: S311 - the same on every machine
        fails, never, spot, crash, reclaim, machine = (stream.random() for _ in range(6))
        is_spot = spot < self.spot_share
        return Luck(
            fails_to_start=fails < self.start_failure,
            never_ready=never < self.never_ready,
            is_spot=is_spot,
            crashes_after=_exponential(crash, self.crashes_per_hour),
            reclaimed_after=_exponential(reclaim, self.reclaims_per_hour) if is_spot else math.inf,
            machine=machine,
        )


def machine_of(machines: Sequence[Machine], luck: float) -> Machine:
    """Which of the *machines* that *luck*, from 0 to below 1, stands for."""
    left = luck * math.fsum(machine.share for machine in machines)
    for machine in machines:
        left -= machine.share
        if left < 0:
            return machine
    return machines[-1]


def _exponential(luck: float, per_hour: float) -> float:
    return -math.log1p(-luck) / per_hour * _HOUR if per_hour else math.inf


def _normal(luck: float) -> float:
    return NormalDist().inv_cdf(min(max(luck, 1e-12), 1 - 1e-12))


def _check(name: str, value: float, *, most: float) -> None:
    if not 0 <= value <= most or value == math.inf:
        accepted = "of at least 0" if most == math.inf else f"from 0 to {most:g}"
        raise ArgumentError(f"{name}: {value} is not a number {accepted}")
