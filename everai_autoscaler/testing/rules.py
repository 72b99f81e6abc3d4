"""What every policy keeps, each rule a function that says how a case breaks it."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any

from attrs import evolve
from pydantic import JsonValue

from everai_autoscaler.errors import AutoscalerError, describe_error
from everai_autoscaler.model import AutoScaler, Factors, QueueReason, Worker, WorkerStatus, why_stays
from everai_autoscaler.testing.asking import Answer, ask, bound, remembered
from everai_autoscaler.testing.display import describe
from everai_autoscaler.testing.rule import (
    EXAMPLES,
    Broken,
    Case,
    Check,
    RuleBrokenError,
    fact_of,
    fault_of,
    fresh,
    name_of,
)
from everai_autoscaler.testing.search import ConstantLoad, rule, rule_of_loads
from everai_autoscaler.testing.snapshots import snapshot
from everai_autoscaler.testing.variants import MANY, full, in_the_dark, occupied_instead
from everai_autoscaler.testing.watching import Forbidden, a_clock, a_connection, a_random_source, watch

__all__ = [
    "CHECKS",
    "check_answers_every_snapshot",
    "check_decides_in_time",
    "check_draws_no_random_numbers",
    "check_explains_every_action_and_every_hold",
    "check_gives_the_same_answer_again",
    "check_is_monotone",
    "check_is_steady",
    "check_leaves_the_snapshot_as_it_was",
    "check_never_goes_both_ways",
    "check_opens_no_connection",
    "check_reads_no_clock",
    "check_removes_nobody_at_work",
    "check_removes_nobody_on_what_is_not_known",
    "check_removes_only_who_is_there",
    "check_stays_within_max_workers",
    "check_survives_copies",
    "check_survives_json",
]

WITHIN = 1.0
"""Seconds that a decision on 10,000 workers may take, unless another number is given."""


@rule
def check_answers_every_snapshot(policy: AutoScaler, case: Case) -> Broken | None:
    """Answers every snapshot with a DecideResult, and raises nothing."""
    try:
        case.ask(policy)
    except Exception as error:  # noqa: BLE001 - whatever a policy raises
        return case.broken(describe_error(error))
    return None


@rule
def check_leaves_the_snapshot_as_it_was(policy: AutoScaler, case: Case) -> Broken | None:
    """Leaves the snapshot, and what it remembered, as they were."""
    factors, memory = case.factors.model_copy(deep=True), copy.deepcopy(case.memory)
    with_memory = getattr(policy, "decide_with_memory", None)
    with suppress(Exception):  # that it fails is another rule's; what it changed before is this one's
        if with_memory is None:
            policy.decide(factors)
        else:
            with_memory(factors, memory)
    changed = [name for name, value in vars(case.factors).items() if value != vars(factors).get(name)]
    if memory != case.memory:
        changed.append("memory")
    return case.broken(f"changes {', '.join(changed)}") if changed else None


@rule
def check_gives_the_same_answer_again(policy: AutoScaler, case: Case) -> Broken | None:
    """Gives the same snapshot and memory the same answer, whatever else it was asked in between."""
    asked = fresh(policy)
    first = case.ask_again(asked)
    if first is None:
        return None
    for between in (None, snapshot(), snapshot(waiting=50, busy=2), snapshot(free=3, idle_for=5000)):
        when = "at once" if between is None else "after another snapshot"
        if between is not None:
            Case(between, case.memory).ask_again(asked)
        answer = case.ask_again(asked)
        if answer is None:
            return case.broken(f"asked again {when}, it fails", first)
        if differs := first.differs_from(answer):
            return case.broken(f"asked again {when}, it differs in {differs}: {_briefly(answer)}", first)
    return None


@rule
def check_removes_only_who_is_there(policy: AutoScaler, case: Case) -> Broken | None:
    """Removes only workers that the snapshot lists, and each of them once."""
    answer = case.answer(policy)
    if answer is None or case.factors.workers is None:
        return None
    left = [worker.worker_id for worker in case.factors.workers]
    for worker_id in answer.result.down:
        if worker_id not in left:
            twice = answer.result.down.count(worker_id) > 1
            return case.broken(f"removes {worker_id} {'twice' if twice else 'which is not there'}", answer)
        left.remove(worker_id)
    return None


@rule
def check_removes_nobody_at_work(policy: AutoScaler, case: Case) -> Broken | None:
    """Removes nobody who is busy, serves a request, is in a session, or is leaving already."""
    for one in (case, *occupied_instead(policy, case)):
        answer = one.answer(policy)
        if answer is None:
            continue
        for worker in one.factors.workers or ():
            if worker.worker_id in answer.result.down and (why := why_stays(worker)):
                return one.broken(f"removes {worker.worker_id}, which {why.removeprefix('it ')}", answer)
    return None


@rule
def check_never_goes_both_ways(policy: AutoScaler, case: Case) -> Broken | None:
    """Never starts and removes workers in one answer."""
    answer = case.answer(policy)
    if answer is None or not answer.result.up or not answer.result.down:
        return None
    return case.broken(f"starts {answer.result.up} and removes {', '.join(answer.result.down)}", answer)


@rule
def check_stays_within_max_workers(policy: AutoScaler, case: Case) -> Broken | None:
    """Never starts more than max_workers leaves room for, nor states a higher one than it was given.

    Every listed worker takes room. Where the workers aren't known there is no telling, so that it starts nobody.
    """
    bound = getattr(policy, "max_workers", None)
    for one in (case, *full(case, bound)):
        answer = one.answer(policy)
        if answer is None:
            continue
        result, workers = answer.result, one.factors.workers
        if isinstance(bound, int) and result.max_workers > bound and not result.held:
            return one.broken(f"states a max_workers of {result.max_workers}, and was given {bound}", answer)
        if not result.up:
            continue
        if workers is None:
            return one.broken(f"starts {result.up}, and doesn't know how many there are", answer)
        if len(workers) + result.up > result.max_workers:
            return one.broken(f"starts {result.up} beside {len(workers)}: more than {result.max_workers}", answer)
    return None


@rule
def check_explains_every_action_and_every_hold(policy: AutoScaler, case: Case) -> Broken | None:
    """Explains every action and every hold with a reason."""
    answer = case.answer(policy)
    if answer is None or not (answer.result.actions or answer.result.held):
        return None
    reasons = answer.result.reasons
    if reasons and all(str(reason.why).strip() for reason in reasons):
        return None
    what = "holds" if answer.result.held else "acts"
    return case.broken(f"{what}, and gives {'an empty' if reasons else 'no'} reason", answer)


@rule
def check_survives_json(policy: AutoScaler, case: Case) -> Broken | None:
    """Its answer and its memory survive JSON, and a snapshot that came as JSON gets the same answer."""
    try:
        answer = case.ask(fresh(policy))
    except Exception:  # noqa: BLE001 - that is another rule's
        return None
    if fault := fault_of(answer):
        return case.broken(fault, answer)
    sent = evolve(case, factors=Factors.from_json(case.factors.json()))
    received = sent.answer(policy)
    differs = "that it fails" if received is None else answer.differs_from(received)
    return (
        case.broken(f"the same snapshot from JSON gets another answer: it differs in {differs}", answer)
        if differs
        else None
    )


@rule
def check_removes_nobody_on_what_is_not_known(policy: AutoScaler, case: Case) -> Broken | None:
    """Removes nobody where something isn't known, but those that it would remove whatever that were.

    Where the queue isn't known, a free worker leaves only if it would with a long one, too; where it isn't known how
    many are free, only if it would with none free; where a signal is missing or stale, only if it would at the lowest
    value and at a high one. Where the workers aren't known, none leaves.
    """
    for what, dark, lit in in_the_dark(policy, case):
        answer, workers = dark.answer(policy), dark.factors.workers
        if answer is None or not answer.result.down:
            continue
        if workers is None:
            return dark.broken(f"removes {', '.join(answer.result.down)}, and doesn't know {what}", answer)
        free = {worker.worker_id for worker in workers if worker.status is WorkerStatus.Free}
        for otherwise, other in lit.items():
            known = other.answer(policy)
            wrongly = [one for one in answer.result.down if one in free and known and one not in known.result.down]
            if wrongly:
                complaint = f"removes {', '.join(wrongly)}, and doesn't know {what}: {otherwise} it would not"
                return dark.broken(complaint, answer)
    return None


@rule
def check_survives_copies(policy: AutoScaler, case: Case) -> Broken | None:
    """Survives a deep copy and, once its late arguments are read, pickle: the copy gives the same answer."""
    answer = case.answer(policy)
    ways: dict[str, Callable[[AutoScaler], AutoScaler]] = {"a deep copy": copy.deepcopy, "pickle": _pickled}
    for way, copied in ways.items():
        try:
            twin = copied(policy)
        except Exception as error:  # noqa: BLE001 - whatever a policy's own copying raises
            return case.broken(f"{way} of it fails: {describe_error(error)}", answer)
        given = case.ask_again(twin)
        if answer is not None and (given is None or given.differs_from(answer)):
            return case.broken(f"after {way} it answers otherwise: {_briefly(given)}", answer)
    return None


@rule
def check_reads_no_clock(policy: AutoScaler, case: Case) -> Broken | None:
    """Reads no clock, and waits for none: the snapshot's observed_at is the only now."""
    return _watched(policy, case, a_clock)


