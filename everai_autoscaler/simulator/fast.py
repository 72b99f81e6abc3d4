"""The loop that takes the time of a simulation: answers and arrivals, where there are no sessions and no clients."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

from everai_autoscaler.model import Dispatch
from everai_autoscaler.simulator.line import SERVING_BITS, SLOT, SLOT_BITS, Line

__all__ = ["advance"]


def advance(line: Line, answers: float, requests: float, pull: Callable[[], bool]) -> None:  # noqa: C901, PLR0912, PLR0915 - one loop without calls: a call would cost more than what it does
    """Let all answers up to and at the moment *answers* and all arrivals up to and at *requests* happen.

    Does what ``Line.submit`` and ``Line.answer`` do. *pull* is called where the columns are at an end, and says whether
    the loop may go on; it may have added a request.
    """
    came, service, began, answered, worker = line.came, line.service, line.began, line.answered, line.worker
    serving, successes, served_for = line.serving, line.successes, line.served_for
    last_served, touched, entries = line.last_served, line.touched, line.entries
    waiting, done, room, here = line.waiting, line.done, line.room, line.here
    push, pop, replace, never = heapq.heappush, heapq.heappop, heapq.heapreplace, math.inf
    concurrency, longest = line.concurrency, line.longest
    recent, idle = line.order is Dispatch.MOST_RECENTLY_USED, line.order is Dispatch.LONGEST_IDLE
    step, index, completed, known = line.step, line.index, 0, len(came)
    next_came = came[index] if index < known else never
    next_done = done[0][0] if done else never
    try:
        while True:
            if next_done <= next_came:
                if next_done > answers or not done:
                    break
                request = done[0][2]
                slot = worker[request]
                answered[request] = next_done
                completed += 1
                successes[slot] += 1
                served_for[slot] += service[request]
                last_served[slot] = next_done
                if waiting and slot in here:
                    # Nobody else has room, or nothing would wait.
                    request = waiting.popleft()
                    step += 2
                    touched[slot] = step
                    began[request] = next_done
                    worker[request] = slot
                    replace(done, (next_done + service[request], step, request))
                else:
                    pop(done)
                    step += 1
                    touched[slot] = step
                    serves = serving[slot] = serving[slot] - 1
                    if slot not in here:
                        if not serves:
                            line.left(slot, next_done)
                    elif recent:
                        entry = entries[slot] = (-step << SLOT_BITS) | slot
                        push(room, entry)
                    elif idle:
                        entry = entries[slot] = (((serves << SERVING_BITS) | step) << SLOT_BITS) | slot
                        push(room, entry)
                    elif entries[slot] is None:
                        entries[slot] = slot
                        push(room, slot)
                next_done = done[0][0] if done else never
                continue
            if next_came > requests:
                break
            now, request = next_came, index
            if index + 1 == known:
                if not pull():
                    answers = requests = -never
                known = len(came)
            index += 1
            next_came = came[index] if index < known else never
            while room and entries[room[0] & SLOT] != room[0]:
                pop(room)
            if not room:
                if len(waiting) < longest:
                    waiting.append(request)
                else:
                    line.refused.append(request)
                continue
            slot = room[0] & SLOT
            step += 1
            touched[slot] = step
            serves = serving[slot] = serving[slot] + 1
            began[request] = now
            worker[request] = slot
            ends = now + service[request]
            push(done, (ends, step, request))
            if ends < next_done:  # noqa: PLR1730 - min() would be a call
                next_done = ends
            if serves >= concurrency:
                pop(room)
                entries[slot] = None
            elif recent:
                entry = entries[slot] = (-step << SLOT_BITS) | slot
                replace(room, entry)
            elif idle:
                entry = entries[slot] = (((serves << SERVING_BITS) | step) << SLOT_BITS) | slot
                replace(room, entry)
    finally:
        line.step, line.index = step, index
        line.completions += completed
