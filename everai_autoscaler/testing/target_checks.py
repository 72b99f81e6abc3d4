"""What every target keeps, each rule a function that does something to a target and looks at what becomes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias
from unittest import SkipTest

from everai_autoscaler.errors import AutoscalerError, describe_error
from everai_autoscaler.loop import Applied, Target
from everai_autoscaler.model import Action, DecideResult, ScaleDownAction, ScaleUpAction, Worker, WorkerStatus
from everai_autoscaler.testing.rule import T, fact_of, name_of, parametrized

__all__ = [
    "TARGET_CHECKS",
    "TargetCase",
    "TargetRuleBrokenError",
    "check_target",
    "parametrize_with_target_checks",
]

WORKERS = 3
"""With how many workers each rule begins."""


class TargetCase(ABC):
    """A target with some workers, and what a test does to the world around it.

    Write a subclass for your target. Its constructor takes the number of workers, and returns when they are ready and
    have nothing to do. Of the methods, only ``settle`` is needed: the rules that need another one are skipped without.
    """

    target: Target
    """The target under test."""

    @abstractmethod
    def settle(self) -> None:
        """Wait until every worker that was started is ready, and every worker that leaves is gone."""

    def make_busy(self) -> str:
        """Let one of the workers serve a request that doesn't end, and give the worker's id."""
        raise SkipTest(f"{type(self).__name__} can't make a worker busy: it has no make_busy()")

    def serve_one(self) -> Sequence[tuple[float, float | None, float]] | None:
        """Let a worker serve a request to its end, and give what the engine has said by ``Host.served`` since it began.

        ``None``, as by default, where it doesn't know its requests one by one; the rule then has nothing to look at.
        """
        return None

    def limit_starts(self) -> None:
        """See to it that at most one more worker can be started, whatever is asked for."""
        raise SkipTest(f"{type(self).__name__} can't limit starts: it has no limit_starts()")

    def cut(self) -> None:
        """Cut the connection over which the target knows its workers; they live on."""
        raise SkipTest(f"{type(self).__name__} can't cut the target's connection: it has no cut()")

    def restore(self) -> None:
        """Restore the connection that ``cut`` has cut."""
        raise SkipTest(f"{type(self).__name__} can't restore the target's connection: it has no restore()")

    def end(self) -> None:  # noqa: B027 - to be written only where there is something to clear up
        """Clear up after the test; by default there is nothing to clear up."""


MakeCase: TypeAlias = Callable[[int], TargetCase]
"""Makes a case with so many workers: a subclass of ``TargetCase``, say."""


class TargetRuleBrokenError(AutoscalerError, AssertionError):
    """A target breaks a rule: which, and how."""

    def __init__(self, rule: str, fact: str, target: Target, complaint: str) -> None:
        self.rule = rule
        """The rule's name, ``keeps_a_busy_worker``, say."""
        self.fact = fact
        """What the rule says."""
        self.complaint = complaint
        """What the target did."""
        super().__init__(f"{type(target).__name__} breaks the rule {rule}: {fact}\n\n    {complaint}")


class TargetCheck(Protocol):
    """One rule."""

    def __call__(self, make: MakeCase, /) -> None:
        """Look whether the target of a case that *make* makes keeps the rule.

        Raises:
            TargetRuleBrokenError: it doesn't.
            unittest.SkipTest: the case can't do what the rule needs; pytest skips the test, and shows the reason.
        """


def check_target(make: MakeCase) -> tuple[str, ...]:
    """Check that a target keeps every rule, each with a case of its own.

    >>> from everai_autoscaler.testing import VirtualTarget
    >>> class VirtualCase(TargetCase):
    ...     def __init__(self, workers):
    ...         self.target = VirtualTarget(workers=workers, cold_start=15)
    ...     def settle(self):
    ...         self.target.clock.sleep_until(self.target.clock.now() + 15)
    >>> print(check_target(VirtualCase)[0])
    shows_a_busy_worker: VirtualCase can't make a worker busy: it has no make_busy()

    Args:
        make: makes a case with so many workers: a subclass of ``TargetCase``, say.

    Returns:
        What wasn't checked, and why, a line for each rule.

    Raises:
        TargetRuleBrokenError: the first rule that it breaks.
    """
    skipped = []
    for check in TARGET_CHECKS:
        try:
            check(make)
        except SkipTest as reason:
            skipped.append(f"{name_of(check)}: {reason}")
    return tuple(skipped)