@rule
def check_draws_no_random_numbers(policy: AutoScaler, case: Case) -> Broken | None:
    """Draws no random numbers from the source that all share, nor from the system's."""
    return _watched(policy, case, a_random_source)


@rule
def check_opens_no_connection(policy: AutoScaler, case: Case) -> Broken | None:
    """Opens no connection, and asks for no address."""
    return _watched(policy, case, a_connection)


@rule_of_loads
def check_is_steady(policy: AutoScaler, load: ConstantLoad) -> Broken | None:
    """Never starts a worker again, once it has removed one, under constant load; for scalers that declare steady.

    A constant load is a number of clients that each send the next request when the last is answered; it is asked
    every 20 seconds for half an hour.
    """
    target = load.target()
    begin = target.clock.now()
    memory: JsonValue = None
    removed = ""
    for beat in range(_BEATS):
        target.clock.sleep_until(begin + _PERIOD * beat)
        case = Case(target.observe(), memory)
        answer = case.answer(policy)
        if answer is None:
            continue
        if removed and answer.result.up:
            complaint = f"after {_PERIOD * beat} s it starts {answer.result.up}, and {removed}"
            case = _thinned(policy, case, answer)
            return evolve(case.broken(complaint, answer), setting=f"target = {load.code()}")
        if answer.result.down:
            removed = f"it removed {', '.join(answer.result.down)} after {_PERIOD * beat} s"
        memory = remembered(answer)
        try:
            target.apply(answer.result)
        except (AutoscalerError, ValueError):  # it names a worker that can't go: another rule's
            return None
    return None


