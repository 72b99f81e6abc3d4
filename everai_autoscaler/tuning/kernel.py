"""What takes the time of the tuner, in machine code: fleets that follow many rules of ``demand`` side by side.

The arithmetic is that of the scaler: its functions are compiled as they are.
"""

from __future__ import annotations

import math
from typing import Any

from everai_autoscaler.builtin.demand import arithmetic
from everai_autoscaler.builtin.demand.assumptions import LEARNT_OVER, LONGEST, SERVICE_TIME, SHORTEST
from everai_autoscaler.simulator.heaps import compiled

__all__ = ["FLEET", "MEANS", "MOST_PEAKS", "RATES", "follow", "rates"]

MEANS, RATES = (60.0, 300.0), (20.0, 60.0)
"""Seconds of the means, and of the rates of forecasts, in the order of ``demand.rule.SIGNALS``."""
MOST_PEAKS = 256
"""Values that may still be the largest of a window; of more, the older ones are joined two by two."""
FLEET = WORKERS, IDLE, SIZE, HEAD, COUNTED, FIRST, STARTING, FOUND, TOLD, SERVED = tuple(range(10))
"""The columns of a fleet: its workers, its idle slots, its slots that aren't, the next request to begin, the first one
that isn't known to be late, the place of the first start in the ring of starts, the workers that start, those that it
began with; and as of the last decision the next request to begin, and the requests in service."""
_MOST_WEIGHED = 3000
"""Waiting requests of which each is weighed; what waits behind these hardly counts."""
_LEARNT_OVER, _LONGEST, _SERVICE_TIME, _SHORTEST = LEARNT_OVER, LONGEST, SERVICE_TIME, SHORTEST

_faded = compiled(arithmetic.faded)
_weight_in_service = compiled(arithmetic.weight_in_service)
_ahead = compiled(arithmetic.ahead)
_workers_for = compiled(arithmetic.workers_for)


@compiled
def rates(arrived: Any, first: int, period: float, found: Any) -> None:
    """Arrivals per second over the last seconds, at each decision; below 0 at the very first one.

    Args:
        arrived: arrivals until each decision, those before *first* among them.
        first: the first decision that is asked for.
        period: seconds between two.
        found: a row for each of ``RATES``, filled in.
    """
    for row in range(2):
        for place in range(first, len(arrived)):
            back = min(float(place), RATES[row] / period)
            value = -1.0
            if back > 0:
                begin = place - back
                before = math.floor(begin)
                share = begin - before
                at = arrived[before]
                if share > 0:
                    at += share * (arrived[before + 1] - at)
                value = (arrived[place] - at) / (back * period)
            found[row, place - first] = value


@compiled
def _mean(area: Any, number: int, now: float, seconds: float, period: float) -> float:
    """The mean demand of the last *seconds*, or of as many as there are; *now* is that of this decision."""
    back = min(float(number), seconds / period)
    if back == 0:
        return now
    begin = number - back
    before = math.floor(begin)
    share = begin - before
    at = area[before % len(area)]
    if share > 0:
        at += share * (area[(before + 1) % len(area)] - at)
    return float(max(0.0, (area[number % len(area)] - at) / (back * period)))


