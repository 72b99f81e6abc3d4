"""What takes the time of a simulation, in machine code: answers and arrivals between two other events."""

from __future__ import annotations

import math
from typing import Any

from everai_autoscaler.simulator.columns import (
    BASE,
    COMPLETIONS,
    CONCURRENCY,
    DONE,
    FIRST,
    FREE,
    HEAP,
    HERE,
    INDEX,
    LAST_SERVED,
    LEFT,
    LEFT_WORKER,
    LONGEST,
    LONGEST_IDLE,
    NO_PLACE,
    ORDER,
    REFUSED,
    REFUSED_REQUEST,
    ROOM,
    SEAT_REQUEST,
    SEAT_STEP,
    SERVED,
    SERVED_FOR,
    SERVING,
    STEP,
    SUCCESSES,
    TOUCHED,
    WAITING,
    WORKER,
)
from everai_autoscaler.simulator.heaps import (
    compiled,
    inlined,
    no_room,
    plan_answer,
    rank_of,
    replace_answer,
    take_answer,
    take_room,
)

__all__ = ["advance", "give", "ready", "withdraw"]


@compiled
def advance(
    answers: float,
    requests: float,
    came: Any,
    service: Any,
    began: Any,
    answered: Any,
    worker_of: Any,
    numbers: Any,
    queue: Any,
    lists: Any,
    left_at: Any,
    answer_at: Any,
    seats: Any,
    room: Any,
    whole: Any,
    real: Any,
) -> int:
    """Let all answers up to and at the moment *answers* and all arrivals up to and at *requests* happen.

    At one moment answers come first. All moments are seconds from the start.

    Args:
        answers: the last moment of answers.
        requests: the last moment of arrivals.
        came: when each request comes.
        service: seconds that each keeps a worker busy.
        began: when a worker began with each; filled in.
        answered: when each was answered; filled in.
        worker_of: which worker began with each; filled in.
        numbers: what is counted: see the file ``columns``, as for all of the following.
        queue: the requests that wait, as a ring from place ``FIRST`` on; its length is a power of two.
        lists: what happened that the caller has to know.
        left_at: when each of the workers that are listed there left.
        answer_at: the heap of answers, as moments.
        seats: what belongs to each of them.
        room: the heap of workers that have room.
        whole: what is counted of each worker.
        real: what is measured of each worker.

    Returns:
        ``DONE``; or ``NO_PLACE`` where the queue or a list has to be lengthened first.
    """
    while True:
        next_came = came[numbers[INDEX]] if numbers[INDEX] < len(came) else math.inf
        next_answer = answer_at[0] if numbers[SERVED] > 0 else math.inf
        if is_full(came, began, queue, lists, numbers):
            return NO_PLACE
        if numbers[SERVED] > 0 and next_answer <= next_came:
            if next_answer > answers:
                return DONE
            answer(
                next_answer,
                service,
                began,
                answered,
                worker_of,
                numbers,
                queue,
                lists,
                left_at,
                answer_at,
                seats,
                room,
                whole,
                real,
            )
        elif numbers[INDEX] == len(came) or next_came > requests:
            return DONE
        else:
            arrive(next_came, service, began, worker_of, numbers, queue, lists, answer_at, seats, room, whole)


@inlined
def is_full(came: Any, began: Any, queue: Any, lists: Any, numbers: Any) -> Any:
    """Whether one more event might find no place in the columns, the queue or a list."""
    return (
        (numbers[INDEX] - numbers[BASE] == len(began) and numbers[INDEX] < len(came))
        or numbers[WAITING] == len(queue)
        or numbers[REFUSED] == len(lists[REFUSED_REQUEST])
        or numbers[LEFT] == len(lists[LEFT_WORKER])
    )


@inlined
def answer(
    now: float,
    service: Any,
    began: Any,
    answered: Any,
    worker_of: Any,
    numbers: Any,
    queue: Any,
    lists: Any,
    left_at: Any,
    answer_at: Any,
    seats: Any,
    room: Any,
    whole: Any,
    real: Any,
) -> None:
    """The first answer is given; its worker begins with another request, or has room."""
    seat = seats[HEAP, 0]
    worker = finish(seats[SEAT_REQUEST, seat], now, service, answered, worker_of, numbers, lists, left_at, whole, real)
    if whole[HERE, worker] == 0:
        take_answer(answer_at, seats, numbers)
    elif numbers[WAITING] > 0:
        # Nobody else has room, or nothing would wait.
        request = first_waiting(queue, numbers)
        begin(request, worker, seat, now, began, worker_of, numbers, seats, whole)
        replace_answer(now + service[request], seat, answer_at, seats, numbers[SERVED])
    else:
        take_answer(answer_at, seats, numbers)
        take_room(worker, rank_of(worker, numbers, whole), room, numbers, whole)


