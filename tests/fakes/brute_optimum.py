"""The least worker-seconds of a tiny workload, by trying everything: slow, obvious, and each in a way of its own.

With whole numbers some optimum begins every request at a whole second: once it is settled who serves what in which
order, the cost is linear in the moments, under bounds on differences of two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

Requests = Sequence[tuple[int, int]]
"""The arrival and the service of each request, in whole seconds."""


def least_by_lives(
    requests: Requests, *, wait: int = 0, late: int = 0, cold_start: int = 3, concurrency: int = 1, workers: int = 0
) -> int:
    """The least cost over every way to part *requests* among workers, and every moment at which each may begin."""

    @cache
    def lives(block: int, late: int) -> set[tuple[int, int]]:
        """The first and the last moment of every life that serves *block* with at most *late* late requests."""
        inside = [requests[one] for one in range(len(requests)) if block >> one & 1]
        spans = [
            [(begin, begin + service) for begin, (_, service) in zip(begins, inside, strict=True)]
            for begins in _begins(inside, wait, late, _latest(requests, wait))
        ]
        return {
            (min(begin for begin, _ in each), max(end for _, end in each)) for each in spans if _fits(each, concurrency)
        }

    @cache
    def least(left: int, late: int, ready: int) -> int:
        """The least cost of serving those *left* while *ready* workers aren't used yet."""
        lowest = left & -left
        best = [] if left else [0]
        for block in range(left + 1):
            if block & ~left or not block & lowest:
                continue
            for used in range(late + 1):
                after = least(left ^ block, late - used, ready)
                best += [cold_start + last - first + after for first, last in lives(block, used)]
                if ready:
                    after = least(left ^ block, late - used, ready - 1)
                    best += [last + after for _, last in lives(block, used)]
        return min(best)

    return least((1 << len(requests)) - 1, late, workers)


def least_by_fleet(
    requests: Requests, *, wait: int = 0, late: int = 0, cold_start: int = 3, minimum: int = 0, workers: int = 0
) -> int:
    """The least cost over every moment at which each request begins, and every number of workers in each second.

    One request at a time, each of at least a second.
    """
    horizon = max((came + service for came, service in requests), default=0)
    seen = {
        tuple(
            max(
                sum(begin <= second < begin + service for begin, (_, service) in zip(begins, requests, strict=True)),
                minimum if second < horizon else 0,
            )
            for second in range(_latest(requests, wait) + max((service for _, service in requests), default=0))
        )
        for begins in _begins(requests, wait, late, _latest(requests, wait))
    }
    return min(_least_fleet(needed, cold_start, max(minimum, workers)) for needed in seen)


def _least_fleet(needed: Sequence[int], cold_start: int, ready: int) -> int:
    most = max([ready, *needed])
    costs = [0 if there == ready else None for there in range(most + 1)]
    for need in needed:
        costs = [
            None
            if there < need
            else min(
                cost + there + cold_start * max(0, there - before)
                for before, cost in enumerate(costs)
                if cost is not None
            )
            for there in range(most + 1)
        ]
    return min(cost for cost in costs if cost is not None)


def _latest(requests: Requests, wait: int) -> int:
    """No request of an optimum begins later than this."""
    return max((came for came, _ in requests), default=0) + wait + sum(service for _, service in requests)


def _begins(requests: Requests, wait: int, late: int, latest: int) -> Iterator[tuple[int, ...]]:
    """Every way to begin *requests* at whole seconds, at most *late* of them late."""
    until = [latest if late else came + wait for came, _ in requests]
    for begins in product(*[range(came, last + 1) for (came, _), last in zip(requests, until, strict=True)]):
        if sum(begin > came + wait for begin, (came, _) in zip(begins, requests, strict=True)) <= late:
            yield begins


def _fits(spans: Sequence[tuple[int, int]], concurrency: int) -> bool:
    """No more than *concurrency* at once; those of no length take their turn between the others."""
    return all(
        sum(begin <= moment < end for begin, end in spans) <= concurrency
        if moment < until
        else sum(begin < moment < end for begin, end in spans) < concurrency
        for moment, until in spans
    )
