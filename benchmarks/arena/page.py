"""Writes the arena's page from what was played."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from math import exp, fsum, log
from pathlib import Path
from statistics import median
from types import MappingProxyType

from attrs import frozen

from benchmarks.arena.bout import INTERVAL, LIMITS, SHARE, Kept, Result, load, starts_with
from benchmarks.arena.roster import COMPANY, MOST_WORKERS, PEERS, static_peer

__all__ = ["company", "page"]


_OPENING = """\
# The arena

How do the shipped policies compare with those of others, and all of them with the best that was possible? Each peer is
written from its published rule (in `plugins/` or `benchmarks/arena/peers/`, pinned by table tests) and played by the
same simulator, through the same Decider and guard: no busy worker is ever removed. In the checkout,

```bash
pip install -e '.[cli,simulator]'
python -m benchmarks.arena --traces DIR            # of a folder of traces; without it, of those that ship
python -m benchmarks.arena.faro FILE               # the apps under one capacity
```

wrote this page (Python {python}). What was played is kept in `benchmarks/arena/.results`, so that an interrupted arena
goes on where it was. Every result is closed loop: the fleet is a model.

## What was played

| trace | requests | hours | mean load, workers | workers at the start |
| --- | ---: | ---: | ---: | ---: |"""

_RULES = """
* A decision every {interval:g} s; cold starts of 10, 30 and 120 s, each constant; one request at a time for each
  worker; the most recently used worker first. Dispatch order, and the wait limit over the cold start, change cost as
  much as the policy does.
* Everybody begins with the same ready workers: 1.25 times the mean load of the first ten minutes. Nobody may have more
  than {most}.
* SLO: {share:g} % of the requests begin within {short:g} s, or within {long:g} s, of their arrival.
* Cost is in worker-seconds from launch to removal, cold start included, over the cheapest schedule known for the same
  trace, cold start and SLO: that of somebody who knows all requests in advance, or a fleet of constant size or a run
  that came out cheaper. A policy that misses the SLO may cost less than that schedule: its cost is no merit.
* *Default* is what each has by itself. What has no default was given: HPA and AWS a target (see their docstrings),
  SkyServe the rate that a worker serves at 80 % of use on this very trace.
* *Tuned* is the best of a small seeded search over two or three arguments on this very trace, in hindsight:
  {runs}.
  It shows what the rule can do, not what anybody would have known to set.
* Company: the *best static fleet* is the smallest of constant size that meets the SLO, sized in hindsight; the *rate
  oracle* knows the true arrival rate of the minute round now and a cold start later, and staffs for it by the
  square-root rule, but knows no request.
* Several of these rules look more often than every {interval:g} s, or count in looks: their docstrings say so.
"""

_OVERALL = """\
## Overall

*met*: in how many cells (a trace at a cold start) the SLO was met. *cost*: over the best schedule known, the geometric
mean over the cells where it was met. *rank*: in each cell, those that met the SLO by cost, then the others by how many
requests began in time; the geometric mean of these ranks, 1 is best. *p99*: the median over the cells of the 99th
percentile of waiting, in seconds. Only cells count in which every peer was played; a dash stands for a cost over an
optimum that was not computed.
"""

_PICTURES = """\
## Pictures

Cost against how many requests were late, at a cold start of 30 s, a panel for each trace: by default and tuned, for
each SLO.
"""

_EACH = """\
## Each trace

In each field: cost over the best schedule known, how many requests began in time, the 99th percentile of waiting. Bold:
the SLO was met. A dash: the optimum was not computed. Empty: not played.
"""

_BOUNDS = """\
## The optimum beside its bound

No schedule costs less than the bound, which is proven; the schedule is the cheapest known. The least possible cost lies
between them: a cost over the optimum is at least what the tables say, and at most that times the column *over bound*.

| trace | cold start | within | bound, worker-hours | schedule | over bound | best static fleet |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


