"""Workloads made of others: faster or slower, thinned, shifted, one after the other, together, again and again."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Sequence
from itertools import compress
from random import Random
from typing import Any

from attrs import evolve

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.service import LogNormal
from everai_autoscaler.simulator.workload import MOST_REQUESTS, Workload

__all__ = ["merge", "pick", "repeat", "scale", "shift", "splice", "thin"]

_COLUMNS = ("services", "sessions", "input_tokens", "output_tokens", "classes")


def scale(workload: Workload, *, rate: float = 1.0, service: float = 1.0) -> Workload:
    """*workload* with *rate* times as many requests a second, each of which takes *service* times as long.

    Time is stretched: bursts keep their shape and number of requests. Both are factors above 0.

    >>> list(scale(Workload("w", [0, 10], [2, 2]), rate=2, service=3))
    [(0.0, 6.0), (5.0, 6.0)]

    Raises:
        ArgumentError: a factor that isn't a number above 0.
    """
    _above_0("rate", rate)
    _above_0("service", service)
    return evolve(
        workload,
        name=f"{workload.name} scaled",
        arrivals=_rounded(came / rate for came in workload.arrivals),
        services=_rounded(seconds * service for seconds in workload.services),
        modelled=_and(workload, f"its rate is {rate:g} times, and its service times are {service:g} times as given"),
    )


def thin(workload: Workload, share: float, *, seed: int = 0) -> Workload:
    """What is left of *workload* when each request stays with the probability *share*, from 0 to 1.

    >>> len(thin(Workload("w", [0] * 1000, [1] * 1000), 0.3))
    299

    Raises:
        ArgumentError: *share* isn't a number from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ArgumentError(f"share: {share!r} is not a number from 0 to 1")
    chance = Random(f"{seed}:thin").random  # noqa: S311 - repeats from run to run
    stays = [chance() < share for _ in range(len(workload))]
    return _selected(workload, stays, f"{workload.name} thinned", f"a share of {share:g} of its requests, seed {seed}")


def pick(workload: Workload, classes: Collection[str]) -> Workload:
    """The requests of *workload* whose class is among *classes*: a path of an access log, for one.

    >>> list(pick(Workload("w", [0, 1], [2, 3], classes=["/chat", "/health"]), ["/chat"]))
    [(0.0, 2.0)]

    Raises:
        ArgumentError: the workload has no classes, or none of these.
    """
    there = workload.classes
    if there is None or not set(classes) & set(there):
        found = "no classes" if there is None else f"only {', '.join(sorted(set(there))[:10])}"
        raise ArgumentError(f"classes: {', '.join(sorted(classes))}: {workload.name} has {found}")
    stays = [one in classes for one in there]
    return _selected(workload, stays, workload.name, f"only its requests of class {', '.join(sorted(classes))}")


def shift(workload: Workload, seconds: float) -> Workload:
    """*workload* with every request *seconds* later; what would come before second 0 is left out.

    >>> list(shift(Workload("w", [0, 10], [2, 2]), -5))
    [(5.0, 2.0)]

    Raises:
        ArgumentError: *seconds* isn't a finite number.
    """
    if not math.isfinite(seconds):
        raise ArgumentError(f"seconds: {seconds!r} is not a finite number")
    whole = workload.between(-seconds) if seconds < 0 else workload
    later = max(0.0, seconds)
    return evolve(
        whole,
        name=f"{workload.name} shifted",
        arrivals=_rounded(came + later for came in whole.arrivals),
        start=None if whole.start is None else whole.start - later,
        modelled=_and(workload, f"its requests come {seconds:g} s later"),
    )


def splice(first: Workload, *others: Workload, at: Sequence[float] = ()) -> Workload:
    """*first* until second *at*, then the next from its own start on, and so on.

    Args:
        first: what comes first.
        others: what comes then.
        at: for each of *others* the second at which it begins, never falling; by default when the last request of the
            one before has come.

    >>> list(splice(Workload("a", [0, 10], [1, 1]), Workload("b", [0, 5], [2, 2]), at=[7]))
    [(0.0, 1.0), (7.0, 2.0), (12.0, 2.0)]

    Raises:
        ArgumentError: *at* has another length than *others*, or falls.
    """
    begins = list(at)
    if at and (len(at) != len(others) or not all(a <= b for a, b in zip([0.0, *at], at, strict=False))):
        raise ArgumentError(f"at: {begins} is not a second for each of {len(others)} further workloads, never falling")
    parts: list[tuple[float, Workload]] = []
    start = 0.0
    for place, one in enumerate([first, *others]):
        until = begins[place] - start if place < len(begins) else math.inf
        part = one.between(0, until)
        parts.append((start, part))
        start += part.span if until == math.inf else until
    names = ", then ".join(one.name for one in (first, *others))
    return _together(parts, names, "one workload after the other")


