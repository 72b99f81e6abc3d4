"""Makes book.json beside it: the rules of ``demand`` that the tuner chooses among.

    python everai_autoscaler/tuning/data/make_book.py [PRIORS]

PRIORS is a JSON file: for each rule's text, followed by " min 0" or " min 1", and for each cold start in seconds, the
worst late share of that rule on the traces with which the rules were designed. Without it, those that the book has
already are kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

BOOK = Path(__file__).with_name("book.json")
SOURCE = (
    "Rules of the scaler demand, by hand: one to three terms over windows from half a minute to two hours. They were "
    "designed on published traces: Azure LLM inference 2023 (code and conversation), Mooncake 2025, the web server of "
    "NASA 1995, ServeGen, and Alibaba's Stable Diffusion service."
)
NAMES = {"X": "now", "M60": "mean60", "M300": "mean300", "F20": "ahead20", "F60": "ahead60"}

Shape = tuple[float, float, float]
"""The numbers a, b and h of a term."""
Term = tuple[str, float, float, float, float]
"""A signal, the seconds of its window, and a, b and h."""

START: tuple[list[Term], int] = [("M60", 1200, 1.3, 1.5, 0)], 1


def singles() -> Iterator[tuple[list[Term], int]]:
    """Rules of one term."""
    shapes: list[Shape] = [(1, 0, 0), (1, 0, 1), (1, 0.7, 0), (1, 0.7, 1), (1, 1.5, 0), (1, 1.5, 1), (1, 2.5, 1)]
    shapes += [(1.3, 0, 0), (1.3, 0.7, 0), (1.3, 1.5, 1), (1.7, 1.5, 1)]
    for window in (120, 600, 1800):
        for a, b, h in shapes:
            to_zero = window >= 600 and (b, h) in {(0, 0), (0.7, 0), (0, 1)}
            yield [("X", window, a, b, h)], 0 if to_zero else 1
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


def text(terms: list[Term]) -> str:
    """A rule as ``demand`` reads it."""
    said = []
    for signal, window, a, b, h in terms:
        parts = [f"{a:g}*{NAMES[signal]}" + (f"[{window:g}s]" if window else "")]
        parts += [f"{b:g}*root"] if b else []
        parts += [f"{h:g}"] if h else []
        said.append(" + ".join(parts))
    return " | ".join(said)


def main() -> None:
    """Write the book."""
    rules = [*singles(), *several()]
    priors = json.loads(Path(sys.argv[1]).read_text("utf-8")) if len(sys.argv) > 1 else kept()
    candidates = []
    for terms, least in rules:
        rule = text(terms)
        one = {"scaler": "demand", "arguments": {"rule": rule, "min_workers": least}}
        candidates.append(one | ({"prior": known} if (known := priors.get(f"{rule} min {least}")) else {}))
    first = rules.index(START)
    lines = ",\n  ".join(json.dumps(one) for one in candidates)
    head = f'{{"source": {json.dumps(SOURCE)},\n "start": {first},\n "candidates": [\n  '
    BOOK.write_text(f"{head}{lines}\n]}}\n", "utf-8")
    print(f"{len(candidates)} candidates, {sum('prior' in one for one in candidates)} with a prior")  # noqa: T201


def kept() -> dict[str, dict[str, float]]:
    """What the book knew before."""
    if not BOOK.exists():
        return {}
    known = json.loads(BOOK.read_text("utf-8"))["candidates"]
    return {
        f"{one['arguments']['rule']} min {one['arguments']['min_workers']}": one["prior"]
        for one in known
        if "prior" in one
    }


if __name__ == "__main__":
    main()