_APPS = """\
## Ten apps under one capacity

The input of Faro (Jeon et al., EuroSys 2025; beomyeol/faro) in its setting: {requests:,} requests in {hours:g} hours
for ten apps, one at a time for each worker, 0.18 s each; 720 ms from arrival to answer at most; {start_up:g} s until a
started worker is ready; 50 requests may wait for an app, and one that is refused is late; one worker an app at the
start; a decision every 10 s. Decreases are met first, then increases in the order of the apps, as far as there is room.
In percent of all requests, and of those of the worst app:

{table}

Fair share and AIAD are played as published. MArk's forecast (an N-HiTS network trained on days of these traces) can't
be played without its training: the largest minute of the last seven stands for it. What else differs: Faro's workers
hold up to three more requests each in a queue of their own; there a decrease takes a busy worker and lets it finish,
here it waits for an idle one; and its start-up and service times vary, here they are constant.
"""


@frozen
class Entry:
    """One peer in one cell: what it came to under one SLO."""

    peer: str
    result: Result
    over: float | None
    """Its cost over the best schedule known; ``None`` where the optimum wasn't computed."""
    met: bool


def page(
    traces: Mapping[str, str],
    kept: Kept,
    cold_starts: Sequence[float],
    drawn: Mapping[tuple[float, bool], Path] = MappingProxyType({}),
) -> str:
    """The whole page; *drawn* are its pictures, by the limit of the SLO and whether the peers were tuned."""
    colds = sorted(cold_starts)
    overall, each = _overall(traces, kept, colds), _each(traces, kept, colds)
    parts = (
        _head(traces, kept),
        _missing(traces, kept, colds),
        overall,
        _pictures(drawn),
        each,
        _bounds(kept),
        _apps(kept),
    )
    return "\n".join(line for part in parts for line in part)


def _head(traces: Mapping[str, str], kept: Kept) -> Iterable[str]:
    tuned = {
        (result.bout.trace, result.bout.cold_start, result.bout.peer): 0
        for result in kept.results.values()
        if result.bout.arguments and result.bout.peer != static_peer.name
    }
    for result in kept.results.values():
        key = (result.bout.trace, result.bout.cold_start, result.bout.peer)
        if key in tuned:
            tuned[key] += 1
    counts = sorted(tuned.values())
    yield _OPENING.format(python=platform.python_version())
    for name, path in traces.items():
        workload = load(path)
        busy = fsum(workload.services) / max(workload.span, 1)
        yield f"| `{name}` | {len(workload):,} | {workload.span / 3600:.1f} | {busy:.1f} | {starts_with(workload)} |"
    yield _RULES.format(
        interval=INTERVAL, most=MOST_WORKERS, share=100 * SHARE, short=LIMITS[0], long=LIMITS[1], runs=_runs(counts)
    )
    yield from ("| peer | its rule by default, and where it is from | tuned |", "| --- | --- | --- |")
    for peer in PEERS:
        yield f"| {peer.name} | {peer.rule} | {', '.join(f'`{name}`' for name in peer.grid)} |"
    yield ""


def _missing(traces: Mapping[str, str], kept: Kept, colds: Sequence[float]) -> Iterable[str]:
    """What of the whole arena was not played, in plain words; the same command goes on with it."""
    cells = [(trace, cold) for trace in traces for cold in colds]
    played = {cell: [kept.of(*cell, peer.name) for peer in PEERS] for cell in cells}
    lacks = {
        "by default": [cell for cell in cells if not all(played[cell])],
        "tuned": [cell for cell in cells if not all(len(runs) > 1 for runs in played[cell])],
        "the optimum": [cell for cell in cells if any((*cell, limit) not in kept.optima for limit in LIMITS)],
    }
    if not any(lacks.values()):
        return
    yield from ("**Not played, or not by every peer**; the same command goes on with it:", "")
    for what, missing in lacks.items():
        if missing:
            by_trace = {trace: [f"{cold:g}" for one, cold in missing if one == trace] for trace, _ in missing}
            named = (f"`{trace}` at {', '.join(seconds)} s" for trace, seconds in by_trace.items())
            yield f"* {what}: {'; '.join(named)}."
    yield ""