def merge(first: Workload, *others: Workload) -> Workload:
    """The requests of all of them, from a common second 0 on.

    >>> list(merge(Workload("a", [0, 10], [1, 1]), Workload("b", [5], [2])))
    [(0.0, 1.0), (5.0, 2.0), (10.0, 1.0)]
    """
    every = (first, *others)
    return _together([(0.0, one) for one in every], " with ".join(one.name for one in every), "workloads together")


def repeat(
    workload: Workload, times: int, *, noise: float = 0.0, period: float | None = None, seed: int = 0
) -> Workload:
    """*workload* again and again, each time a little otherwise.

    Args:
        workload: what is repeated.
        times: how often it comes in all, at least 1.
        noise: how much more or less comes each time: the coefficient of variation of a lognormal factor of mean 1. A
            request comes as often as the factor says, on average: 1.3 doubles three of ten. With noise each
            request is moved within the gap to the next one, too, so that no two repetitions are alike; 0 repeats
            exactly.
        period: seconds from one repetition to the next; by default until its last request has come.
        seed: of chance.

    >>> list(repeat(Workload("w", [0, 4], [1, 1]), 2, period=10))
    [(0.0, 1.0), (4.0, 1.0), (10.0, 1.0), (14.0, 1.0)]

    Raises:
        ArgumentError: *times* is below 1, *noise* below 0, *period* shorter than the workload, or too much comes.
    """
    length = workload.span if period is None else period
    if times < 1 or not 0 <= noise < math.inf:
        raise ArgumentError(f"times: {times!r}, noise: {noise!r}: a number of at least 1, and one of at least 0")
    if not workload.span <= length < math.inf:
        raise ArgumentError(
            f"period: {period!r} is not a number of seconds of at least the {workload.span:g} s it lasts"
        )
    if times * len(workload) > MOST_REQUESTS:
        raise ArgumentError(f"times: {times} of {len(workload):,} requests are more than {MOST_REQUESTS:,}")
    parts: list[tuple[float, Workload]] = []
    for ordinal in range(times):
        chance = Random(f"{seed}:repeat:{ordinal}")  # noqa: S311 - repeats from run to run
        parts.append((ordinal * length, _noisy(workload, noise, length, chance) if noise else workload))
    how = f"{workload.name} {times} times" + (f" with noise {noise:g}, seed {seed}" if noise else "")
    return _together(parts, f"{workload.name} x{times}", how)


def _noisy(workload: Workload, noise: float, length: float, chance: Random) -> Workload:
    factor = LogNormal(1.0, noise).draw(chance)
    arrivals, places = array("d"), []
    follows = [*workload.arrivals[1:], length]
    for place, (came, after) in enumerate(zip(workload.arrivals, follows, strict=True)):
        often = int(factor) + (chance.random() < factor % 1)
        for moved in sorted(round(came + chance.random() * (after - came), 6) for _ in range(often)):
            arrivals.append(moved)
            places.append(place)
    columns: dict[str, Any] = {name: [column[place] for place in places] for name, column in _columns(workload).items()}
    return evolve(workload, arrivals=arrivals, **columns)


def _together(parts: Iterable[tuple[float, Workload]], name: str, how: str) -> Workload:
    """The requests of *parts*, each from its second on, in order of arrival; a column that one lacks is left out."""
    begun = list(parts)
    total = sum(len(one) for _, one in begun)
    if total > MOST_REQUESTS:
        raise ArgumentError(f"{name}: {total:,} requests are more than {MOST_REQUESTS:,}")
    arrivals = [round(came + start, 6) for start, one in begun for came in one.arrivals]
    order = sorted(range(total), key=arrivals.__getitem__)
    columns: dict[str, Any] = {}
    for column in _COLUMNS:
        values = [getattr(one, column) for _, one in begun]
        if all(value is not None for value in values):
            flat = [each for value in values for each in value]
            columns[column] = [flat[place] for place in order]
    distinct = list({id(one): one for _, one in begun}.values())
    return Workload(
        name,
        array("d", (arrivals[place] for place in order)),
        **columns,
        source=_all(one.source for one in distinct),
        licence=_all(one.licence for one in distinct),
        modelled=_all([how, *(one.modelled for one in distinct)]),
    )


def _selected(workload: Workload, stays: Sequence[bool], name: str, how: str) -> Workload:
    columns: dict[str, Any] = {column: list(compress(values, stays)) for column, values in _columns(workload).items()}
    arrivals = array("d", compress(workload.arrivals, stays))
    return evolve(workload, name=name, arrivals=arrivals, **columns, modelled=_and(workload, how))


def _columns(workload: Workload) -> dict[str, Sequence[Any]]:
    return {name: values for name in _COLUMNS if (values := getattr(workload, name)) is not None}


def _and(workload: Workload, how: str) -> str:
    return _all([how, workload.modelled])


def _all(words: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, words)))


def _rounded(seconds: Iterable[float]) -> array[float]:
    return array("d", (round(one, 6) for one in seconds))


def _above_0(name: str, factor: float) -> None:
    if not 0 < factor < math.inf:
        raise ArgumentError(f"{name}: {factor!r} is not a number above 0")
