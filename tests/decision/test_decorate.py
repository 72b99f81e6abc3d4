"""Decorators: by name, with late arguments, and their way round a snapshot."""

from __future__ import annotations

from typing import Any

import pytest

from everai_autoscaler.decision import Decider, judge
from everai_autoscaler.decision.decorate import wanted_context
from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import AutoScaler, DecideResult, Decorator, Decorators, Factors
from everai_autoscaler.testing import snapshot


class Counts(AutoScaler):
    """Says what it sees."""

    def decide(self, factors: Factors) -> DecideResult:
        return DecideResult(max_workers=9, actions=[]).because(f"{factors.waiting()} waiting")


def judged(*decorators: Any, factors: Factors | None = None) -> Any:
    """What comes of a snapshot on its way through *decorators*."""
    seen = snapshot(waiting=3, busy=1, queue_histories={20: {"QueueDueBusy": 1}}) if factors is None else factors
    named = [(f"decorator-{number}", one) for number, one in enumerate(decorators, 1)]
    return judge(Counts(), seen, name="counts", max_workers=5, decorators=named)


def more(factors: Factors) -> Factors:
    """One more waits."""
    return factors.model_copy(update={"queue": {"QueueDueBusy": (factors.waiting() or 0) + 1}})


def double(factors: Factors) -> Factors:
    """Twice as many wait."""
    return factors.model_copy(update={"queue": {"QueueDueBusy": (factors.waiting() or 0) * 2}})


def raising(_factors: Factors) -> Factors:
    """Fails."""
    raise ZeroDivisionError("division\nby zero")


def emptying(factors: Factors) -> Factors:
    """Changes what it was given."""
    factors.queue_histories[20].clear()  # type: ignore[index]
    factors.workers.clear()  # type: ignore[union-attr]
    return factors


@pytest.mark.parametrize(("decorators", "waiting"), [((), 3), ((more, double), 8), ((double, more), 7)])
def test_decorators_are_applied_in_their_order(decorators: Any, waiting: int) -> None:
    """Each sees what the one before gave, and the policy what the last one gave."""
    judgement = judged(*decorators)

    assert f"counts: {waiting} waiting" == str(judgement.result.reasons[0])
    assert waiting == judgement.decorated.waiting()


@pytest.mark.parametrize(
    ("decorator", "why", "error"),
    [
        (lambda _: None, "decorator-2 says that it is not known", None),
        (raising, "decorator-2 failed: ZeroDivisionError: division by zero", True),
        (lambda _: {"queue": {}}, "decorator-2 gave a dict, not a snapshot", True),
        (emptying, "decorator-2 changed its snapshot (queue_histories, workers), which it may not do", True),
    ],
)
def test_what_a_decorator_leaves_unknown_holds(decorator: Any, why: str, error: Any) -> None:
    """None, an error, nonsense, a changed snapshot: the policy isn't asked, and the bound maximum stays."""
    judgement = judged(more, decorator, more)

    assert judgement.result.held
    assert 5 == judgement.result.max_workers
    assert [f"pipeline: {why}"] == [str(reason) for reason in judgement.result.reasons]
    assert (None, None) == (judgement.decorated, judgement.proposed)
    assert (why if error else None) == judgement.error


def test_a_snapshot_that_a_decorator_changed_is_restored() -> None:
    """The caller's snapshot is as it was."""
    factors = snapshot(waiting=3, busy=1, queue_histories={20: {"QueueDueBusy": 1}})
    before = factors.json()
    judged(emptying, factors=factors)

    assert before == factors.json()


def test_a_late_argument_remakes_a_decorator_only_when_it_changes(late: Any, offering: Any) -> None:
    """A decorator is kept while its arguments stay equal."""
    made = []

    def adding(by: int = 1) -> Any:
        made.append(by)
        return lambda factors: factors.model_copy(update={"queue": {"QueueDueBusy": by}})

    by = late("2")
    decorators = Decorators(factors=[Decorator(name="adding", arguments={"by": by})])
    decider = Decider(
        "simple", {"max_workers": 3}, decorators=decorators, registry=offering(factors={"adding": adding})
    )
    for value in ("2", "2", "3", "3"):
        by.value = value
        decider.decide(snapshot(busy=1))

    assert [2, 3] == made
    assert 4 == by.reads


