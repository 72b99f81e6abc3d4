"""How long a request keeps a worker busy, where that is a model: distributions, and a rule of token counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from statistics import NormalDist
from typing import Any, Protocol, TypeAlias

from attrs import field, frozen

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.spelled import above, at_least, number, spelled

__all__ = [
    "DISTRIBUTIONS",
    "SERVICES",
    "Deterministic",
    "Distribution",
    "Exponential",
    "FromTokens",
    "LogNormal",
    "Pareto",
    "Service",
    "distribution",
    "service",
]


class Distribution(Protocol):
    """What numbers are drawn from."""

    def draw(self, chance: Random) -> float:
        """One number, by *chance*."""
        ...

    def __str__(self) -> str:
        """It in words."""
        ...


@frozen
class Deterministic:
    """Always the same *value*, at least 0.

    >>> Deterministic(3).draw(Random(1)), str(Deterministic(3))
    (3.0, 'always 3')
    """

    value: float = field(converter=number, validator=at_least(0))

    def draw(self, chance: Random) -> float:  # noqa: ARG002 - a distribution like the others
        """The value."""
        return self.value

    def __str__(self) -> str:
        return f"always {self.value:g}"


@frozen
class Exponential:
    """Exponential with the given *mean*, above 0: F(x) = 1 - exp(-x / mean).

    >>> round(Exponential(3).draw(Random(1)), 6), str(Exponential(3))
    (0.432873, 'exponential, mean 3')
    """

    mean: float = field(converter=number, validator=above(0))

    def draw(self, chance: Random) -> float:
        """One number of at least 0, by inversion."""
        return -self.mean * math.log1p(-chance.random())

    def __str__(self) -> str:
        return f"exponential, mean {self.mean:g}"


@frozen
class LogNormal:
    """Lognormal with the given *mean*, above 0, and coefficient of variation *cv*, at least 0.

    The logarithm is normal with variance s^2 = ln(1 + cv^2) and mean ln(mean) - s^2 / 2.

    >>> round(LogNormal(6, cv=1).draw(Random(1)), 6), str(LogNormal(6, cv=1))
    (1.689418, 'lognormal, mean 6, CV 1')
    """

    mean: float = field(converter=number, validator=above(0))
    cv: float = field(converter=number, default=1.0, validator=at_least(0))

    def draw(self, chance: Random) -> float:
        """One number above 0, by inversion."""
        variance = math.log1p(self.cv * self.cv)
        standard = _STANDARD.inv_cdf(chance.random() or _LEAST)
        return math.exp(math.log(self.mean) - variance / 2 + math.sqrt(variance) * standard)

    def __str__(self) -> str:
        return f"lognormal, mean {self.mean:g}, CV {self.cv:g}"


@frozen
class Pareto:
    """Pareto with the given *mean* and *shape*, above 1: P(X > x) = (m / x)^shape for x >= m.

    The least value m is mean (shape - 1) / shape.
    Its variance is infinite where the shape is at most 2: no average over a run settles then.

    >>> round(Pareto(3, shape=2.5).draw(Random(1)), 6), str(Pareto(3, shape=2.5))
    (1.906946, 'Pareto, mean 3, shape 2.5')
    """

    mean: float = field(converter=number, validator=above(0))
    shape: float = field(converter=number, default=2.5, validator=above(1))

    def draw(self, chance: Random) -> float:
        """One number of at least m, by inversion."""
        least = self.mean * (self.shape - 1) / self.shape
        return least * math.exp(-math.log1p(-chance.random()) / self.shape)

    def __str__(self) -> str:
        return f"Pareto, mean {self.mean:g}, shape {self.shape:g}"


@frozen
class FromTokens:
    """``base + input_tokens / prefill + output_tokens / decode`` seconds.

    The defaults are round numbers for a dense model of about 70B parameters on one node with 8 GPUs, one request at a
    time.

    >>> FromTokens().seconds(4000, 60), str(FromTokens())
    (2.55, '0.05 + input_tokens / 8000 + output_tokens / 30')
    """

    base: float = field(converter=number, default=0.05, validator=at_least(0, "seconds"))
    """Seconds that every request takes."""
    prefill: float = field(converter=number, default=8000.0, validator=above(0, "tokens a second"))
    """Input tokens that are read in a second."""
    decode: float = field(converter=number, default=30.0, validator=above(0, "tokens a second"))
    """Output tokens that are written in a second."""

    def seconds(self, input_tokens: int, output_tokens: int) -> float:
        """Seconds that a request with so many tokens keeps a worker busy."""
        return self.base + input_tokens / self.prefill + output_tokens / self.decode

    def __str__(self) -> str:
        return f"{self.base:g} + input_tokens / {self.prefill:g} + output_tokens / {self.decode:g}"


Service: TypeAlias = Distribution | FromTokens
"""How long a request keeps a worker busy, in seconds."""

DISTRIBUTIONS: Mapping[str, type[Any]] = {
    "deterministic": Deterministic,
    "exponential": Exponential,
    "lognormal": LogNormal,
    "pareto": Pareto,
}
"""For each name its distribution."""
SERVICES: Mapping[str, type[Any]] = {**DISTRIBUTIONS, "tokens": FromTokens}
"""For each name its model of service times."""


def service(given: Service | float | str) -> Service:
    """The model that *given* is: one of this file, seconds that every request takes, or text.

    Text is a number, or ``exponential:3``, ``lognormal:6:1``, ``lognormal:mean=6:cv=1``, ``tokens:decode=60``: a name
    of ``SERVICES``, and its fields with ``:`` or ``,`` between them.

    >>> service(2), service("pareto:3"), service("tokens:decode=60").seconds(0, 60)
    (Deterministic(value=2.0), Pareto(mean=3.0, shape=2.5), 1.05)

    Raises:
        UnknownNameError: a name that there isn't.
        ArgumentError: a value that isn't accepted.
    """
    read: Service = _read(given, SERVICES, "service times")
    return read


def distribution(given: Distribution | float | str) -> Distribution:
    """The distribution that *given* is: one of this file, the one value that it has, or text as for ``service``.

    Raises:
        UnknownNameError: a name that isn't one of ``DISTRIBUTIONS``.
        ArgumentError: a value that isn't accepted.
    """
    read: Distribution = _read(given, DISTRIBUTIONS, "distribution")
    return read


def _read(given: Any, kinds: Mapping[str, type[Any]], kind: str) -> Any:
    if isinstance(given, str):
        value = number(given.strip())
        return spelled(given, kinds, kind=kind, separator="[:,]") if isinstance(value, str) else Deterministic(value)
    if isinstance(given, int | float):
        return Deterministic(given)
    if not isinstance(given, tuple(kinds.values())) and not hasattr(given, "draw"):
        raise ArgumentError(f"{kind}: {given!r} is neither a number nor one of {', '.join(kinds)}")
    return given


_STANDARD = NormalDist()
_LEAST = 2.0**-54
"""In place of the 0 that chance may give: its normal quantile would be infinite."""
