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
    MOST_RECENTLY_USED,
    NO_PLACE,
    ORDER,
    PLACE,
    RANK,
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
from everai_autoscaler.simulator.heaps import SERVING_BITS, compiled, inlined, no_room, plan_answer, rank_of, take_room

__all__ = ["advance", "give", "ready", "withdraw"]


@compiled
def advance(  # noqa: C901, PLR0912, PLR0915 - one loop without calls, as in ``fast``: a call hands on all columns
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
    # All numbers are local, and nothing is called: handing on columns would take most of the time.
    index, step, completions, served = numbers[INDEX], numbers[STEP], numbers[COMPLETIONS], numbers[SERVED]
    roomy, first, waiting, refused, left = (
        numbers[ROOM],
        numbers[FIRST],
        numbers[WAITING],
        numbers[REFUSED],
        numbers[LEFT],
    )
    order, concurrency, longest, base = numbers[ORDER], numbers[CONCURRENCY], numbers[LONGEST], numbers[BASE]
    serving, successes, touched, here, place_of = (
        whole[SERVING],
        whole[SUCCESSES],
        whole[TOUCHED],
        whole[HERE],
        whole[PLACE],
    )
    served_for, last_served = real[SERVED_FOR], real[LAST_SERVED]
    heap, free, seat_step, seat_request = seats[HEAP], seats[FREE], seats[SEAT_STEP], seats[SEAT_REQUEST]
    rank_at, worker_at = room[RANK], room[WORKER]
    refused_at, left_worker = lists[REFUSED_REQUEST], lists[LEFT_WORKER]
    known, last_place, around = len(came), base + len(began), len(queue) - 1
    why = DONE
    while True:
        next_came = came[index] if index < known else math.inf
        next_answer = answer_at[0] if served > 0 else math.inf
        if (
            (index == last_place and index < known)
            or waiting > around
            or refused == len(refused_at)
            or left == len(left_worker)
        ):
            why = NO_PLACE
            break
        if served > 0 and next_answer <= next_came:
            if next_answer > answers:
                break
            now = next_answer
            seat = heap[0]
            request = seat_request[seat]
            worker = worker_of[request - base]
            answered[request - base] = now
            completions += 1
            step += 1
            touched[worker] = step
            successes[worker] += 1
            serves = serving[worker] - 1
            served_for[worker] += service[request]
            last_served[worker] = now
            if here[worker] != 0 and waiting > 0:
                # No other worker has room, or nothing would wait: its next request takes the seat.
                request = queue[first]
                first = (first + 1) & around
                waiting -= 1
                began[request - base] = now
                worker_of[request - base] = worker
                step += 1
                touched[worker] = step
                seat_step[seat] = step
                seat_request[seat] = request
                at = now + service[request]
            else:
                serving[worker] = serves
                served -= 1
                free[served] = seat
                at, seat = answer_at[served], heap[served]
                if here[worker] == 0:
                    if serves == 0:
                        left_worker[left] = worker
                        left_at[left] = now
                        left += 1
                else:
                    # It has room: it rises, or sinks, to where its rank belongs.
                    rank = worker
                    if order == MOST_RECENTLY_USED:
                        rank = -step
                    elif order == LONGEST_IDLE:
                        rank = (serves << SERVING_BITS) | step
                    place = place_of[worker]
                    if place < 0:
                        place = roomy
                        roomy += 1
                    while place > 0 and rank < rank_at[(place - 1) >> 1]:
                        above = (place - 1) >> 1
                        rank_at[place] = rank_at[above]
                        worker_at[place] = worker_at[above]
                        place_of[worker_at[place]] = place
                        place = above
                    while True:
                        below = 2 * place + 1
                        if below + 1 < roomy and rank_at[below + 1] < rank_at[below]:
                            below += 1
                        if below >= roomy or rank < rank_at[below]:
                            break
                        rank_at[place] = rank_at[below]
                        worker_at[place] = worker_at[below]
                        place_of[worker_at[place]] = place
                        place = below
                    rank_at[place] = rank
                    worker_at[place] = worker
                    place_of[worker] = place
            # The first answer is over: another sinks from its place.
            began_at, place = seat_step[seat], 0
            while True:
                below = 2 * place + 1
                if below >= served:
                    break
                right = below + 1
                if right < served and (
                    answer_at[right] < answer_at[below]
                    or (answer_at[right] == answer_at[below] and seat_step[heap[right]] < seat_step[heap[below]])
                ):
                    below = right
                if at < answer_at[below] or (at == answer_at[below] and began_at < seat_step[heap[below]]):
                    break
                answer_at[place] = answer_at[below]
                heap[place] = heap[below]
                place = below
            answer_at[place] = at
            heap[place] = seat
            continue
        if index == known or next_came > requests:
            break
        request = index
        index += 1
        if roomy == 0:
            if waiting >= longest >= 0:
                refused_at[refused] = request
                refused += 1
            else:
                queue[(first + waiting) & around] = request
                waiting += 1
            continue
        worker = worker_at[0]
        seat = free[served]
        began[request - base] = next_came
        worker_of[request - base] = worker
        step += 1
        touched[worker] = step
        serves = serving[worker] + 1
        serving[worker] = serves
        seat_step[seat] = step
        seat_request[seat] = request
        at, place = next_came + service[request], served
        served += 1
        while place > 0:
            above = (place - 1) >> 1
            if at >= answer_at[above]:  # of one moment, what was begun later comes later
                break
            answer_at[place] = answer_at[above]
            heap[place] = heap[above]
            place = above
        answer_at[place] = at
        heap[place] = seat
        # The first worker that has room: it sinks to where its new rank belongs, or another takes its place.
        rank = worker
        if serves >= concurrency:
            place_of[worker] = -1
            roomy -= 1
            if roomy == 0:
                continue
            rank, worker = rank_at[roomy], worker_at[roomy]
        elif order == MOST_RECENTLY_USED:
            rank = -step
        elif order == LONGEST_IDLE:
            rank = (serves << SERVING_BITS) | step
        place = 0
        while True:
            below = 2 * place + 1
            if below + 1 < roomy and rank_at[below + 1] < rank_at[below]:
                below += 1
            if below >= roomy or rank < rank_at[below]:
                break
            rank_at[place] = rank_at[below]
            worker_at[place] = worker_at[below]
            place_of[worker_at[place]] = place
            place = below
        rank_at[place] = rank
        worker_at[place] = worker
        place_of[worker] = place
    numbers[INDEX], numbers[STEP], numbers[COMPLETIONS], numbers[SERVED] = index, step, completions, served
    numbers[ROOM], numbers[FIRST], numbers[WAITING] = roomy, first, waiting
    numbers[REFUSED], numbers[LEFT] = refused, left
    return why


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
