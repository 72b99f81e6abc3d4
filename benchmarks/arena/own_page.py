"""Writes the page of what the tuner came to in the arena."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from math import exp, fsum, isnan, log
from statistics import median

from benchmarks.arena.bout import LIMITS, SHARE, Kept
from benchmarks.arena.page import entries
from benchmarks.arena.rehearsed import TRIALS, VARIANTS, Own
from benchmarks.arena.roster import MOST_WORKERS, PEERS

__all__ = ["page"]

_COLDS = (10.0, 30.0, 120.0)

_OPENING = """\
# The tuner in the arena

How well does `demand` do with [the tuner beside it](tune-itself.md), on traffic of which it knows nothing before?
In the checkout,

```bash
pip install -e '.[cli,simulator]'
python -m benchmarks.arena --traces DIR              # what the peers cost, and what was possible
python -m benchmarks.arena.own --traces DIR          # this page; --apps FILE: also many apps of one platform
```

wrote this page (Python {python}). One configuration plays everywhere: the book that ships, a choice every 300 s that
takes force at once, at most {most} workers, SLO: {share:g} % of the requests begin within {within:g} s. The traces, the
workers at the start and the costs are those of [the arena](arena.md): worker-seconds over the cheapest schedule known,
which knows all requests in advance. Every result is closed loop: the fleet is a model.

What the tuner's numbers rest on, so that nobody takes this for more than it is: its constants were chosen in trials on
these traces{apps}. What it expects of a rule before there is evidence comes from synthetic workloads only, none of
these traces.
"""

_MAIN = """\
## A decision every {period:g} s

In each field: cost over the best schedule known, and how many requests began in time; in brackets those of the first
hour and of the worst hour with at least 50 requests. Bold: the SLO was met. A dash: no optimum is known.
"""

_PEERS = """\
## Beside the peers

The same cells, within {within:g} s, with the peers as the arena has them: a decision every 20 s, by default, and the
best of all peers in those cells in which each was tuned in hindsight. *met*: cells in which the SLO was met; *cost*:
the geometric mean over those; in brackets the number of cells that were played.
"""

_ABLATIONS = """\
## What each part is worth

One thing changed at a time, on the twelve cells of the first four traces, a decision every 5 s. *met*: cells in which
the SLO was met; *cost*: the geometric mean over all twelve.

| | met | cost |
| --- | ---: | ---: |"""

_APPS = """\
## Many apps of one platform

Ten apps for six hours (the counts per minute that come with Faro, Jeon et al., EuroSys 2025), spread within each minute
(seeded); once as they are with a service time of 0.5 s, once a tenth of the requests with 6 s, both lognormal with a
coefficient of variation of 1. No optimum was computed: the cost is over the cheapest rule of the book that meets the
SLO from beginning to end, in hindsight. A decision every 5 s.

