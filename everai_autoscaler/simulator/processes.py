"""When requests come, where that is a model: the usual processes of arrivals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, cycle, islice
from random import Random
from typing import Any, Protocol

from attrs import field, frozen

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.spelled import above, at_least, between, number, numbers

__all__ = ["PROCESSES", "Diurnal", "Gamma", "Modulated", "Poisson", "Process", "Spike", "Step", "Weibull"]

_RATE = "requests a second"
_MICRO = 1_000_000
"""Arrivals are whole microseconds: what a machine's last digits of a logarithm are doesn't show."""


class Process(Protocol):
    """What says when requests come."""

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*, never falling, by *chance*."""
        ...

    def __str__(self) -> str:
        """It in words."""
        ...


@frozen
class Poisson:
    """A Poisson process: gaps are independent and exponential with mean 1 / *rate*; their CV is 1.

    >>> list(Poisson(2).arrivals(1, Random(3)))
    [0.135881, 0.528764, 0.759746]
    """

    rate: float = field(converter=number, validator=above(0, _RATE))

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*."""
        return _poisson([(duration, self.rate)], duration, chance)

    def __str__(self) -> str:
        return f"Poisson at {self.rate:g} a second"


@frozen
class Modulated:
    """A Markov-modulated Poisson process: its states follow each other in turn, each with a rate of its own.

    A state lasts exponentially long with the mean that *stays* gives it. The first state is drawn by the share of time
    that each has, so that the process is stationary; its mean rate is the sum of rate * stay, divided by the sum of the
    stays (Fischer and Meier-Hellstern, The Markov-modulated Poisson process cookbook, 1993).

    >>> Modulated([0.5, 20], stays=[300, 30]).rate
    2.272727272727273
    """

    rates: tuple[float, ...] = field(converter=numbers, validator=at_least(0, _RATE))
    """Requests a second, for each state; as text ``0.5/20``."""
    stays: tuple[float, ...] = field(converter=numbers, validator=at_least(0.001, "seconds"))
    """Seconds that a state lasts on average, for each state."""

    def __attrs_post_init__(self) -> None:
        if len(self.rates) != len(self.stays) or not any(self.rates):
            raise ArgumentError(
                f"rates: {'/'.join(f'{rate:g}' for rate in self.rates)}: give a rate for each of "
                f"{len(self.stays)} stays, one of them above 0"
            )

    @property
    def rate(self) -> float:
        """Requests a second, on average."""
        expected = (rate * stay for rate, stay in zip(self.rates, self.stays, strict=True))
        return math.fsum(expected) / math.fsum(self.stays)

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*."""
        states = list(zip(self.stays, self.rates, strict=True))
        share, first = chance.random() * math.fsum(self.stays), 0
        while first < len(states) - 1 and share >= states[first][0]:
            share -= states[first][0]
            first += 1
        visits = islice(cycle(states), first, None)
        return _poisson(((_exponential(chance) * stay, rate) for stay, rate in visits), duration, chance)

    def __str__(self) -> str:
        states = (f"{rate:g} a second for {stay:g} s" for rate, stay in zip(self.rates, self.stays, strict=True))
        return f"Markov-modulated Poisson, on average at {', then '.join(states)}"


@frozen
class Diurnal:
    """A Poisson process whose rate goes up and down: rate * (1 + swing * cos(2 pi (t - peak) / period)).

    Arrivals are those of a Poisson process at the highest rate, of which each is taken with the probability that its
    moment has (thinning: Lewis and Shedler, 1979).

    >>> str(Diurnal(2, swing=0.5))
    'Poisson at 2 a second on average, 3 at most and 1 at least in each 86400 s'
    """

    rate: float = field(converter=number, validator=above(0, _RATE))
    """Requests a second, on average over a period."""
    swing: float = field(converter=number, default=0.8, validator=between(0, 1))
    """By which share of the average it goes up and down."""
    period: float = field(converter=number, default=86_400.0, validator=above(0, "seconds"))
    peak: float = field(converter=number, default=43_200.0, validator=at_least(0, "seconds"))
    """When the rate is highest, in seconds from the start."""

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*."""
        turn = 2 * math.pi / self.period
        for came in _poisson([(duration, self.rate * (1 + self.swing))], duration, chance):
            if chance.random() * (1 + self.swing) < 1 + self.swing * math.cos(turn * (came - self.peak)):
                yield came

    def __str__(self) -> str:
        most, least = self.rate * (1 + self.swing), self.rate * (1 - self.swing)
        return (
            f"Poisson at {self.rate:g} a second on average, {most:g} at most and {least:g} at least "
            f"in each {self.period:g} s"
        )


@frozen
class Step:
    """A Poisson process whose rate changes once, from *rate* to *to*, at second *at*.

    >>> str(Step(1, to=5, at=600))
    'Poisson at 1 a second, from 600 s on at 5 a second'
    """

    rate: float = field(converter=number, validator=at_least(0, _RATE))
    to: float = field(converter=number, validator=at_least(0, _RATE))
    at: float = field(converter=number, default=600.0, validator=at_least(0, "seconds"))

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*."""
        return _poisson([(self.at, self.rate), (duration, self.to)], duration, chance)

    def __str__(self) -> str:
        return f"Poisson at {self.rate:g} a second, from {self.at:g} s on at {self.to:g} a second"