def _runs(counts: Sequence[int]) -> str:
    if not counts:
        return "none was tuned yet"
    return f"{counts[0]} to {counts[-1]} runs a cell (the default among them), {sum(counts):,} in all"


def entries(kept: Kept, trace: str, cold_start: float, limit: int, *, tuned: bool) -> list[Entry]:
    """Each peer in one cell, the default or the best that is known."""
    best = kept.optima.get((trace, cold_start, LIMITS[limit]))
    cheapest = kept.cheapest(best) if best is not None else 0.0
    found = []
    for peer in PEERS:
        known = kept.of(trace, cold_start, peer.name)
        if not known or known[0].bout.arguments or (tuned and len(known) < 2):
            continue
        result = min(known, key=lambda one: one.order(limit)) if tuned else known[0]
        over = result.worker_seconds / cheapest if cheapest else None
        found.append(Entry(peer.name, result, over, result.meets(limit)))
    return found


def _overall(traces: Mapping[str, str], kept: Kept, colds: Sequence[float]) -> Iterable[str]:
    yield _OVERALL
    for limit, seconds in enumerate(LIMITS):
        yield from (
            f"### Within {seconds:g} s",
            "",
            "| | default: met | cost | rank | p99 | tuned: met | cost | rank | p99 |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        )
        sides = [_ranked(traces, kept, colds, limit, tuned=tuned) for tuned in (False, True)]
        order = sorted((peer.name for peer in PEERS), key=lambda name: _mean(sides[1].get(name) or sides[0].get(name)))
        for name in order:
            cells = [_summary(side.get(name, [])) for side in sides]
            yield f"| {name} | {' | '.join(cells)} |"
        for peer in COMPANY:
            yield f"| *{peer.name}* | {_company_summary(traces, kept, colds, limit, peer.name)} | | | | |"
        yield ""


def _ranked(
    traces: Mapping[str, str], kept: Kept, colds: Sequence[float], limit: int, *, tuned: bool
) -> dict[str, list[tuple[int, Entry]]]:
    """For each peer its rank in every cell in which all that were played can be compared."""
    ranks: dict[str, list[tuple[int, Entry]]] = {}
    for trace in traces:
        for cold_start in colds:
            cell = entries(kept, trace, cold_start, limit, tuned=tuned)
            if len(cell) < len(PEERS):
                continue
            for rank, entry in enumerate(sorted(cell, key=lambda one: one.result.order(limit)), 1):
                ranks.setdefault(entry.peer, []).append((rank, entry))
    return ranks


def _mean(ranks: Sequence[tuple[int, Entry]] | None) -> float:
    return _geometric([rank for rank, _ in ranks]) if ranks else float("inf")


def _cost(entries_: Iterable[Entry]) -> str:
    """The geometric mean of the cost over the optimum, of those that met the SLO and have one."""
    known = [entry.over for entry in entries_ if entry.met and entry.over is not None]
    return f"{_geometric(known):.2f}" if known else "-"


def _geometric(values: Sequence[float]) -> float:
    return exp(fsum(map(log, values)) / len(values))


def _summary(ranks: Sequence[tuple[int, Entry]]) -> str:
    if not ranks:
        return "not played | | |"
    met = sum(entry.met for _, entry in ranks)
    cost = _cost([entry for _, entry in ranks])
    waits = median(entry.result.wait_p99 for _, entry in ranks)
    return f"{met} of {len(ranks)} | {cost} | {_mean(ranks):.1f} | {waits:.3g}"


def company(kept: Kept, trace: str, cold_start: float, limit: int, peer: str) -> Entry | None:
    """The best static fleet of the SLO, or the rate oracle, in one cell."""
    best = kept.optima.get((trace, cold_start, LIMITS[limit]))
    if best is None and peer == static_peer.name:
        return None
    wanted = (("workers", best.static),) if best is not None and peer == static_peer.name else ()
    for result in kept.of(trace, cold_start, peer):
        if result.bout.arguments == wanted:
            over = result.worker_seconds / kept.cheapest(best) if best is not None else None
            return Entry(peer, result, over, result.meets(limit))
    return None


def _company_summary(traces: Mapping[str, str], kept: Kept, colds: Sequence[float], limit: int, peer: str) -> str:
    cells = [company(kept, trace, cold_start, limit, peer) for trace in traces for cold_start in colds]
    played = [entry for entry in cells if entry is not None]
    if not played:
        return "not played | | |"
    met = sum(entry.met for entry in played)
    return f"{met} of {len(played)} | {_cost(played)} | | {median(entry.result.wait_p99 for entry in played):.3g}"


def _pictures(drawn: Mapping[tuple[float, bool], Path]) -> Iterable[str]:
    if not drawn:
        return
    yield _PICTURES
    for (seconds, tuned), path in drawn.items():
        what = f"{'Tuned' if tuned else 'By default'}, within {seconds:g} s"
        yield from (f"![{what}: cost against lateness on each trace]({path.name})", "")


def _each(traces: Mapping[str, str], kept: Kept, colds: Sequence[float]) -> Iterable[str]:
    yield _EACH
    for trace in traces:
        for limit, seconds in enumerate(LIMITS):
            rows = list(_rows(kept, trace, colds, limit))
            if not rows:
                continue
            heads = [f"default, {cold:g} s" for cold in colds] + [f"tuned, {cold:g} s" for cold in colds]
            yield from (
                f"### `{trace}`, within {seconds:g} s",
                "",
                f"| | {' | '.join(heads)} |",
                f"| --- |{' --- |' * len(heads)}",
                *rows,
                "",
            )


def _rows(kept: Kept, trace: str, colds: Sequence[float], limit: int) -> Iterable[str]:
    cells = {
        (tuned, cold): {entry.peer: entry for entry in entries(kept, trace, cold, limit, tuned=tuned)}
        for tuned in (False, True)
        for cold in colds
    }
    if not any(cells.values()):
        return
    for peer in PEERS:
        shown = [_cell(cells[tuned, cold].get(peer.name), limit) for tuned in (False, True) for cold in colds]
        yield f"| {peer.name} | {' | '.join(shown)} |"
    for peer in COMPANY:
        shown = [_cell(company(kept, trace, cold, limit, peer.name), limit) for cold in colds]
        yield f"| *{peer.name}* | {' | '.join(shown)} |{' |' * len(colds)}"


def _cell(entry: Entry | None, limit: int) -> str:
    if entry is None:
        return ""
    share, wait = entry.result.in_time[limit], entry.result.wait_p99
    shown = "-" if entry.over is None else f"{entry.over:.2f}"
    return f"{f'**{shown}**' if entry.met else shown} {100 * share:.1f} % {wait:.3g} s"


def _bounds(kept: Kept) -> Iterable[str]:
    yield _BOUNDS
    for best in sorted(kept.optima.values(), key=lambda one: (one.trace, one.cold_start, one.limit)):
        cheapest = kept.cheapest(best)
        gap = f"{cheapest / best.bound:.3f}" if best.bound else "-"
        yield (
            f"| `{best.trace}` | {best.cold_start:g} s | {best.limit:g} s | {best.bound / 3600:.2f} "
            f"| {cheapest / 3600:.2f} | {gap} | {best.static} |"
        )
    yield ""


def _apps(kept: Kept) -> Iterable[str]:
    if kept.apps:
        yield _APPS.format(**kept.apps)