def parametrize_with_target_checks(cases: Mapping[str, MakeCase]) -> Callable[[T], T]:
    """Run a test with the arguments *make* and *check* for each of the *cases* and each rule.

    The ids name both: ``cloud-keeps_a_busy_worker``. The test calls ``check(make)``.

    Raises:
        MissingExtraError: pytest isn't installed.
    """
    return parametrized("make", ((name, make, check) for name, make in cases.items() for check in TARGET_CHECKS))


def _rule(look: Callable[[TargetCase], str]) -> TargetCheck:
    """The rule that is broken where *look* has a complaint about a new case."""

    def check(make: MakeCase, /) -> None:
        case = make(WORKERS)
        try:
            complaint = look(case)
        finally:
            case.end()
        if complaint:
            raise TargetRuleBrokenError(name_of(check), fact_of(check), case.target, complaint)

    check.__name__ = check.__qualname__ = getattr(look, "__name__", "")
    check.__doc__ = look.__doc__
    return check


@_rule
def check_lists_each_worker_once(case: TargetCase) -> str:
    """Lists every worker that there is, and each of them once."""
    workers = case.target.observe().workers
    if workers is None:
        return "doesn't know its workers, although nothing is wrong"
    ids = [worker.worker_id for worker in workers]
    twice = [worker_id for worker_id in dict.fromkeys(ids) if ids.count(worker_id) > 1]
    if twice:
        return f"lists {', '.join(twice)} more than once"
    occupied = [f"{worker.worker_id} as {worker.status}" for worker in workers if worker.status != WorkerStatus.Free]
    if occupied:
        return f"lists {', '.join(occupied)}, which is ready and has nothing to do"
    return "" if len(ids) == WORKERS else f"lists {len(ids)} workers, and there are {WORKERS}"


@_rule
def check_shows_a_busy_worker(case: TargetCase) -> str:
    """Shows that a worker is busy while it serves."""
    busy = case.make_busy()
    worker = _listed(case).get(busy)
    if worker is None:
        return f"doesn't list {busy}, which serves a request"
    shown = worker.status is WorkerStatus.Busy or worker.current_request
    return "" if shown else f"shows {busy} as {worker.status}, which serves a request"


@_rule
def check_shows_a_start_at_once(case: TargetCase) -> str:
    """Lists a worker that it was asked to start in the very next observation."""
    before = _listed(case)
    case.target.apply(_starting(1))
    started = _listed(case).keys() - before.keys()
    return "" if started else "doesn't list the worker that it was asked for: the next decision would ask for it again"


@_rule
def check_starts_as_many_as_asked(case: TargetCase) -> str:
    """Starts as many workers as it is asked for, and removes none of the others."""
    before = _listed(case)
    case.target.apply(_starting(2))
    case.settle()
    after = _listed(case)
    if lost := before.keys() - after.keys():
        return f"was asked for 2 more workers, and has lost {_said(lost)}"
    started = after.keys() - before.keys()
    return "" if len(started) == 2 else f"was asked for 2 more workers, and started {len(started)}"


@_rule
def check_removes_exactly_the_named(case: TargetCase) -> str:
    """Removes the worker that is named and no other, or says why it stays."""
    before = _listed(case)
    named = next(iter(before))
    applied, failed = _apply(case, named)
    refused = _names(named, applied, failed)
    stays = _listed(case).keys()
    if named in stays and not refused:
        return f"was asked to remove {named}, and neither removes it nor says why"
    case.settle()
    expected = before.keys() if refused else before.keys() - {named}
    after = _listed(case).keys()
    if others := expected - after:
        return f"was asked to remove {named}, and removes {_said(others)}"
    return f"has {_said(after - expected)}, which should be gone" if after - expected else ""


@_rule
def check_removes_a_worker_only_once(case: TargetCase) -> str:
    """Does nothing more when it is asked again to remove a worker that is gone."""
    named = list(_listed(case))[-1]
    _apply(case, named)
    case.settle()
    before = _listed(case)
    _apply(case, named)
    case.settle()
    after = _listed(case)
    if lost := before.keys() - after.keys():
        return f"was asked again to remove {named}, which is gone, and removes {_said(lost)}"
    more = after.keys() - before.keys()
    return f"was asked again to remove {named}, which is gone, and starts {_said(more)}" if more else ""


@_rule
def check_keeps_a_busy_worker(case: TargetCase) -> str:
    """Keeps a worker that has begun to serve since the decision."""
    busy = case.make_busy()
    _apply(case, busy)
    return "" if busy in _listed(case) else f"removes {busy}, which serves a request"


