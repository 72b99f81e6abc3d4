"""The few decisions of a run that tell most of its story, in words."""

from __future__ import annotations

from bisect import bisect_right
from math import isnan
from typing import TYPE_CHECKING

from attrs import frozen

from everai_autoscaler.simulator.plots.levels import are_many
from everai_autoscaler.simulator.plots.scale import duration
from everai_autoscaler.words import counted, printable

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Run, TickRow

__all__ = ["Telling", "did", "reasons_of", "shortened", "telling_decisions"]


@frozen
class Telling:
    """One decision, and why it is told."""

    row: TickRow
    why: str


def telling_decisions(run: Run, *, most: int = 6) -> list[Telling]:
    """At most *most* decisions, in the order of their time: firsts, largest, failures, and before the longest wait."""
    rows = run.ticks
    if not rows:
        return []
    chosen: dict[float, Telling] = {}

    def choose(row: TickRow | None, why: str) -> None:
        if row is not None and row.at not in chosen and len(chosen) < most:
            chosen[row.at] = Telling(row, why)

    choose(next((row for row in rows if row.failure), None), "the first failure")
    choose(next((row for row in rows if row.up), None), "the first start")
    choose(_largest([row for row in rows if row.up], "up"), "the most workers started at once")
    choose(*_before_longest_wait(run))
    choose(_largest([row for row in rows if row.down], "down"), "the most workers removed at once")
    choose(next((row for row in rows if row.held and not row.failure), None), "the first time that it held")
    choose(next((row for row in rows if row.down), None), "the first removal")
    return sorted(chosen.values(), key=lambda one: one.row.at)


def did(row: TickRow) -> str:
    """What a decision did, in a few words.

    >>> from everai_autoscaler.simulator.run import TickRow
    >>> did(TickRow(0, 1, 0, 0, 0, 0, up=0, down=2, held=False))
    'removed 2 workers'
    """
    if row.failure:
        return "failed, and nothing was changed"
    words = [f"started {counted(row.up, 'worker')}"] if row.up else []
    words += [f"removed {counted(row.down, 'worker')}"] if row.down else []
    return " and ".join(words) or ("held" if row.held else "changed nothing")


def reasons_of(row: TickRow) -> str:
    """All reasons of a decision in one line."""
    return printable("; ".join([*([row.failure] if row.failure else []), *row.reasons]))


def shortened(row: TickRow, most: int = 3) -> str:
    """The first *most* reasons of a decision, and how many more there are."""
    said = [row.failure] if row.failure else []
    said += [reason for reason in row.reasons if not (row.failure and reason.endswith(row.failure))]
    more = len(said) - most
    words = "; ".join(said[:most]) + (f"; and {counted(more, 'more reason')}" if more > 0 else "")
    return printable(words)


def _largest(rows: list[TickRow], name: str) -> TickRow | None:
    return max(rows, key=lambda row: int(getattr(row, name)), default=None)


def _before_longest_wait(run: Run) -> tuple[TickRow | None, str]:
    fates = run.requests
    longest, moment = 0.0, 0.0
    if are_many(len(fates)):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        longest, moment = many.longest_wait(fates)
    else:
        for came, began in zip(fates.came, fates.began, strict=True):
            if not isnan(began) and began - came > longest:
                longest, moment = began - came, came
    place = bisect_right(run.ticks, moment, key=lambda row: row.at) - 1
    row = run.ticks[place] if longest > 0 and place >= 0 else None
    return row, f"the last before the longest wait, {duration(longest)}"
