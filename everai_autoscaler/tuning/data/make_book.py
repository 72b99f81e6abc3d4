"""Makes book.json beside it: the rules of ``demand`` that the tuner chooses among, and what is expected of each.

    python everai_autoscaler/tuning/data/make_book.py

What is expected of a rule is its late share on average over workloads that are generated here: Poisson arrivals, slow
waves and mild modulation, loads of 1 to 40 requests at once, service times of 1.5 to 50 seconds. No trace takes part.
It needs the extra ``simulator``, and takes a minute or two.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from everai_autoscaler.simulator import Workload, generate
from everai_autoscaler.simulator.processes import Diurnal, Modulated, Poisson
from everai_autoscaler.simulator.service import LogNormal
from everai_autoscaler.tuning import Candidate, Slo, Traffic
from everai_autoscaler.tuning.shadows import DemandShadows

BOOK = Path(__file__).with_name("book.json")
SOURCE = (
    "Rules of the scaler demand, by hand: one to three terms over windows from half a minute to two hours. Their form "
    "and numbers were found in trials on published traces. What is expected of each is its late share on average over "
    "generated workloads (Poisson, waves, mild modulation), at cold starts of 10, 30 and 120 s; data/make_book.py."
)
COLD_STARTS = (10.0, 30.0, 120.0)
PERIOD, STRETCH, SEED = 5.0, 300.0, 7
MAX_WORKERS = 200
NAMES = {"X": "now", "M60": "mean60", "M300": "mean300", "F20": "ahead20", "F60": "ahead60"}

Shape = tuple[float, float, float]
"""The numbers a, b and h of a term."""
Term = tuple[str, float, float, float, float]
"""A signal, the seconds of its window, and a, b and h."""

START: tuple[list[Term], int] = [("X", 1200, 1, 1.5, 1)], 1
"""The rule to begin with."""


def singles() -> Iterator[tuple[list[Term], int]]:
    """Rules of one term."""
    shapes: list[Shape] = [(1, 0, 0), (1, 0, 1), (1, 0.7, 0), (1, 0.7, 1), (1, 1.5, 0), (1, 1.5, 1), (1, 2.5, 1)]
    shapes += [(1.3, 0, 0), (1.3, 0.7, 0), (1.3, 1.5, 1), (1.7, 1.5, 1)]
    for window in (120, 600, 1800):
        for a, b, h in shapes:
            yield [("X", window, a, b, h)], 1
            if window >= 600 and (b, h) in {(0, 0), (0.7, 0), (0, 1)}:
                yield [("X", window, a, b, h)], 0
    shapes = [(1, 0.7, 0), (1, 0.7, 1), (1, 1.5, 0), (1, 1.5, 1), (1, 2.5, 0)]
    shapes += [(1.3, 0.7, 0), (1.3, 1.5, 0), (1.3, 2.5, 1)]
    for window in (60, 300, 1200):
        for a, b, h in shapes:
            yield [("M300", window, a, b, h)], 1
    shapes = [(1, 0.7, 0), (1, 1.5, 0), (1.3, 1.5, 0), (1.7, 1.5, 1)]
    for window in (60, 300, 1200):
        for a, b, h in shapes:
            yield [("M60", window, a, b, h)], 1


def several() -> Iterator[tuple[list[Term], int]]:
    """Rules of two or three terms."""
    quick: list[Term] = [("F60", 0, 1, 1.5, 0), ("F60", 0, 1.3, 3, 0), ("F60", 120, 1.3, 0.7, 0)]
    quick += [("F60", 600, 2.2, 0.7, 0), ("F20", 0, 1, 0.7, 0), ("F20", 0, 1.3, 1.5, 0)]
    slow: list[Term] = [("X", 600, 0.9, 0, 0), ("X", 1800, 0.75, 0, 0), ("X", 1200, 1.2, 0.5, 0)]
    means: list[Term] = [("M300", 1200, 0.7, 0.5, 0), ("M300", 2400, 0.85, 0.5, 0)]
    for first in quick:
        yield from (([first, second], least) for second in slow for least in (0, 1))
        yield from (([first, second], 1) for second in means)
    for first in (("X", 300, 1, 0.7, 1), ("X", 600, 1, 1.5, 2)):
        yield [first, ("X", 1200, 1.15, 0, 0)], 0
        yield [first, ("M300", 2400, 0.85, 0.5, 0)], 0
    for first in (("M300", 120, 1.2, 0, 1), ("X", 120, 1.2, 0.7, 0), ("X", 300, 1.3, 1.5, 0)):
        yield [first, ("M300", 1200, 1, 0.5, 0), ("M300", 7200, 0.5, 0, 0)], 0
    for first in (("X", 30, 1.4, 0.7, 0), ("X", 30, 1.7, 1.5, 0)):
        for second in (("X", 600, 1, 0, 0), ("X", 600, 1.2, 0.5, 0), ("X", 1200, 1.2, 0.5, 0)):
            yield [first, second, ("X", 4800, 0.4, 0, 0)], 0
    for first in (("F60", 120, 1.3, 0.7, 0), ("F20", 60, 1.5, 0.7, 0)):
        yield [first, ("X", 1200, 1.4, 0.5, 0)], 0
        yield [first, ("X", 1800, 1, 0.5, 0), ("X", 7200, 0.4, 0, 0)], 0


def patient() -> Iterator[tuple[list[Term], int]]:
    """Rules that look back for an hour or two, or have much more than the mean: for traffic in bursts."""
    shapes: list[Shape] = [(0.35, 1.5, 1), (0.5, 0.7, 0), (0.5, 1.5, 1), (0.7, 0.7, 0), (0.7, 1.5, 1), (1, 0, 0)]
    for window in (3600, 7200):
        for a, b, h in (*shapes, (1, 0.7, 0)):
            yield [("X", window, a, b, h)], 1
    shapes = [(0.7, 1.5, 0), (1, 1.5, 0), (1, 2.5, 1), (1.3, 1.5, 0), (1.7, 1.5, 1), (2.2, 1.5, 1), (3, 1.5, 1)]
    for window in (1800, 3600, 7200):
        for a, b, h in shapes:
            yield [("M60", window, a, b, h)], 1
    shapes = [(1, 0.7, 0), (1, 1.5, 0), (1, 2.5, 1), (1.7, 1.5, 1), (2.5, 2.5, 1), (4, 2.5, 1), (6, 2.5, 1)]
    for window in (2400, 7200):
        for a, b, h in shapes:
            yield [("M300", window, a, b, h)], 1
    slow: list[Term] = [("X", 3600, 0.5, 0.7, 0), ("X", 7200, 0.4, 0.7, 0), ("M60", 3600, 1, 0.7, 0)]
    slow += [("M60", 7200, 0.7, 0.7, 0), ("M300", 7200, 1.5, 1.5, 0)]
    first: Term
    for first in (("F20", 0, 1, 0.7, 0), ("F60", 0, 1, 1.5, 0), ("X", 120, 1.2, 0.7, 0)):
        for second in slow:
            yield [first, second], 1
            yield [first, second], 0


def rules() -> list[tuple[list[Term], int]]:
    """All rules, each with the fewest workers, in the order of the book."""
    return [START, *singles(), *several(), *patient()]


def text(terms: list[Term]) -> str:
    """A rule as ``demand`` reads it."""
    said = []
    for signal, window, a, b, h in terms:
        parts = [f"{a:g}*{NAMES[signal]}" + (f"[{window:g}s]" if window else "")]
        parts += [f"{b:g}*root"] if b else []
        parts += [f"{h:g}"] if h else []
        said.append(" + ".join(parts))
    return " | ".join(said)


def workloads() -> Iterator[Workload]:
    """What each rule is tried on."""
    for load in (1.0, 6.0, 40.0):
        for seconds in (1.5, 8.0, 50.0):
            rate = load / seconds
            lasts = min(6 * 3600.0, max(3600.0, 20_000 / rate))
            yield generate(Poisson(rate), service=LogNormal(seconds, 1.0), duration=lasts, seed=SEED)
    for load in (3.0, 20.0):
        for seconds in (2.0, 10.0, 40.0):
            rate = load / seconds
            lasts = min(12 * 3600.0, 60_000 / rate)
            wave = Diurnal(rate, swing=0.8, period=14_400.0, peak=3600.0)
            yield generate(wave, service=LogNormal(seconds, 1.2), duration=lasts, seed=SEED)
            mild = Modulated((2 * rate, 0.6 * rate), (600.0, 1500.0))
            yield generate(mild, service=LogNormal(seconds, 1.0), duration=lasts, seed=SEED)


def late_shares(candidates: list[Candidate], workload: Workload, cold_start: float) -> list[float]:
    """For each candidate the share of the requests of the *workload* that began later than the SLO allows."""
    first = workload.between(0, 600)
    workers = max(1, math.ceil(1.25 * math.fsum(first.services) / 600))
    shadows = DemandShadows(candidates, {"max_workers": MAX_WORKERS}, within=Slo().within, workers=workers)
    late = [0.0] * len(candidates)
    for number in range(math.ceil(workload.span / STRETCH)):
        start = number * STRETCH
        ends = [bisect_left(workload.arrivals, moment) for moment in (start, start + STRETCH)]
        columns = workload.arrivals[slice(*ends)], workload.services[slice(*ends)]
        about: Any = {"start": start, "until": start + STRETCH, "cold_start": cold_start, "period": PERIOD}
        outcome = shadows.play(Traffic(*columns, **about))
        late = [before + new for before, new in zip(late, outcome.late, strict=True)]
    return [one / len(workload) for one in late]


def main() -> None:
    """Write the book."""
    candidates = [Candidate("demand", {"rule": text(terms), "min_workers": least}) for terms, least in rules()]
    tried = [one for one in workloads() if len(one) >= 200]
    expected: dict[float, list[float]] = {}
    for cold_start in COLD_STARTS:
        shares = [late_shares(candidates, one, cold_start) for one in tried]
        expected[cold_start] = [sum(column) / len(tried) for column in zip(*shares, strict=True)]
    lines = []
    for number, one in enumerate(candidates):
        prior = {f"{cold_start:g}": round(shares[number], 6) for cold_start, shares in expected.items()}
        lines.append(json.dumps(one.to_json() | {"prior": prior}))
    head = f'{{"source": {json.dumps(SOURCE)},\n "start": 0,\n "candidates": [\n  '
    BOOK.write_text(head + ",\n  ".join(lines) + "\n]}\n", "utf-8")


if __name__ == "__main__":
    main()
