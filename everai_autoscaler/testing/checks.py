"""What every policy keeps, each rule a function that looks for the smallest snapshot that breaks it."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache, partial
from itertools import product
from random import Random
from textwrap import indent
from typing import Any, Protocol, TypeAlias, TypeVar

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.errors import AutoscalerError, MissingExtraError, describe_error

try:
    from hypothesis import HealthCheck, Phase, Verbosity, find, settings
    from hypothesis import strategies as st
    from hypothesis.errors import NoSuchExample
except ImportError as error:
    raise MissingExtraError("hypothesis is missing: pip install 'everai-autoscaler[testing]'") from error

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, QueueReason, Worker, WorkerStatus
from everai_autoscaler.testing.asking import Answer, ask, bound, remembered
from everai_autoscaler.testing.display import describe
from everai_autoscaler.testing.pasteable import as_code, call, literal
from everai_autoscaler.testing.shrinking import simpler_snapshots, smaller_numbers, smallest
from everai_autoscaler.testing.snapshots import NOW, snapshot
from everai_autoscaler.testing.strategies import factors as snapshots
from everai_autoscaler.testing.strategies import lives
from everai_autoscaler.testing.target import Clients, Dispatch, VirtualTarget
from everai_autoscaler.testing.watching import Forbidden, a_clock, a_connection, a_random_source, watch

__all__ = [
    "CHECKS",
    "Check",
    "RuleBrokenError",
    "check_answers_every_snapshot",
    "check_autoscaler",
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
    "fact_of",
    "name_of",
    "parametrize_with_checks",
    "yield_checks",
]

T = TypeVar("T", bound=Callable[..., object])

EXAMPLES = 100
"""Snapshots that each rule looks at, unless it finds one that breaks it."""

WITHIN = 1.0
"""Seconds that a decision on 10,000 workers may take, unless another number is given."""


class RuleBrokenError(AutoscalerError, AssertionError):
    """A policy breaks a rule: which, at what, and how."""

    def __init__(self, rule: str, fact: str, scaler: AutoScaler, broken: Broken) -> None:
        self.rule = rule
        """The rule's name, ``removes_nobody_at_work``, say."""
        self.fact = fact
        """What the rule says."""
        self.complaint = broken.complaint
        """What the policy did."""
        self.snapshot = broken.factors
        """The smallest snapshot that was found at which it breaks the rule."""
        self.memory = broken.memory
        """What the policy remembered then."""
        self.code = as_code(broken.factors)
        """The snapshot as an expression; ``snapshot``, ``worker`` and ``Factors`` are what it needs."""
        self.result = broken.result
        """What it decided there; ``None`` when it failed."""
        super().__init__(f"{scaler!r} breaks the rule {rule}: {fact}\n\n{indent(self._story(broken), '    ')}")

    def _story(self, broken: Broken) -> str:
        lines = [f"{broken.setting}\n"] if broken.setting else []
        lines.append(f"factors = {self.code}")
        asked = "decide(factors)"
        if self.memory is not None:
            lines.append(f"memory = {self.memory!r}")
            asked = "decide_with_memory(factors, memory)"
        lines.append(f"\n{asked}: {self.complaint}")
        if self.result is not None:
            lines.append(f"\n{describe(self.result)}")
        return "\n".join(lines)


class Check(Protocol):
    """One rule."""

    def __call__(self, scaler: AutoScaler, /, *, examples: int = EXAMPLES, seed: int = 0) -> None:
        """Look for a snapshot at which *scaler* breaks the rule, among so many *examples*, the same for each *seed*.

        Raises:
            RuleBrokenError: there is one.
        """


def check_autoscaler(
    scaler: AutoScaler, *, examples: int = EXAMPLES, seed: int = 0, within: float | None = None
) -> None:
    """Check that *scaler* keeps every rule that applies to it.

    Args:
        examples: how many snapshots each rule looks at.
        seed: which snapshots those are; the same ones each time.
        within: the seconds that a decision on 10,000 workers may take; not looked at where it isn't given, since it
            depends on the machine.

    Raises:
        RuleBrokenError: the first rule that it breaks, and the smallest snapshot that shows it.

    >>> class Hasty(AutoScaler):
    ...     def decide(self, factors):
    ...         busy = [one.worker_id for one in factors.workers or () if one.status == "Busy"]
    ...         gone = [{"action": "ScaleDown", "worker_id": worker_id} for worker_id in busy]
    ...         return DecideResult(max_workers=9, actions=gone).because("they cost most")
    >>> try:
    ...     check_autoscaler(Hasty())
    ... except RuleBrokenError as error:
    ...     print(error.rule, error.code)
    removes_nobody_at_work snapshot(workers=[worker("w1", "Busy")])
    """
    for check in yield_checks(scaler, within=within):
        check(scaler, examples=examples, seed=seed)


