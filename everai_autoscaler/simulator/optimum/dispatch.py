"""When requests begin under a limited number of workers: as soon as one is free, and in time in any case."""

from __future__ import annotations

import math
from collections import deque
from heapq import heappop, heappush

__all__ = ["begin"]


def begin(  # noqa: C901 - one loop over events, which is read best in one piece
    came: list[float],
    services: list[float],
    *,
    wait: float,
    edges: list[float],
    slots: list[int],
    patient: set[int],
) -> list[float]:
    """When each request begins, first come, first served, while at most so many *slots* are taken.

    A request that could not begin within *wait* seconds begins then, whatever the slots; but one of those that are
    *patient* waits on, and begins when a slot is free and nobody else waits.

    Args:
        came: when each request comes, in order.
        services: the seconds that it takes a slot.
        wait: seconds that it may wait.
        edges: from which second on there are how many slots.
        slots: how many there are from each edge on.
        patient: numbers of requests that may begin later.
    """
    begins = [0.0] * len(came)
    waiting: deque[int] = deque()
    late: deque[int] = deque()
    ends: list[float] = []
    following, cell, last_cell, count = 0, 0, len(edges) - 1, len(came)
    now = came[0] if came else 0.0
    while following < count or waiting or late:
        while following < count and came[following] <= now:
            waiting.append(following)
            following += 1
        while ends and ends[0] <= now:
            heappop(ends)
        while cell < last_cell and edges[cell + 1] <= now:
            cell += 1
        room = slots[cell] - len(ends)
        if following >= count and not ends and cell == last_cell:
            room = max(room, 1)
        while waiting and (room > 0 or came[waiting[0]] + wait <= now):
            one = waiting.popleft()
            if room <= 0 and one in patient:
                late.append(one)
                continue
            begins[one] = now
            heappush(ends, now + services[one])
            room -= 1
        while late and room > 0 and not waiting:
            one = late.popleft()
            begins[one] = now
            heappush(ends, now + services[one])
            room -= 1
        upcoming = came[following] if following < count else math.inf
        if waiting or late:
            if ends and ends[0] < upcoming:
                upcoming = ends[0]
            if cell < last_cell and edges[cell + 1] < upcoming:
                upcoming = edges[cell + 1]
            if waiting and came[waiting[0]] + wait < upcoming:
                upcoming = came[waiting[0]] + wait
        now = upcoming
    return begins
