"""Tunes a peer in one cell, in hindsight: a small seeded search on its grid."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.arena.bout import LIMITS, Bout, Result, in_order, load, play
from benchmarks.arena.roster import PEERS, Peer
from everai_autoscaler.simulator.workload import Workload

__all__ = ["search"]


def search(path: str, bout: Bout, known: Sequence[Result], runs: int) -> list[Result]:
    """Up to *runs* runs of the cell of *bout*, those already *known* among them; the new ones are returned.

    One half are drawn from the grid; the other half are neighbours of the best so far, in turn for each SLO. One run
    serves both SLOs. What is drawn depends on the cell and the number of the run only.
    """
    peer = next(one for one in PEERS if one.name == bout.peer)
    workload = load(path)
    results, fresh = list(known), []
    tried = {result.bout.arguments for result in results}
    size = 1
    for values in peer.grid.values():
        size *= len(values)
    attempt = 0
    while len(results) < runs and attempt < 8 * runs and len(tried) <= size:
        attempt += 1
        chance = random.Random(f"{bout.trace}:{bout.cold_start}:{bout.peer}:{attempt}")  # noqa: S311 - repeats
        tuned = [result for result in results if result.bout.arguments]
        if len(results) <= runs // 2 or not tuned:
            places = {name: chance.randrange(len(values)) for name, values in peer.grid.items()}
        else:
            best = min(tuned, key=lambda result: result.order(attempt % len(LIMITS)))
            places = _neighbour(peer, workload, dict(best.bout.arguments), chance)
        arguments = in_order({name: _value(peer, workload, name, place) for name, place in places.items()})
        if arguments in tried:
            continue
        tried.add(arguments)
        result = play(path, Bout(bout.trace, bout.cold_start, bout.peer, arguments))
        results.append(result)
        fresh.append(result)
    return fresh


def _value(peer: Peer, workload: Workload, name: str, place: int) -> float:
    """The value at a *place* of the grid; scaled by the trace where the peer says so."""
    value: float = peer.grid[name][place]
    power = (peer.scaled or {}).get(name)
    return value if power is None else round(value * workload.mean_service**power, 6)


def _neighbour(peer: Peer, workload: Workload, arguments: dict[str, float], chance: random.Random) -> dict[str, int]:
    """The places of *arguments*, one or two of them moved by up to two."""
    places = {
        name: [_value(peer, workload, name, place) for place in range(len(values))].index(arguments[name])
        for name, values in peer.grid.items()
    }
    for name in chance.sample(sorted(places), k=min(len(places), chance.choice((1, 1, 2)))):
        moved = places[name] + chance.choice((-2, -1, 1, 2))
        places[name] = min(max(moved, 0), len(peer.grid[name]) - 1)
    return places