| app | requests | 10 s | 30 s | 120 s |
| --- | ---: | --- | --- | --- |"""


def page(traces: Mapping[str, str], kept: Kept, runs: Sequence[Own]) -> str:
    """The whole page."""
    apps = any(one.trace.startswith("app: ") for one in runs)
    said = "; the apps of the last table were looked at only afterwards" if apps else ""
    lines = [
        _OPENING.format(
            python=platform.python_version(), most=MOST_WORKERS, share=100 * SHARE, within=LIMITS[0], apps=said
        )
    ]
    for period in (5.0, 20.0):
        lines += _main(traces, kept, runs, period)
    lines += [*_peers(traces, kept, runs), *_misses(kept, runs), *_ablations(kept, runs), *_apps(runs)]
    return "\n".join(lines)


def _over(kept: Kept, own: Own) -> float | None:
    best = kept.optima.get((own.trace, own.cold_start, LIMITS[0]))
    return None if best is None else own.worker_seconds / kept.cheapest(best)


def _of(runs: Sequence[Own], period: float, variant: str = "as shipped") -> dict[tuple[str, float], Own]:
    return {(one.trace, one.cold_start): one for one in runs if (one.period, one.variant) == (period, variant)}


def _main(traces: Mapping[str, str], kept: Kept, runs: Sequence[Own], period: float) -> Iterable[str]:
    found = _of(runs, period)
    if not found:
        return
    yield _MAIN.format(period=period)
    yield from ("| trace | 10 s | 30 s | 120 s |", "| --- | --- | --- | --- |")
    for trace in traces:
        fields = [_field(kept, found.get((trace, cold))) for cold in _COLDS]
        yield f"| `{trace}` | {' | '.join(fields)} |"
    yield ""
    for what, names in (("the first four traces", TRIALS), ("all", tuple(traces))):
        cells = [own for (trace, _), own in found.items() if trace in names]
        costs = [over for own in cells if (over := _over(kept, own)) is not None]
        if costs:
            yield (
                f"On {what}: met in {sum(own.met for own in cells)} of {len(cells)} cells, at {_geometric(costs):.2f} "
                f"times the best schedule known (geometric mean over {len(costs)})."
            )
            yield ""


def _field(kept: Kept, own: Own | None) -> str:
    if own is None:
        return "not played"
    over = _over(kept, own)
    cost = "-" if over is None else f"{over:.2f}"
    cost = f"**{cost}**" if own.met else cost
    return f"{cost}, {100 * own.share:.2f} % ({100 * own.first_hour:.1f}, {100 * own.worst_hour:.1f})"


def _peers(traces: Mapping[str, str], kept: Kept, runs: Sequence[Own]) -> Iterable[str]:
    ours = {period: _of(runs, period) for period in (5.0, 20.0)}
    played = {cell for found in ours.values() for cell in found}
    if not played:
        return
    yield _PEERS.format(within=LIMITS[0])
    rows: dict[str, dict[str, str]] = {}
    names = ("the first four", *(trace for trace in traces if trace not in TRIALS))
    for name in names:
        wanted = [name] if name in traces else TRIALS
        cells = [(trace, cold) for trace in wanted for cold in _COLDS if (trace, cold) in played]
        defaults = [entry for cell in cells for entry in entries(kept, *cell, 0, tuned=False)]
        column = {
            f"**demand, tuned by itself**, every {period:g} s": _summary(
                [(found[cell].met, _over(kept, found[cell])) for cell in cells if cell in found]
            )
            for period, found in ours.items()
        }
        best = [
            min(found, key=lambda entry: entry.result.order(0))
            for cell in cells
            if len(found := entries(kept, *cell, 0, tuned=True)) == len(PEERS)
        ]
        column["*best peer, tuned in hindsight*"] = _summary([(entry.met, entry.over) for entry in best])
        for peer in sorted({entry.peer for entry in defaults}):
            column[f"{peer}, default"] = _summary([(entry.met, entry.over) for entry in defaults if entry.peer == peer])
        for row, text in column.items():
            rows.setdefault(row, {})[name] = text
    heads = [f"`{name}`" if name in traces else name for name in names]
    yield f"| | {' | '.join(heads)} |"
    yield f"| --- |{' --- |' * len(names)}"
    for row, texts in rows.items():
        yield f"| {row} | {' | '.join(texts.get(name, '') for name in names)} |"
    yield ""


def _summary(cells: Sequence[tuple[bool, float | None]]) -> str:
    if not cells:
        return "not played"
    costs = [over for met, over in cells if met and over is not None]
    shown = f", {_geometric(costs):.2f}" if costs else ""
    return f"{sum(met for met, _ in cells)}{shown} ({len(cells)})"


def _misses(kept: Kept, runs: Sequence[Own]) -> Iterable[str]:
    missed = [one for one in runs if one.variant == "as shipped" and not one.met and not one.trace.startswith("app: ")]
    if not missed:
        return
    yield from ("## The misses", "")
    for one in sorted(missed, key=lambda own: (own.period, own.trace, own.cold_start)):
        over = _over(kept, one)
        cost = "" if over is None else f", at {over:.2f} times the best schedule"
        hindsight = (
            "no rule of the book meets it" if isnan(one.hindsight) else "some rule of the book would have met it"
        )
        yield (
            f"* `{one.trace}` at {one.cold_start:g} s, a decision every {one.period:g} s: {100 * one.share:.2f} %{cost}"
            f"; {100 * one.first_hour:.1f} % of the first hour. In hindsight {hindsight}."
        )
    yield ""


def _ablations(kept: Kept, runs: Sequence[Own]) -> Iterable[str]:
    rows = []
    for name, variant in VARIANTS.items():
        cells = [own for (trace, _), own in _of(runs, 5.0, name).items() if trace in TRIALS]
        costs = [over for own in cells if (over := _over(kept, own)) is not None]
        if len(cells) == len(TRIALS) * len(_COLDS) and costs:
            rows.append(f"| {variant.what} | {sum(own.met for own in cells)} | {_geometric(costs):.2f} |")
    if len(rows) > 1:
        yield from (_ABLATIONS, *rows, "")


def _apps(runs: Sequence[Own]) -> Iterable[str]:
    found = {cell: own for cell, own in _of(runs, 5.0).items() if cell[0].startswith("app: ")}
    if not found:
        return
    yield _APPS
    for trace in dict.fromkeys(trace for trace, _ in found):
        fields = []
        for cold in _COLDS:
            own = found.get((trace, cold))
            if own is None:
                fields.append("not played")
                continue
            cost = "-" if isnan(own.hindsight) else f"{own.worker_seconds / own.hindsight:.2f}"
            fields.append(f"{f'**{cost}**' if own.met else cost}, {100 * own.share:.2f} %")
        count = next(own.requests for (name, _), own in found.items() if name == trace)
        yield f"| {trace.removeprefix('app: ')} | {count:,} | {' | '.join(fields)} |"
    costs = [own.worker_seconds / own.hindsight for own in found.values() if not isnan(own.hindsight)]
    yield ""
    met = sum(own.met for own in found.values())
    yield (f"Met in {met} of {len(found)} cells, at a median of {median(costs):.2f} times the best rule in hindsight.")
    yield ""


def _geometric(values: Sequence[float]) -> float:
    return exp(fsum(map(log, values)) / len(values))