@frozen
class Spike:
    """A Poisson process whose rate is *peak* for *lasts* seconds from second *at* on, and *rate* else.

    >>> str(Spike(1, peak=20, at=600, lasts=120))
    'Poisson at 1 a second, from 600 s to 720 s at 20 a second'
    """

    rate: float = field(converter=number, validator=at_least(0, _RATE))
    peak: float = field(converter=number, validator=at_least(0, _RATE))
    at: float = field(converter=number, default=600.0, validator=at_least(0, "seconds"))
    lasts: float = field(converter=number, default=120.0, validator=above(0, "seconds"))

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*."""
        return _poisson([(self.at, self.rate), (self.lasts, self.peak), (duration, self.rate)], duration, chance)

    def __str__(self) -> str:
        until = self.at + self.lasts
        return f"Poisson at {self.rate:g} a second, from {self.at:g} s to {until:g} s at {self.peak:g} a second"


@frozen
class Gamma:
    """Independent gaps from a Gamma distribution with mean 1 / *rate* and the coefficient of variation *cv*.

    Its shape is 1 / cv^2, its scale cv^2 / rate. With a CV above 1 requests come in bursts, below 1 they are more even
    than chance; 1 is a Poisson process.

    >>> str(Gamma(2, cv=4))
    'Gamma gaps, 2 a second, CV 4'
    """

    rate: float = field(converter=number, validator=above(0, _RATE))
    cv: float = field(converter=number, default=1.0, validator=between(0.01, 100))

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*."""
        shape, scale = self.cv**-2, self.cv**2 / self.rate
        return _renewal(iter(lambda: chance.gammavariate(shape, scale), None), duration)

    def __str__(self) -> str:
        return f"Gamma gaps, {self.rate:g} a second, CV {self.cv:g}"


@frozen
class Weibull:
    """Independent gaps from a Weibull distribution with mean 1 / *rate* and the coefficient of variation *cv*.

    Its shape k solves cv^2 = G(1 + 2/k) / G(1 + 1/k)^2 - 1, where G is the gamma function; its scale is
    1 / (rate G(1 + 1/k)). Its tail is heavier than Gamma's where cv is above 1.

    >>> str(Weibull(2, cv=4)), round(Weibull(2, cv=1).shape, 6)
    ('Weibull gaps, 2 a second, CV 4', 1.0)
    """

    rate: float = field(converter=number, validator=above(0, _RATE))
    cv: float = field(converter=number, default=1.0, validator=between(0.01, 100))

    @property
    def shape(self) -> float:
        """The shape that gives this coefficient of variation, found by bisection."""
        least, most = 0.1, 200.0
        for _ in range(80):
            middle = (least + most) / 2
            squared = math.expm1(math.lgamma(1 + 2 / middle) - 2 * math.lgamma(1 + 1 / middle))
            least, most = (middle, most) if squared > self.cv**2 else (least, middle)
        return (least + most) / 2

    def arrivals(self, duration: float, chance: Random) -> Iterator[float]:
        """The seconds at which requests come, below *duration*."""
        power = 1 / self.shape
        scale = math.exp(-math.lgamma(1 + power)) / self.rate
        return _renewal(iter(lambda: scale * _exponential(chance) ** power, None), duration)

    def __str__(self) -> str:
        return f"Weibull gaps, {self.rate:g} a second, CV {self.cv:g}"


PROCESSES: Mapping[str, type[Any]] = {
    "diurnal": Diurnal,
    "gamma": Gamma,
    "modulated": Modulated,
    "poisson": Poisson,
    "spike": Spike,
    "step": Step,
    "weibull": Weibull,
}
"""For each name its process."""


def _exponential(chance: Random) -> float:
    return -math.log1p(-chance.random())


def _renewal(gaps: Iterable[float | None], duration: float) -> Iterator[float]:
    """Arrivals with *gaps* between them, the first of which begins at second 0."""
    moment, end = 0, duration * _MICRO
    for gap in gaps:
        moment += round((gap or 0.0) * _MICRO)
        if moment >= end:
            return
        yield moment / _MICRO


def _poisson(pieces: Iterable[tuple[float, float]], duration: float, chance: Random) -> Iterator[float]:
    """Arrivals below *duration* at a rate that is constant in each of *pieces*: its length in seconds, and its rate."""
    start, end = 0, round(duration * _MICRO)
    random, log1p = chance.random, math.log1p
    for length, rate in chain(pieces, [(math.inf, 0.0)]):
        until = end if length == math.inf else min(end, start + round(length * _MICRO))
        if rate:
            moment, mean = start, -_MICRO / rate
            while True:
                moment += round(mean * log1p(-random()))
                if moment >= until:
                    break
                yield moment / _MICRO
        start = until
        if start >= end:
            return