@inlined
def arrive(
    now: float,
    service: Any,
    began: Any,
    worker_of: Any,
    numbers: Any,
    queue: Any,
    lists: Any,
    answer_at: Any,
    seats: Any,
    room: Any,
    whole: Any,
) -> None:
    """The next request comes: a worker begins with it, or it waits, or it is refused."""
    request = numbers[INDEX]
    numbers[INDEX] += 1
    if numbers[ROOM] > 0:
        serve(request, now, service, began, worker_of, numbers, answer_at, seats, room, whole)
    elif numbers[WAITING] >= numbers[LONGEST] >= 0:
        lists[REFUSED_REQUEST, numbers[REFUSED]] = request
        numbers[REFUSED] += 1
    else:
        queue[(numbers[FIRST] + numbers[WAITING]) & (len(queue) - 1)] = request
        numbers[WAITING] += 1


@inlined
def serve(
    request: int,
    now: float,
    service: Any,
    began: Any,
    worker_of: Any,
    numbers: Any,
    answer_at: Any,
    seats: Any,
    room: Any,
    whole: Any,
) -> None:
    """The first of the workers that have room begins with the *request*."""
    worker = room[WORKER, 0]
    seat = seats[FREE, numbers[SERVED]]
    begin(request, worker, seat, now, began, worker_of, numbers, seats, whole)
    plan_answer(now + service[request], seat, answer_at, seats, numbers)
    if whole[SERVING, worker] < numbers[CONCURRENCY]:
        take_room(worker, rank_of(worker, numbers, whole), room, numbers, whole)
    else:
        no_room(worker, room, numbers, whole)


@inlined
def finish(
    request: int,
    now: float,
    service: Any,
    answered: Any,
    worker_of: Any,
    numbers: Any,
    lists: Any,
    left_at: Any,
    whole: Any,
    real: Any,
) -> Any:
    """The *request* is answered; its worker."""
    worker = worker_of[request - numbers[BASE]]
    answered[request - numbers[BASE]] = now
    numbers[COMPLETIONS] += 1
    numbers[STEP] += 1
    whole[TOUCHED, worker] = numbers[STEP]
    whole[SUCCESSES, worker] += 1
    whole[SERVING, worker] -= 1
    real[SERVED_FOR, worker] += service[request]
    real[LAST_SERVED, worker] = now
    if whole[HERE, worker] == 0 and whole[SERVING, worker] == 0:
        lists[LEFT_WORKER, numbers[LEFT]] = worker
        left_at[numbers[LEFT]] = now
        numbers[LEFT] += 1
    return worker


@inlined
def first_waiting(queue: Any, numbers: Any) -> Any:
    """The request that waits longest, taken out of the queue."""
    request = queue[numbers[FIRST]]
    numbers[FIRST] = (numbers[FIRST] + 1) & (len(queue) - 1)
    numbers[WAITING] -= 1
    return request


@inlined
def begin(
    request: int,
    worker: int,
    seat: int,
    now: float,
    began: Any,
    worker_of: Any,
    numbers: Any,
    seats: Any,
    whole: Any,
) -> None:
    """*worker* begins with *request*, in a *seat*."""
    began[request - numbers[BASE]] = now
    worker_of[request - numbers[BASE]] = worker
    numbers[STEP] += 1
    whole[TOUCHED, worker] = numbers[STEP]
    whole[SERVING, worker] += 1
    seats[SEAT_STEP, seat] = numbers[STEP]
    seats[SEAT_REQUEST, seat] = request


@compiled
def ready(worker: int, room: Any, numbers: Any, whole: Any) -> None:
    """*worker* takes requests from now on."""
    numbers[STEP] += 1
    whole[TOUCHED, worker] = numbers[STEP]
    # Else it comes after all that were ever given a request: of these the ranks are negative.
    rank = numbers[STEP] if numbers[ORDER] == LONGEST_IDLE else worker
    take_room(worker, rank, room, numbers, whole)


@compiled
def withdraw(worker: int, room: Any, numbers: Any, whole: Any) -> None:
    """*worker* takes no more requests; it finishes what it serves."""
    whole[HERE, worker] = 0
    numbers[STEP] += 1
    whole[TOUCHED, worker] = numbers[STEP]
    no_room(worker, room, numbers, whole)


@compiled
def give(
    now: float,
    service: Any,
    began: Any,
    worker_of: Any,
    numbers: Any,
    queue: Any,
    answer_at: Any,
    seats: Any,
    room: Any,
    whole: Any,
) -> None:
    """Give what waits to the workers that have room."""
    while numbers[WAITING] > 0 and numbers[ROOM] > 0:
        request = first_waiting(queue, numbers)
        serve(request, now, service, began, worker_of, numbers, answer_at, seats, room, whole)