def yield_checks(scaler: AutoScaler, *, within: float | None = None) -> Iterator[Check]:
    """The rules that apply to *scaler*: all but those for what it doesn't declare, and the time where none is given."""
    for check in CHECKS:
        if check is check_decides_in_time:
            if within is not None:
                yield partial(check_decides_in_time, within=within)
        elif check not in _DECLARED or getattr(scaler, _DECLARED[check], False):
            yield check


def parametrize_with_checks(
    scalers: Iterable[AutoScaler] | Mapping[str, AutoScaler], *, within: float | None = None
) -> Callable[[T], T]:
    """Run a test with the arguments *scaler* and *check* for each of *scalers* and each rule that applies to it.

    The ids name both: ``simple-removes_nobody_at_work``. A mapping gives the scalers' names.

    Raises:
        MissingExtraError: pytest isn't installed.
    """
    try:
        import pytest
    except ImportError as error:
        raise MissingExtraError("pytest is missing: pip install 'everai-autoscaler[testing]'") from error
    named = scalers.items() if isinstance(scalers, Mapping) else [(_named(scaler), scaler) for scaler in scalers]
    return pytest.mark.parametrize(
        ("scaler", "check"),
        [
            pytest.param(scaler, check, id=f"{name}-{name_of(check)}")
            for name, scaler in named
            for check in yield_checks(scaler, within=within)
        ],
    )


def name_of(check: Check) -> str:
    """The name of a rule.

    >>> name_of(check_removes_nobody_at_work)
    'removes_nobody_at_work'
    """
    function: Any = check.func if isinstance(check, partial) else check
    return str(function.__name__).removeprefix("check_")


def fact_of(check: Check) -> str:
    """What a rule says, in one sentence.

    >>> fact_of(check_never_goes_both_ways)
    'Never starts and removes workers in one answer.'
    """
    function: Any = check.func if isinstance(check, partial) else check
    return str(function.__doc__).partition("\n\n")[0].replace("\n    ", " ")


@frozen
class Case:
    """What a rule looks at: a snapshot, and what the policy remembers then."""

    factors: Factors
    memory: JsonValue = None

    def broken(self, complaint: str, answer: Answer | None = None) -> Broken:
        """That the rule is broken here."""
        return Broken(complaint, self.factors, self.memory, None if answer is None else answer.result)

    def with_(self, **changes: Any) -> Case:
        """The same but for these fields of the snapshot."""
        return evolve(self, factors=self.factors.model_copy(update=changes))


@frozen
class Broken:
    """How a rule is broken."""

    complaint: str
    factors: Factors
    memory: JsonValue = None
    result: DecideResult | None = None
    setting: str = ""


Look: TypeAlias = Callable[[AutoScaler, Any], Broken | None]
"""What a rule makes of one case, or of one load."""


@frozen
class Drawn:
    """A snapshot, and those that a policy was shown before."""

    factors: Factors
    past: Sequence[Factors] = ()

    def met_by(self, policy: AutoScaler) -> Case:
        """The snapshot, with what *policy* remembers of those before."""
        memory: JsonValue = None
        for moment in self.past:
            answer = _heard(policy, Case(moment, memory))
            memory = memory if answer is None else remembered(answer)
        return Case(self.factors, memory)

    def simpler(self) -> Iterator[Drawn]:
        """The same with a shorter past, or a simpler snapshot."""
        for place in range(len(self.past)):
            yield Drawn(self.factors, (*self.past[:place], *self.past[place + 1 :]))
        for factors in simpler_snapshots(self.factors):
            yield Drawn(factors, self.past)

    def code(self) -> str:
        """What tells it from others."""
        return "\n".join(map(as_code, (*self.past, self.factors)))