def test_a_bad_late_argument_keeps_the_last_good_decorator(late: Any) -> None:
    """After a good value, a bad one of a decorator leaves the decorator as it was, and is in the record."""
    histories = late("1")
    decorators = Decorators(factors=[Decorator(name="average", arguments={"used_histories": histories})])
    decider = Decider("simple", {"max_workers": 5}, decorators=decorators)
    factors = snapshot({"QueueDueBusy": 8}, busy=1, queue_histories={20: {"QueueDueBusy": 2}})
    decider.decide(factors)
    histories.value = "many"
    decision = decider.decision(factors)
    recorded = decision.record().decorators.factors[0].arguments["used_histories"]

    assert "simple: 5 waiting for a busy worker, more than 1: starts 1 worker" == str(decision.result.reasons[0])
    assert "many" in recorded.kept
    assert "1" == recorded.value


def test_a_factory_that_fails_later_keeps_the_last_good_decorator(late: Any, offering: Any) -> None:
    """Whatever a stranger's factory raises over a late value is contained, once it has made one."""

    def picky(by: int = 1) -> Any:
        return lambda factors: factors if 10 // by else None

    by, kept = late(2), []
    decorators = Decorators(factors=[Decorator(name="picky", arguments={"by": by})])

    def fails_at_zero(by: int = 1) -> Any:
        kept.append(10 // by)
        return picky(by)

    decider = Decider("simple", decorators=decorators, registry=offering(factors={"picky": fails_at_zero}))
    decider.decide(snapshot(busy=1))
    by.value = 0

    assert not decider.decide(snapshot(busy=1)).held
    assert [5] == kept


@pytest.mark.parametrize("value", ["many", ZeroDivisionError("oh")])
def test_a_bad_first_late_argument_is_an_error(late: Any, value: object) -> None:
    """Without a last good decorator there is nothing to keep."""
    decorators = Decorators(factors=[Decorator(name="average", arguments={"used_histories": late(value)})])
    decider = Decider("simple", decorators=decorators)

    with pytest.raises(ArgumentError, match="average: used_histories: "):
        decider.decide(snapshot())


def test_a_factory_that_fails_at_first_is_an_error(offering: Any) -> None:
    """A decorator that can't be made is said before the first decision."""
    registry = offering(factors={"broken": lambda: 1 // 0})

    with pytest.raises(ArgumentError, match=r"^broken can't be made: ZeroDivisionError: "):
        Decider("simple", decorators=Decorators(factors=[Decorator(name="broken")]), registry=registry)


@pytest.mark.parametrize(
    ("decorators", "error", "match"),
    [
        (Decorators(factors=[Decorator(name="avrage")]), UnknownNameError, "did you mean 'average'"),
        (Decorators(arguments=[Decorator(name="average")]), UnknownNameError, "arguments decorator 'average'"),
        (Decorators(factors=[Decorator(name="average", arguments={"n": "1"})]), ArgumentError, "used_histories"),
        (Decorators(factors=[Decorator(name="average", arguments={"used_histories": "x"})]), ArgumentError, "'x'"),
    ],
)
def test_what_can_be_known_before_the_first_decision_is_said_before(decorators: Any, error: Any, match: str) -> None:
    """A misspelt decorator, or a plain argument that doesn't fit, is an error of the Decider's constructor."""
    with pytest.raises(error, match=match):
        Decider("simple", decorators=decorators)


@pytest.mark.parametrize(
    ("decorator", "wanted"),
    [
        (lambda arguments: arguments, ()),
        (lambda arguments, *, observed_at: arguments, ("observed_at",)),
        (lambda arguments, accepted=None: arguments, ("accepted",)),
        (lambda arguments, **context: arguments, ("observed_at", "accepted")),
        (lambda arguments, observed_at, /: arguments, ()),
        (dict, ()),
        (dict.fromkeys, ()),
    ],
)
def test_a_decorator_is_told_what_its_signature_takes(decorator: Any, wanted: tuple[str, ...]) -> None:
    """All of the context, a part, or nothing; nothing where the signature can't be read."""
    assert wanted == wanted_context(decorator)
