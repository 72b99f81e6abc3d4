"""The two heaps of a compiled line: the answers to come, and the workers that have room; the first comes first.

numba compiles each function when it is first called, and keeps the result beside this file or in the user's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from everai_autoscaler.errors import MissingExtraError
from everai_autoscaler.simulator.columns import (
    HEAP,
    LONGEST_IDLE,
    MOST_RECENTLY_USED,
    ORDER,
    PLACE,
    RANK,
    ROOM,
    SERVED,
    SERVING,
    TOUCHED,
    WORKER,
)

try:
    import numba
except ImportError as error:
    raise MissingExtraError(f"{error.name} is missing: pip install 'everai-autoscaler[simulator]'") from error

SERVING_BITS = 44
"""Of a rank of the order by idleness: the steps are below, the requests that a worker serves above."""

__all__ = ["SERVING_BITS", "compiled", "inlined", "no_room", "plan_answer", "rank_of", "take_room"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function* as machine code."""
    made: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
    return made


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function* as machine code that is a part of whoever calls it: handing on many columns would take time."""
    made: Callable[..., Any] = numba.njit(cache=True, nogil=True, inline="always")(function)
    return made


@compiled
def plan_answer(at: float, seat: int, answer_at: Any, seats: Any, numbers: Any) -> None:
    """Plan the answer to the request in *seat* for the moment *at*."""
    place = numbers[SERVED]
    numbers[SERVED] += 1
    while place > 0:
        above = (place - 1) >> 1
        if at >= answer_at[above]:  # of one moment, what was begun later comes later
            break
        answer_at[place] = answer_at[above]
        seats[HEAP, place] = seats[HEAP, above]
        place = above
    answer_at[place] = at
    seats[HEAP, place] = seat


@compiled
def rank_of(worker: int, numbers: Any, whole: Any) -> Any:
    """The rank of *worker*, which has just got or finished a request: the lowest gets the next one."""
    if numbers[ORDER] == MOST_RECENTLY_USED:
        return -whole[TOUCHED, worker]
    if numbers[ORDER] == LONGEST_IDLE:
        return (whole[SERVING, worker] << SERVING_BITS) | whole[TOUCHED, worker]
    return worker


@compiled
def take_room(worker: int, rank: int, room: Any, numbers: Any, whole: Any) -> None:
    """*worker* has room: put it where its *rank* belongs, also where it is in the heap already."""
    place = whole[PLACE, worker]
    if place < 0:
        place = numbers[ROOM]
        numbers[ROOM] += 1
    settle(rank, worker, place, room, numbers[ROOM], whole)


@compiled
def no_room(worker: int, room: Any, numbers: Any, whole: Any) -> None:
    """*worker* has no room: take it out of the heap, where it is in it."""
    place = whole[PLACE, worker]
    if place >= 0:
        whole[PLACE, worker] = -1
        size = numbers[ROOM] - 1
        numbers[ROOM] = size
        if place < size:
            settle(room[RANK, size], room[WORKER, size], place, room, size, whole)


@compiled
def settle(rank: int, worker: int, place: int, room: Any, size: int, whole: Any) -> None:
    """Let *worker* rise or sink from *place* to where its *rank* belongs among so many."""
    while place > 0 and rank < room[RANK, (place - 1) >> 1]:
        move((place - 1) >> 1, place, room, whole)
        place = (place - 1) >> 1
    while True:
        below = 2 * place + 1
        if below + 1 < size and room[RANK, below + 1] < room[RANK, below]:
            below += 1
        if below >= size or rank < room[RANK, below]:
            break
        move(below, place, room, whole)
        place = below
    room[RANK, place] = rank
    room[WORKER, place] = worker
    whole[PLACE, worker] = place


@compiled
def move(source: int, place: int, room: Any, whole: Any) -> None:
    """Move the worker at *source* in the heap of those that have room to *place*."""
    room[RANK, place] = room[RANK, source]
    room[WORKER, place] = room[WORKER, source]
    whole[PLACE, room[WORKER, place]] = place