@st.composite
def _any_of_a_life(draw: st.DrawFn) -> Drawn:
    """Any snapshot after a fleet's life, or the last one of that."""
    past: list[Factors] = draw(lives(min_size=0, max_size=5))
    following: Factors = draw(snapshots(since=past[-1].observed_at if past else NOW))
    return draw(st.sampled_from([Drawn(following, past), *([Drawn(past[-1], past[:-1])] if past else [])]))


@frozen
class ConstantLoad:
    """So many clients, each of which sends its next request when the last is answered; for ever."""

    clients: int
    service_time: float
    cold_start: float
    workers: int
    dispatch: Dispatch

    def met_by(self, _policy: AutoScaler) -> ConstantLoad:
        """It is the same for each policy."""
        return self

    def simpler(self) -> Iterator[ConstantLoad]:
        """Loads that are closer to the simplest one."""
        for clients in smaller_numbers(self.clients):
            yield evolve(self, clients=clients)
        for workers in smaller_numbers(self.workers):
            yield evolve(self, workers=workers)
        yield evolve(self, service_time=10.0)
        yield evolve(self, cold_start=15.0)
        yield evolve(self, dispatch=Dispatch.MOST_RECENTLY_USED)

    def target(self) -> VirtualTarget:
        """A target under that load."""
        load = [Clients(self.clients, service_time=self.service_time)] if self.clients else []
        return VirtualTarget(workers=self.workers, cold_start=self.cold_start, load=load, dispatch=self.dispatch)

    def code(self) -> str:
        """That target as an expression."""
        client = call("Clients", str(self.clients), f"service_time={literal(self.service_time)}")
        load = [f"load=[{client}]"] if self.clients else []
        said = [f"workers={self.workers}", f"cold_start={literal(self.cold_start)}", *load]
        return call("VirtualTarget", *said, f"dispatch={literal(self.dispatch)}")


_ANY = st.builds(Drawn, snapshots())
_ANY_OF_A_LIFE = _any_of_a_life()
_LOADS = st.builds(
    ConstantLoad,
    clients=st.integers(0, 6),
    service_time=st.sampled_from([10.0, 20.0, 33.0, 70.0]),
    cold_start=st.sampled_from([15.0, 0.0, 30.0]),
    workers=st.integers(0, 4),
    dispatch=st.sampled_from(Dispatch),
)


def _rule(look: Look) -> Check:
    """The rule that is broken where *look*, at any snapshot, finds it so."""
    return _search(look, lambda policy: _ANY_OF_A_LIFE if _remembers(policy) else _ANY, share=1)


def _rule_of_loads(look: Look) -> Check:
    """The rule that is broken where *look* finds it so at any constant load; each is dear, so that it looks at few."""
    return _search(look, lambda _policy: _LOADS, share=10)