@rule
def check_is_monotone(policy: AutoScaler, case: Case) -> Broken | None:
    """Never asks for fewer workers when more requests wait; for scalers that declare monotone."""
    if case.factors.queue is None:
        return None
    for queue, reason in product((case.factors.queue, {}), _LENGTHENED):
        shorter = case.with_(queue=queue)
        answer = shorter.answer(policy)
        for length in (1, 10, MANY):
            longer = case.with_(queue={**queue, reason: queue.get(reason, 0) + length})
            other = longer.answer(policy)
            if answer is None or other is None or answer.result.held or other.result.held:
                break
            fewer = _balance(answer) - _balance(other)
            if fewer > 0:
                more = (longer.factors.waiting() or 0) - (shorter.factors.waiting() or 0)
                said = f"with {more} more waiting ({reason.value}) it wants {fewer} fewer: {_briefly(other)}"
                return shorter.broken(said, answer)
            shorter, answer = longer, other
    return None


def check_decides_in_time(
    scaler: AutoScaler, /, *, examples: int = EXAMPLES, seed: int = 0, within: float = WITHIN
) -> None:
    """Decides on 10,000 workers within the stated seconds, at the best of three times; only where they are stated."""
    del examples, seed  # there is nothing to choose
    policy = bound(scaler)
    case = Case(snapshot(waiting=MANY, workers=_ten_thousand()))
    took = []
    for _ in range(3):
        begin = time.perf_counter()
        answer = None
        with suppress(Exception):  # that it fails is another rule's
            answer = ask(policy, case.factors)
        took.append(time.perf_counter() - begin)
    if min(took) > within:
        broken = case.broken(f"took {min(took):.3f} s, more than {within} s", answer)
        raise RuleBrokenError(name_of(check_decides_in_time), fact_of(check_decides_in_time), scaler, broken)


CHECKS: tuple[Check, ...] = (
    check_answers_every_snapshot,
    check_leaves_the_snapshot_as_it_was,
    check_gives_the_same_answer_again,
    check_removes_nobody_at_work,
    check_removes_only_who_is_there,
    check_removes_nobody_on_what_is_not_known,
    check_never_goes_both_ways,
    check_stays_within_max_workers,
    check_explains_every_action_and_every_hold,
    check_survives_json,
    check_survives_copies,
    check_reads_no_clock,
    check_draws_no_random_numbers,
    check_opens_no_connection,
    check_is_steady,
    check_is_monotone,
    check_decides_in_time,
)
"""Every rule, in the order in which they are looked at."""

_DISPENSABLE: Mapping[str, Any] = {
    "queue_histories": {},
    "worker_histories": None,
    "arrivals": None,
    "completions": None,
    "oldest_wait": None,
    "start_times": None,
    "signals": None,
}
_LENGTHENED = (QueueReason.QueueDueBusy, QueueReason.NotDispatch, QueueReason.QueueDueSession)
_PERIOD = 20
_BEATS = 90


@cache
def _ten_thousand() -> Sequence[Worker]:
    return tuple(snapshot(busy=6000, free=3000, inflight=1000, idle_for=300).workers or ())


def _pickled(policy: AutoScaler) -> AutoScaler:
    twin: AutoScaler = pickle.loads(pickle.dumps(policy))  # noqa: S301 - made a moment ago
    return twin


def _thinned(policy: AutoScaler, case: Case, answer: Answer) -> Case:
    """The case without what makes no difference to the answer."""
    for name, nothing in _DISPENSABLE.items():
        thinner = case.with_(**{name: nothing})
        other = thinner.answer(policy)
        if other is not None and not other.differs_from(answer):
            case = thinner
    return case


def _watched(policy: AutoScaler, case: Case, forbidden: Forbidden) -> Broken | None:
    asked = fresh(policy)
    factors, memory = case.factors.model_copy(deep=True), copy.deepcopy(case.memory)
    result = None
    with watch(forbidden) as seen, suppress(Exception):  # that it fails is another rule's
        result = ask(asked, factors, memory).result
    return None if not seen else Broken(f"calls {seen[0]}", case.factors, case.memory, result)


def _balance(answer: Answer) -> int:
    """How many workers more there would be."""
    return answer.result.up - len(answer.result.down)


def _briefly(answer: Answer | None) -> str:
    return "it fails" if answer is None else describe(answer.result).splitlines()[0]
