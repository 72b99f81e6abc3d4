"""Runs of ``demand`` with the tuner beside it: what is played, what it came to, and what is kept on disk."""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from attrs import asdict, evolve, frozen

from benchmarks.arena.bout import LIMITS, SHARE, load, starts_with
from benchmarks.arena.roster import MOST_WORKERS
from everai_autoscaler.simulator.run import Run
from everai_autoscaler.simulator.waits import ROUNDING
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.tuning import Book, Constants, Slo, Traffic, Tuner
from everai_autoscaler.tuning.rehearsal import rehearse

__all__ = ["TRIALS", "VARIANTS", "Key", "Own", "Runs", "Variant", "app", "apps", "play"]

Key: TypeAlias = tuple[str, float, float, str]
"""A trace, a cold start, the seconds between two decisions, and a variant."""
TRIALS = ("azure_llm_code_2023", "azure_llm_conv_2023", "mooncake_conv_fast25", "servegen_r1_24h")
"""The traces of the summary's twelve cells, on which what is left out is tried, too."""
_HOUR = 3600.0
_FEWEST = 50
"""Requests that an hour has to have to be called the worst."""


@frozen
class Own:
    """What a run with the tuner came to."""

    trace: str
    cold_start: float
    period: float
    variant: str
    requests: int
    worker_seconds: float
    share: float
    """Of the requests that began in time."""
    first_hour: float
    worst_hour: float
    wait_p99: float
    switches: int
    rule: str
    """What was in force at the end."""
    late_of_allowed: float
    """Late requests over those that the SLO allows."""
    hindsight: float
    """Worker-seconds of the cheapest single candidate that would have met the SLO; NaN where none would have."""
    took: float

    @property
    def met(self) -> bool:
        """Whether the SLO was met."""
        return self.share >= SHARE


def _half(book: Book) -> Book:
    return _only(book, lambda number, _: number % 2 == 0)


def _only(book: Book, wanted: Callable[[int, str], bool]) -> Book:
    """The *book* with what is *wanted* of it, by number and rule; where it starts stays in it."""
    start = book.candidates[book.first]
    kept = [
        one
        for number, one in enumerate(book.candidates)
        if one == start or wanted(number, str(one.arguments.get("rule", "")))
    ]
    return evolve(book, candidates=tuple(kept))


@frozen
class Variant:
    """A change of one thing."""

    what: str
    constants: Constants = Constants()
    book: Callable[[Book], Book] = lambda book: book
    act: bool = True


VARIANTS: dict[str, Variant] = {
    "as shipped": Variant("as shipped"),
    "start": Variant("the rule at the start only, nothing is tuned", act=False),
    "no prior": Variant("nothing is expected of a rule before there is evidence", Constants(prior_requests=0.0)),
    "margin": Variant("half the margin for chance", Constants(margin=0.5)),
    "aim": Variant("the whole budget is aimed at", Constants(aim=1.0)),
    "early": Variant("no caution while little is known", Constants(early=1.0)),
    "feedback": Variant("what was really late doesn't count", Constants(slack_requests=1e15)),
    "switch": Variant("it switches for any saving", Constants(switch_saving=0.0)),
    "half": Variant("every second rule of the book", book=_half),
    "single": Variant("rules of one term only", book=lambda book: _only(book, lambda _, rule: "|" not in rule)),
    "forecast": Variant("no rule that looks ahead", book=lambda book: _only(book, lambda _, rule: "ahead" not in rule)),
}
"""What is left out or changed, one thing each."""


def play(path: str, trace: str, cold_start: float, period: float, variant: str) -> Own:
    """One run on the trace at *path*."""
    return played(load(path), trace, cold_start, period, variant)