def _search(look: Look, strategy: Callable[[AutoScaler], st.SearchStrategy[Any]], share: int) -> Check:
    def check(scaler: AutoScaler, /, *, examples: int = EXAMPLES, seed: int = 0) -> None:
        policy = bound(scaler)
        broken = _smallest(look, policy, strategy(policy), max(1, examples // share), seed)
        if broken is not None:
            raise RuleBrokenError(name_of(check), fact_of(check), scaler, broken)

    check.__name__ = check.__qualname__ = look.__name__
    check.__doc__ = look.__doc__
    return check


@_rule
def check_answers_every_snapshot(policy: AutoScaler, case: Case) -> Broken | None:
    """Answers every snapshot with a DecideResult, and raises nothing."""
    try:
        _ask(policy, case)
    except Exception as error:  # noqa: BLE001 - whatever a policy raises
        return case.broken(describe_error(error))
    return None


@_rule
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


@_rule
def check_gives_the_same_answer_again(policy: AutoScaler, case: Case) -> Broken | None:
    """Gives the same snapshot and memory the same answer, whatever else it was asked in between."""
    asked = _fresh(policy)
    first = _sound(asked, case)
    if first is None:
        return None
    for between in (None, snapshot(), snapshot(waiting=50, busy=2), snapshot(free=3, idle_for=5000)):
        when = "at once" if between is None else "after another snapshot"
        if between is not None:
            _sound(asked, Case(between, case.memory))
        answer = _sound(asked, case)
        if answer is None:
            return case.broken(f"asked again {when}, it fails", first)
        if differs := first.differs_from(answer):
            return case.broken(f"asked again {when}, it differs in {differs}: {_briefly(answer)}", first)
    return None


@_rule
def check_removes_only_who_is_there(policy: AutoScaler, case: Case) -> Broken | None:
    """Removes only workers that the snapshot lists, and each of them once."""
    answer = _heard(policy, case)
    if answer is None or case.factors.workers is None:
        return None
    left = [worker.worker_id for worker in case.factors.workers]
    for worker_id in answer.result.down:
        if worker_id not in left:
            twice = answer.result.down.count(worker_id) > 1
            return case.broken(f"removes {worker_id} {'twice' if twice else 'which is not there'}", answer)
        left.remove(worker_id)
    return None


@_rule
def check_removes_nobody_at_work(policy: AutoScaler, case: Case) -> Broken | None:
    """Removes nobody who is busy, serves a request, is in a session, or is leaving already."""
    for one in (case, *_occupied_instead(policy, case)):
        answer = _heard(policy, one)
        if answer is None:
            continue
        for worker in one.factors.workers or ():
            if worker.worker_id in answer.result.down and (why := _occupied(worker)):
                return one.broken(f"removes {worker.worker_id}, which {why}", answer)
    return None


@_rule
def check_never_goes_both_ways(policy: AutoScaler, case: Case) -> Broken | None:
    """Never starts and removes workers in one answer."""
    answer = _heard(policy, case)
    if answer is None or not answer.result.up or not answer.result.down:
        return None
    return case.broken(f"starts {answer.result.up} and removes {', '.join(answer.result.down)}", answer)


@_rule
def check_stays_within_max_workers(policy: AutoScaler, case: Case) -> Broken | None:
    """Never starts more than max_workers leaves room for, nor states a higher one than it was given.

    Every listed worker takes room. Where the workers aren't known there is no telling, so that it starts nobody.
    """
    bound = getattr(policy, "max_workers", None)
    for one in (case, *_full(case, bound)):
        answer = _heard(policy, one)
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


@_rule
def check_explains_every_action_and_every_hold(policy: AutoScaler, case: Case) -> Broken | None:
    """Explains every action and every hold with a reason."""
    answer = _heard(policy, case)
    if answer is None or not (answer.result.actions or answer.result.held):
        return None
    reasons = answer.result.reasons
    if reasons and all(str(reason.why).strip() for reason in reasons):
        return None
    what = "holds" if answer.result.held else "acts"
    return case.broken(f"{what}, and gives {'an empty' if reasons else 'no'} reason", answer)


@_rule
def check_survives_json(policy: AutoScaler, case: Case) -> Broken | None:
    """Its answer and its memory survive JSON, and a snapshot that came as JSON gets the same answer."""
    try:
        answer = _ask(_fresh(policy), case)
    except Exception:  # noqa: BLE001 - that is another rule's
        return None
    if fault := _fault_of(answer):
        return case.broken(fault, answer)
    sent = evolve(case, factors=Factors.from_json(case.factors.json()))
    received = _heard(policy, sent)
    differs = "that it fails" if received is None else answer.differs_from(received)
    return (
        case.broken(f"the same snapshot from JSON gets another answer: it differs in {differs}", answer)
        if differs
        else None
    )


@_rule
def check_removes_nobody_on_what_is_not_known(policy: AutoScaler, case: Case) -> Broken | None:
    """Removes nobody where something isn't known, but those that it would remove whatever that were.

    Where the queue isn't known, who is free leaves only if he would with a long one, too; where it isn't known how many
    are free, only if he would with nobody free. Where the workers aren't known, nobody leaves.
    """
    for what, unknown in _UNKNOWNS.items():
        dark = case.with_(**unknown)
        answer = _heard(policy, dark)
        if answer is None or not answer.result.down:
            continue
        removed, workers = answer.result.down, dark.factors.workers
        if workers is None:
            return dark.broken(f"removes {', '.join(removed)}, and doesn't know {what}", answer)
        if what == "the queue":
            otherwise, lit = f"with {_MANY} waiting", dark.with_(queue=dict.fromkeys(QueueReason, _MANY))
        else:
            summary = {WorkerStatus.Free: 0, WorkerStatus.Busy: len(workers)}
            otherwise, lit = "with none of them free", dark.with_(unknown=None, worker=summary)
        known = _heard(policy, lit)
        free = {worker.worker_id for worker in workers if worker.status is WorkerStatus.Free}
        wrongly = [one for one in removed if one in free and known is not None and one not in known.result.down]
        if wrongly:
            complaint = f"removes {', '.join(wrongly)}, and doesn't know {what}: {otherwise} it would not"
            return dark.broken(complaint, answer)
    return None


@_rule
def check_survives_copies(policy: AutoScaler, case: Case) -> Broken | None:
    """Survives a deep copy and, once its late arguments are read, pickle: the copy gives the same answer."""
    answer = _heard(policy, case)
    ways: dict[str, Callable[[AutoScaler], AutoScaler]] = {"a deep copy": copy.deepcopy, "pickle": _pickled}
    for way, copied in ways.items():
        try:
            twin = copied(policy)
        except Exception as error:  # noqa: BLE001 - whatever a policy's own copying raises
            return case.broken(f"{way} of it fails: {describe_error(error)}", answer)
        given = _sound(twin, case)
        if answer is not None and (given is None or given.differs_from(answer)):
            return case.broken(f"after {way} it answers otherwise: {_briefly(given)}", answer)
    return None


@_rule
def check_reads_no_clock(policy: AutoScaler, case: Case) -> Broken | None:
    """Reads no clock, and waits for none: the snapshot's observed_at is the only now."""
    return _watched(policy, case, a_clock)


@_rule
def check_draws_no_random_numbers(policy: AutoScaler, case: Case) -> Broken | None:
    """Draws no random numbers from the source that all share, nor from the system's."""
    return _watched(policy, case, a_random_source)


@_rule
def check_opens_no_connection(policy: AutoScaler, case: Case) -> Broken | None:
    """Opens no connection, and asks for no address."""
    return _watched(policy, case, a_connection)


@_rule_of_loads
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
        answer = _heard(policy, case)
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


@_rule
def check_is_monotone(policy: AutoScaler, case: Case) -> Broken | None:
    """Never asks for fewer workers when more requests wait; for scalers that declare monotone."""
    if case.factors.queue is None:
        return None
    for queue, reason in product((case.factors.queue, {}), _LENGTHENED):
        shorter = case.with_(queue=queue)
        answer = _heard(policy, shorter)
        for length in (1, 10, _MANY):
            longer = case.with_(queue={**queue, reason: queue.get(reason, 0) + length})
            other = _heard(policy, longer)
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
    case = Case(snapshot(waiting=_MANY, workers=_ten_thousand()))
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

_DECLARED: Mapping[Check, str] = {check_is_steady: "steady", check_is_monotone: "monotone"}
"""Rules only for scalers that declare it: with an attribute of that name that is true."""

_UNKNOWNS: Mapping[str, Mapping[str, Any]] = {
    "the queue": {"queue": None},
    "how many are free": {"unknown": ["worker"]},
    "the workers": {"workers": None, "worker": None},
}
"""What may be unknown, and how a snapshot says so."""

_WORK: Sequence[Mapping[str, Any]] = (
    {"number_of_sessions": 1},
    {"current_request": 1},
    {"draining": True},
    {"status": WorkerStatus.Busy},
)
_DISPENSABLE: Mapping[str, Any] = {
    "queue_histories": {},
    "worker_histories": None,
    "arrivals": None,
    "completions": None,
    "oldest_wait": None,
}
_LENGTHENED = (QueueReason.QueueDueBusy, QueueReason.NotDispatch, QueueReason.QueueDueSession)
_MANY = 10_000
_PERIOD = 20
_BEATS = 90


def _smallest(
    look: Look, policy: AutoScaler, strategy: st.SearchStrategy[Any], examples: int, seed: int
) -> Broken | None:
    found: list[Broken] = []

    def breaks(drawn: Drawn | ConstantLoad) -> bool:
        broken = look(policy, drawn.met_by(policy))
        if broken is not None:
            found.append(broken)
        return broken is not None

    for drawn in _drawn(strategy, examples, seed):
        if breaks(drawn):
            smallest(drawn, lambda one: one.simpler(), breaks, key=lambda one: one.code())
            return found[-1]
    return None


@lru_cache(maxsize=8)
def _drawn(strategy: st.SearchStrategy[Any], examples: int, seed: int) -> Sequence[Any]:
    """The examples that every rule looks at: they are drawn once, since that takes longer than looking at them."""
    drawn: list[Any] = []

    def keep(one: Any) -> bool:
        drawn.append(one)
        return False

    with suppress(NoSuchExample):
        find(
            strategy,
            keep,
            settings=settings(
                max_examples=examples,
                database=None,
                derandomize=False,  # the seed says which examples
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
            ),
            random=Random(seed),  # noqa: S311 - examples that repeat from run to run
        )
    return drawn


@cache
def _ten_thousand() -> Sequence[Worker]:
    return tuple(snapshot(busy=6000, free=3000, inflight=1000, idle_for=300).workers or ())


def _remembers(policy: AutoScaler) -> bool:
    own = getattr(type(policy), "decide_with_memory", None)
    return own is not None and own is not AutoScaler.decide_with_memory


def _fresh(policy: AutoScaler) -> AutoScaler:
    """A copy, so that what a policy keeps doesn't reach the next example; itself, where it can't be copied."""
    try:
        return copy.deepcopy(policy)
    except Exception:  # noqa: BLE001 - that is a rule of its own
        return policy


def _pickled(policy: AutoScaler) -> AutoScaler:
    twin: AutoScaler = pickle.loads(pickle.dumps(policy))  # noqa: S301 - made a moment ago
    return twin


def _ask(policy: AutoScaler, case: Case) -> Answer:
    """What *policy* says of a copy of the case, whatever that is."""
    return ask(policy, case.factors.model_copy(deep=True), case.memory)


def _sound(policy: AutoScaler, case: Case) -> Answer | None:
    """What *policy* says; ``None`` where it fails, or gives what can't be an answer, each of which has its own rule."""
    try:
        answer = _ask(policy, case)
    except Exception:  # noqa: BLE001 - whatever a policy raises
        return None
    return None if _fault_of(answer) else answer


def _heard(policy: AutoScaler, case: Case) -> Answer | None:
    """What a fresh copy of *policy* says."""
    return _sound(_fresh(policy), case)


def _fault_of(answer: Answer) -> str:
    """Why *answer* doesn't survive JSON; empty when it does."""
    try:
        if DecideResult.from_json(answer.result.json()) != answer.result:
            return "its answer reads otherwise from JSON"
    except Exception as error:  # noqa: BLE001 - not every way to make a result checks what it holds
        return f"its answer doesn't survive JSON: {describe_error(error)}"
    try:
        if remembered(answer) != answer.memory:
            return f"what it remembers reads otherwise from JSON: {answer.memory!r}"
    except (TypeError, ValueError) as error:
        return f"what it remembers doesn't survive JSON: {describe_error(error)}"
    return ""


def _full(case: Case, most: object) -> Iterator[Case]:
    """The case with *most* workers, where a maximum begins to matter: some more busy ones, or nobody but busy ones."""
    if case.factors.workers is None or not isinstance(most, int) or not 0 < most <= _MANY:
        return
    for listed in (case.factors.workers, []):
        busy = snapshot(busy=max(0, most - len(listed)), observed_at=case.factors.observed_at).workers or []
        workers = [*listed, *busy]
        yield case.with_(workers=workers, worker=snapshot(workers=workers).worker)


def _occupied_instead(policy: AutoScaler, case: Case) -> Iterator[Case]:
    """The case in which one who would be removed is at work, in each way in which one can be."""
    answer, workers = _heard(policy, case), case.factors.workers
    if answer is None or not answer.result.down or workers is None:
        return
    removed = answer.result.down[0]
    for way in _WORK:
        yield case.with_(workers=[one.model_copy(update=way) if one.worker_id == removed else one for one in workers])


def _thinned(policy: AutoScaler, case: Case, answer: Answer) -> Case:
    """The case without what makes no difference to the answer."""
    for name, nothing in _DISPENSABLE.items():
        thinner = case.with_(**{name: nothing})
        other = _heard(policy, thinner)
        if other is not None and not other.differs_from(answer):
            case = thinner
    return case


def _occupied(worker: Worker) -> str:
    if worker.status is WorkerStatus.Busy:
        return "is busy"
    if worker.current_request:
        return "serves a request"
    if worker.number_of_sessions:
        return "is in a session"
    return "is leaving already" if worker.draining else ""


def _watched(policy: AutoScaler, case: Case, forbidden: Forbidden) -> Broken | None:
    asked = _fresh(policy)
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


def _named(scaler: AutoScaler) -> str:
    name = getattr(scaler, "autoscaler_name", None)
    return str(name()) if callable(name) else type(scaler).__name__