@_rule
def check_says_what_was_served(case: TargetCase) -> str:
    """Says of a request that is over, once, when it came, when a worker took it, and when it ended."""
    said = case.serve_one()
    if said is None:
        return ""
    if len(said) != 1:
        return f"says that {len(said)} requests ended, and one did"
    came, began, ended = said[0]
    if began is None:
        return "says that no worker took a request which one has served"
    in_order = came <= began <= ended
    return "" if in_order else f"says that a request came at {came:.0f}, was taken at {began:.0f}, ended at {ended:.0f}"


@_rule
def check_says_which_worker_stays(case: TargetCase) -> str:
    """Says which of the named workers it didn't remove, and why."""
    busy = case.make_busy()
    free = [worker_id for worker_id in _listed(case) if worker_id != busy][-1]
    applied, failed = _apply(case, free, busy)
    gone = {free, busy} - _listed(case).keys()
    if failed is None and (said := {free, busy} if applied is None else set(applied.down)) != gone:
        return f"says that it removes {_said(said) or 'none'}, and removes {_said(gone) or 'none'}"
    if busy not in gone and not _names(busy, applied, failed):
        return f"keeps {busy}, and doesn't say why"
    return ""


@_rule
def check_says_what_it_does_not_start(case: TargetCase) -> str:
    """Says how many workers it started, and why not as many as it was asked for."""
    before = _listed(case)
    case.limit_starts()
    try:
        applied = case.target.apply(_starting(3))
    except Exception:  # noqa: BLE001 - to fail is to say it
        return ""
    case.settle()
    started = len(_listed(case).keys() - before.keys())
    said = 3 if applied is None else applied.up
    if said != started:
        return f"says that it starts {said}, and starts {started}"
    return f"starts {started} of 3, and doesn't say why" if started < 3 and not (applied and applied.why) else ""


@_rule
def check_reads_a_lost_connection_as_not_known(case: TargetCase) -> str:
    """Doesn't know its workers while the connection is lost, and knows them again afterwards."""
    before = _listed(case)
    case.cut()
    try:
        workers = case.target.observe().workers
    except Exception:  # noqa: BLE001 - to fail is to say that it isn't known
        workers = None
    case.restore()
    if workers is not None:
        return f"lists {len(workers)} workers while it can't know which there are"
    after = _listed(case)
    if after.keys() == before.keys():
        return ""
    return f"lists {_said(after) or 'no worker'} once the connection is back, and there are {_said(before)}"


@_rule
def check_loses_nothing_with_the_connection(case: TargetCase) -> str:
    """Loses nothing while the connection is lost, and says that it couldn't do what it was asked for."""
    before = _listed(case)
    named = list(before)[-1]
    case.cut()
    applied, failed = _apply(case, named)
    case.restore()
    case.settle()
    if failed is None and not (applied and applied.why and named not in applied.down):
        return f"says that it removed {named} while the connection was lost"
    lost = before.keys() - _listed(case).keys()
    return f"has lost {_said(lost)} while the connection was lost" if lost else ""


TARGET_CHECKS: tuple[TargetCheck, ...] = (
    check_lists_each_worker_once,
    check_shows_a_busy_worker,
    check_shows_a_start_at_once,
    check_starts_as_many_as_asked,
    check_removes_exactly_the_named,
    check_removes_a_worker_only_once,
    check_keeps_a_busy_worker,
    check_says_what_was_served,
    check_says_which_worker_stays,
    check_says_what_it_does_not_start,
    check_reads_a_lost_connection_as_not_known,
    check_loses_nothing_with_the_connection,
)
"""Every rule for targets, in the order in which they are looked at."""


def _listed(case: TargetCase) -> dict[str, Worker]:
    """The workers that the target shows now and that don't leave, by id."""
    workers = case.target.observe().workers or ()
    return {worker.worker_id: worker for worker in workers if not worker.draining}


def _starting(count: int) -> DecideResult:
    return DecideResult(max_workers=99, actions=[ScaleUpAction(count=count)]).because(f"the check starts {count}")


def _apply(case: TargetCase, *removed: str) -> tuple[Applied | None, Exception | None]:
    """What the target did about the removal of these workers, or how it failed."""
    actions: list[Action] = [ScaleDownAction(worker_id=worker_id) for worker_id in removed]
    result = DecideResult(max_workers=99, actions=actions).because(f"the check removes {', '.join(removed)}")
    try:
        return case.target.apply(result), None
    except Exception as error:  # noqa: BLE001 - whatever a target raises
        return None, error


def _names(worker_id: str, applied: Applied | None, failed: Exception | None) -> bool:
    """Whether the target says of that worker that it stays."""
    if failed is not None:
        return worker_id in describe_error(failed)
    return applied is not None and any(worker_id in why for why in applied.why)


def _said(worker_ids: Iterable[str]) -> str:
    return ", ".join(sorted(worker_ids))