@compiled
def _largest(value: float, now: float, seconds: float, times: Any, values: Any, ends: Any) -> float:
    """Let *value* join a window, and give the largest of its last *seconds*; *ends* are its first and last places."""
    head, tail = ends[0], ends[1]
    while tail > head and values[tail - 1] <= value:
        tail -= 1
    if tail == len(times):
        if head == 0:
            # The larger, older value of two takes the later time: none leaves the window early.
            half = len(times) // 2
            for place in range(half // 2):
                values[place] = values[2 * place]
                times[place] = times[2 * place + 1]
            for place in range(half, tail):
                values[place - half + half // 2] = values[place]
                times[place - half + half // 2] = times[place]
            tail -= half - half // 2
        else:
            for place in range(head, tail):
                values[place - head] = values[place]
                times[place - head] = times[place]
            tail -= head
            head = 0
    values[tail] = value
    times[tail] = now
    tail += 1
    while head < tail - 1 and times[head] <= now - seconds:
        head += 1
    ends[0], ends[1] = head, tail
    return float(values[head])


@compiled
def _begun(first: int, last: int, begin: float, end: float, since: Any, over: Any, mean: float) -> float:
    """What the requests from *first* to before *last* count for together, which began between two moments."""
    weight, at = 0.0, begin
    each = (end - begin) / max(1, last - first)
    while first < last:
        upto = first + 1
        while upto < last and over[upto] == over[first]:
            upto += 1
        late = over[first]
        if upto < len(over) and over[upto] == late:
            late = since[upto]
        early_wait = max(0.0, at - since[first])
        at += each * (upto - first)
        late_wait = max(0.0, at - late)
        weight += (upto - first) * _faded(min(early_wait, late_wait), max(early_wait, late_wait), mean)
        first = upto
    return weight


@compiled
def _waiting(first: int, last: int, now: float, since: Any, over: Any, mean: float) -> float:
    """What the requests from *first* to before *last* count for together, which wait."""
    weight = 0.0
    while first < last:
        upto = first + 1
        while upto < last and over[upto] == over[first]:
            upto += 1
        weight += (upto - first) * _faded(max(0.0, now - over[first]), max(0.0, now - since[first]), mean)
        first = upto
    return weight


@compiled
def _push(heap: Any, base: int, size: int, at: float) -> None:
    hole = size
    while hole > 0 and heap[base + ((hole - 1) >> 1)] > at:
        heap[base + hole] = heap[base + ((hole - 1) >> 1)]
        hole = (hole - 1) >> 1
    heap[base + hole] = at


@compiled
def _replace(heap: Any, base: int, size: int, at: float) -> None:
    """Put *at* in the place of the first."""
    hole = 0
    while True:
        below = 2 * hole + 1
        if below + 1 < size and heap[base + below + 1] < heap[base + below]:
            below += 1
        if below >= size or heap[base + below] >= at:
            break
        heap[base + hole] = heap[base + below]
        hole = below
    heap[base + hole] = at


@compiled
def follow(  # noqa: C901, PLR0912, PLR0915 - one loop: a call hands on all columns
    start: float,
    until: float,
    ticks: Any,
    first: int,
    period: float,
    came: Any,
    service: Any,
    since: Any,
    over: Any,
    given: float,
    rate: Any,
    horizon: float,
    terms: Any,
    signal: Any,
    seconds: Any,
    factors: Any,
    bounds: Any,
    stays: Any,
    slots: int,
    cold_start: float,
    limit: float,
    room: Any,
    free_at: Any,
    ready_at: Any,
    fleet: Any,
    weights: Any,
    learnt: Any,
    areas: Any,
    times: Any,
    values: Any,
    ends: Any,
    cost: Any,
    late: Any,
) -> None:
    """Let the fleet of each rule serve a stretch of traffic, first come, first served.

    A fleet is as many slots as its workers have together: a slot is busy, or starts, until ``free_at``, or is idle. So
    where a worker has several, idle ones are taken to be together on as few workers as can be.

    Args:
        start: the beginning of the stretch.
        until: its end.
        ticks: the moments of decisions.
        first: the number of the first of them, from 0 since the fleets began afresh.
        period: seconds between two.
        came: when each request came, those that waited before among them.
        service: seconds that each takes.
        since: when each came, if all of its period came evenly spread over it; for those until the last decision.
        over: the end of the period in which each came.
        given: the mean service time, where it isn't learnt; else 0.
        rate: for each of ``RATES`` and decision the arrivals per second.
        horizon: seconds that forecasts look ahead.
        terms: for each rule where its terms begin among all; one more says where the last ones end.
        signal: for each term the place of its signal in ``SIGNALS``.
        seconds: for each term its window.
        factors: for each term a, b and h.
        bounds: for each rule the fewest and the most workers.
        stays: until which moment a fleet has no fewer workers than it began with.
        slots: requests that a worker serves at once.
        cold_start: seconds until a started worker is ready.
        limit: seconds that a request may wait.
        room: for each rule the workers for which there is room, and where that begins.
        free_at: room for the heaps of all rules: when each slot that isn't idle is free.
        ready_at: room for the rings of all rules: when each worker that starts is ready.
        fleet: a row for each rule, see ``FLEET``; changed.
        weights: for each rule the mean weight of the requests in service, changed.
        learnt: for each rule seconds of service and answers, each fading with the answers; changed.
        areas: for each rule a ring of demand times seconds since the beginning, by the number of the decision; changed.
        times: for each term when the values were that may still be its largest; changed.
        values: these values; changed.
        ends: where they begin and end; changed.
        cost: worker-seconds of each rule; added to.
        late: late requests of each rule; added to.
    """
    for rule in range(len(fleet)):
        workers, idle, size, head, counted, ring, starting, found, told, before = fleet[rule]
        most_here, begin = room[rule]
        base = begin * slots
        last, known, weight = start, 0, weights[rule]
        for place in range(len(ticks) + 1):
            now = until
            if place < len(ticks):
                now = ticks[place]
            cost[rule] += workers * (now - last)
            last = now
            while known < len(came) and came[known] <= now:
                known += 1
            while head < known:
                began = came[head]
                if idle > 0:  # since the last decision, or longer: nothing waited then
                    idle -= 1
                    _push(free_at, base, size, began + service[head])
                    size += 1
                else:
                    if size == 0 or free_at[base] > now:
                        break
                    began = max(began, free_at[base])
                    _replace(free_at, base, size, began + service[head])
                if head >= counted and began - came[head] > limit:
                    late[rule] += 1
                head += 1
            if place == len(ticks):
                weights[rule] = weight
                break
            while size > 0 and free_at[base] <= now:
                idle += 1
                size -= 1
                _replace(free_at, base, size, free_at[base + size])
            while starting > 0 and ready_at[begin + ring] <= now:
                ring = (ring + 1) % most_here
                starting -= 1
            served, waiting = size - starting * slots, known - head
            number = first + place
            if number > 0:
                answers = head - told + before - served
                fade = 0.5 ** (answers / _LEARNT_OVER)
                learnt[rule, 0] = learnt[rule, 0] * fade + served * period
                learnt[rule, 1] = learnt[rule, 1] * fade + answers
            mean = given
            if given == 0.0:
                mean = min(max((learnt[rule, 0] + _SERVICE_TIME) / (learnt[rule, 1] + 1.0), _SHORTEST), _LONGEST)
            before = served
            if number == 0:  # whoever is there is the demand
                found, weight = workers, 1.0
                demand = float(served + waiting)
            else:
                # As the scaler, which sees counts: requests of a period came, and began, evenly spread over it.
                begun_weight = _begun(told, head, now - period, now, since, over, mean)
                weight = _weight_in_service(weight, served, head - told, begun_weight)
                demand = served * weight + _waiting(head, min(known, head + _MOST_WEIGHED), now, since, over, mean)
            told = head
            area = areas[rule]
            area[number % len(area)] = 0.0
            if number > 0:
                area[number % len(area)] = area[(number - 1) % len(area)] + demand * period
            want = 0
            for term in range(terms[rule], terms[rule + 1]):
                what = signal[term]
                value = demand
                if what in {1, 2}:
                    value = _mean(area, number, demand, MEANS[what - 1], period)
                elif what > 2:
                    coming = rate[what - 3, place]
                    if coming < 0:
                        coming = demand / mean
                    value = _ahead(demand, coming, mean, horizon + (period if number > 0 else 0.0))
                value = _largest(value, now, seconds[term], times[term], values[term], ends[term])
                want = max(want, _workers_for(factors[term, 0], factors[term, 1], factors[term, 2], value))
            want = -(-want // slots)
            if want == 0 and waiting > 0:
                want = 1
            want = min(max(want, bounds[rule, 0]), bounds[rule, 1])
            if now < stays:
                want = max(want, min(found, workers))
            if want > workers:
                ready = now + cold_start
                if starting > 0:
                    ready = max(ready, ready_at[begin + (ring + starting - 1) % most_here])
                for _ in range(want - workers):
                    ready_at[begin + (ring + starting) % most_here] = ready
                    starting += 1
                    for _slot in range(slots):
                        _push(free_at, base, size, ready)
                        size += 1
                workers = want
            elif want < workers and waiting == 0:
                leave = min(workers - want, idle // slots)
                workers -= leave
                idle -= leave * slots
        counted = max(counted, head)
        while counted < len(came) and until - came[counted] > limit:
            late[rule] += 1
            counted += 1
        fleet[rule] = workers, idle, size, head, counted, ring, starting, found, told, before