def played(workload: Workload, trace: str, cold_start: float, period: float, variant: str) -> Own:
    """One run on *workload*."""
    changed, begin = VARIANTS[variant], time.perf_counter()
    rehearsal = rehearse(
        workload,
        cold_start=cold_start,
        period=period,
        act=changed.act,
        book=changed.book(Book.shipped()),
        slo=Slo(LIMITS[0], SHARE),
        constants=changed.constants,
        fixed={"max_workers": MOST_WORKERS},
        workers=starts_with(workload),
    )
    run, last = rehearsal.run, rehearsal.choices[-1] if rehearsal.choices else None
    metrics, hours = run.metrics(LIMITS[0]), _by_hour(run)
    return Own(
        trace,
        cold_start,
        period,
        variant,
        len(workload),
        metrics.worker_seconds,
        float(run.slo(LIMITS[0])),
        hours[0][1],
        min(share for count, share in hours if count >= _FEWEST or len(hours) == 1),
        metrics.wait_p99 or 0.0,
        len(rehearsal.switches),
        "" if last is None else str(last.candidate.arguments["rule"]),
        (1 - float(run.slo(LIMITS[0]))) / (1 - SHARE),
        _hindsight(workload, cold_start, period) if variant == "as shipped" else math.nan,
        took=time.perf_counter() - begin,
    )


def _hindsight(workload: Workload, cold_start: float, period: float) -> float:
    """Worker-seconds of the cheapest candidate that meets the SLO if it is in force from beginning to end."""
    tuner = Tuner(
        slo=Slo(LIMITS[0], SHARE),
        fixed={"max_workers": MOST_WORKERS},
        constants=Constants(half_life=1e15, runners_up=len(Book.shipped())),
        workers=starts_with(workload),
    )
    until = workload.arrivals[-1] + period
    traffic = Traffic(
        workload.arrivals, workload.services, start=0.0, until=until, cold_start=cold_start, period=period
    )
    choice = tuner.learn(traffic)
    standings = [*choice.runners_up, *([choice.standing] if choice.standing else [])]
    return min((one.workers * until for one in standings if one.share >= SHARE), default=math.nan)


def _by_hour(run: Run) -> list[tuple[int, float]]:
    """For each hour of the run the requests that came, and the share of them that began in time."""
    fates = run.requests
    hours = [[0, 0] for _ in range(int(fates.came[-1] // _HOUR) + 1)]
    for came, began in zip(fates.came, fates.began, strict=True):
        hour = hours[int(came // _HOUR)]
        hour[0] += 1
        hour[1] += began - came <= LIMITS[0] + ROUNDING
    return [(count, well / count if count else 1.0) for count, well in hours]


def apps(file: Path, services: Sequence[float] = (0.5, 6.0)) -> dict[str, Workload]:
    """Workloads of a file that has the requests of each minute, a column for each app.

    With services of 0.5 s as they are; with 6 s a tenth of them. Both are lognormal with a coefficient of variation of
    1, and the requests of a minute lie anywhere in it.
    """
    with gzip.open(file, "rt") as lines:
        rows = [row[-10:] for row in csv.reader(lines)]
    names, counts = rows[0], [[float(value) for value in row] for row in rows[1:]]
    sigma = math.sqrt(math.log(2))
    found: dict[str, Workload] = {}
    for place, name in enumerate(names):
        for service in services:
            chance = random.Random(f"{name}:{service}")  # noqa: S311 - repeats
            share = 1.0 if service < 1 else 0.1
            came = sorted(
                60 * minute + 60 * chance.random()
                for minute, row in enumerate(counts)
                for _ in range(math.floor(row[place] * share + chance.random()))
            )
            if len(came) < 300:
                continue
            takes = [chance.lognormvariate(math.log(service) - sigma**2 / 2, sigma) for _ in came]
            found[f"{name}, {service:g} s"] = Workload(f"{name}, {service:g} s", came, takes)
    return found


def app(file: str, name: str, cold_start: float, period: float) -> Own:
    """One run of an app of *file*."""
    return played(apps(Path(file))[name], f"app: {name}", cold_start, period, "as shipped")


class Runs:
    """Runs on disk, one JSON line each."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.found: dict[Key, Own] = {}
        if file.exists():
            for line in file.read_text().splitlines():
                self._remember(Own(**json.loads(line)))

    def _remember(self, own: Own) -> None:
        self.found[own.trace, own.cold_start, own.period, own.variant] = own

    def add(self, own: Own) -> None:
        """Keep a run."""
        self._remember(own)
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(own)) + "\n")
