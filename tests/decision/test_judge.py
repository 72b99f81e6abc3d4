"""One decision as a pure function: whatever a policy does wrong stays inside it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from everai_autoscaler.decision import judge
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, ScaleDownAction, ScaleUpAction
from everai_autoscaler.testing import snapshot, worker

NOTHING = DecideResult(max_workers=3, actions=[])


class Does(AutoScaler):
    """Does what it is told to do with the snapshot, and answers with that."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def decide(self, factors: Factors) -> DecideResult:
        return self.what(factors)  # type: ignore[no-any-return]


def full() -> Factors:
    """A snapshot with all that could be changed."""
    return snapshot(
        waiting={"QueueDueBusy": 3, "NotDispatch": 1},
        busy=1,
        free=2,
        queue_histories={20: {"QueueDueBusy": 1}, 40: {}},
        worker_histories={20: {"Free": 1}},
        oldest_wait={"QueueDueBusy": 4.0},
        unknown=["utilization"],
    )


def judged(what: Any, factors: Factors | None = None, **more: Any) -> Any:
    """What is judged of a policy that does *what*."""
    return judge(Does(what), factors or full(), name="does", max_workers=5, **more)


def raising(error: BaseException) -> Any:
    """A policy that raises."""

    def decide(_factors: Factors) -> DecideResult:
        raise error

    return decide


async def coroutine(_factors: Factors) -> DecideResult:
    """A policy that somebody wrote as a coroutine."""
    return NOTHING


def with_reason(reason: Any) -> DecideResult:
    """A result with an odd reason."""
    return NOTHING.explained([reason])


CONSTRUCT = DecideResult.model_construct


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (raising(ZeroDivisionError("by\nzero")), "does failed: ZeroDivisionError: by zero"),
        (raising(ValueError()), "does failed: ValueError"),
        (raising(RecursionError("deep")), "does failed: RecursionError: deep"),
        (lambda _: None, "does failed: TypeError: gave a NoneType, not a DecideResult"),
        (lambda _: 3, "does failed: TypeError: gave a int, not a DecideResult"),
        (lambda _: DecideResult, "does failed: TypeError: gave a ModelMetaclass, not a DecideResult"),
        (coroutine, "does failed: TypeError: gave a coroutine, not a DecideResult"),
        (lambda _: CONSTRUCT(), "does failed: AttributeError: "),
        (lambda _: CONSTRUCT(max_workers="5", actions=[]), "gave '5' for max_workers, not a whole number"),
        (lambda _: CONSTRUCT(max_workers=-1, actions=[]), "gave -1 for max_workers, not a whole number"),
        (lambda _: CONSTRUCT(max_workers=5, actions=None), "gave a NoneType, not a list of actions"),
        (lambda _: CONSTRUCT(max_workers=5, actions=["up"]), "gave 'up', which is not an action"),
        (
            lambda _: CONSTRUCT(max_workers=5, actions=[ScaleUpAction.model_construct(count=0)]),
            "gave ScaleUpAction(count=0, action='ScaleUp'), which is not an action",
        ),
        (
            lambda _: CONSTRUCT(max_workers=5, actions=[ScaleDownAction.model_construct(worker_id=None)]),
            "gave ScaleDownAction(worker_id=None, action='ScaleDown'), which is not an action",
        ),
        (
            lambda f: DecideResult.hold(f, "x").model_copy(update={"actions": [ScaleUpAction(count=1)]}),
            "gave a hold that does something",
        ),
        (lambda _: with_reason("because"), "gave 'because', which is not a reason"),
        (lambda _: NOTHING.because(5), "which is not a reason"),
    ],
)
def test_what_a_policy_does_wrong_is_contained(what: Any, error: str) -> None:
    """It raises, or answers with nonsense: a hold that says so, with the bound maximum."""
    judgement = judged(what)

    assert judgement.error.startswith("does failed: ")
    assert error in judgement.error
    assert [f"pipeline: {judgement.error}"] == [str(reason) for reason in judgement.result.reasons]
    assert (True, [], 5) == (judgement.result.held, judgement.result.actions, judgement.result.max_workers)
    assert judgement.proposed is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(1)])
def test_who_wants_to_stop_the_process_is_let_through(stop: BaseException) -> None:
    """A signal that comes while a policy decides isn't the policy's fault."""
    with pytest.raises(type(stop)):
        judged(raising(stop))


CHANGES = {
    "reordered": (lambda f: f.workers.reverse(), "workers"),
    "sorted": (lambda f: f.workers.sort(key=lambda w: w.worker_id, reverse=True), "workers"),
    "removed": (lambda f: f.workers.pop(), "workers"),
    "emptied": (lambda f: f.workers.clear(), "workers"),
    "added": (lambda f: f.workers.append(worker("mine")), "workers"),
    "queue": (lambda f: f.queue.clear(), "queue"),
    "count": (lambda f: f.queue.update({"QueueDueBusy": 0}), "queue"),
    "summary": (lambda f: f.worker.popitem(), "worker"),
    "history": (lambda f: f.queue_histories[20].update({"QueueDueBusy": 9}), "queue_histories"),
    "histories": (lambda f: f.queue_histories.pop(40), "queue_histories"),
    "worker history": (lambda f: f.worker_histories[20].clear(), "worker_histories"),
    "waits": (lambda f: f.oldest_wait.clear(), "oldest_wait"),
    "unknown": (lambda f: f.unknown.append("queue"), "unknown"),
    "field": (lambda f: vars(f).update(queue=None), "fields"),
    "inner and outer": (lambda f: (f.queue_histories[20].clear(), f.queue_histories.pop(40)), "queue_histories"),
    "two": (lambda f: (f.queue.clear(), f.queue_histories.clear()), "queue_histories, queue"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_policy_that_changes_its_snapshot_is_found_out(change: str) -> None:
    """The answer is a hold that names what was changed, and the snapshot is as it was."""
    mutate, named = CHANGES[change]
    factors = full()
    before, workers = factors.json(), list(factors.workers or ())
    judgement = judged(lambda f: (mutate(f), NOTHING)[1], factors)

    assert f"does changed its snapshot ({named}), which it may not do" == judgement.error
    assert judgement.result.held
    assert before == factors.json()
    assert all(one is other for one, other in zip(workers, factors.workers or (), strict=True))


def test_a_policy_that_changes_its_snapshot_and_raises_is_restored_too() -> None:
    """The error is the one that it raised."""
    factors = full()
    before = factors.json()

    def decide(f: Factors) -> DecideResult:
        f.workers.clear()  # type: ignore[union-attr]
        raise ValueError("oh")

    assert "does failed: ValueError: oh" == judged(decide, factors).error
    assert before == factors.json()


def test_what_a_decorated_snapshot_shares_with_the_original_is_restored_in_both() -> None:
    """A decorator may have copied the outer dictionary only."""
    factors = full()
    before = factors.json()

    def copied(f: Factors) -> Factors:
        return f.model_copy(update={"queue_histories": dict(f.queue_histories or {})})

    def decide(f: Factors) -> DecideResult:
        f.queue_histories[20].clear()  # type: ignore[index]
        return NOTHING

    assert judged(decide, factors, decorators=[("copied", copied)]).result.held
    assert before == factors.json()


def test_a_policy_may_work_on_its_own_copies() -> None:
    """Only the snapshot itself is out of bounds."""

    def decide(f: Factors) -> DecideResult:
        own = copy.deepcopy(f)
        own.workers.clear()  # type: ignore[union-attr]
        return NOTHING

    assert judged(decide).error is None


def test_the_policys_own_reasons_get_its_name() -> None:
    """Those that another speaker gave stay theirs."""
    judgement = judged(lambda _: NOTHING.because("so").because("and so", who="inner"))

    assert ["does: so", "inner: and so"] == [str(reason) for reason in judgement.result.reasons]


def test_what_was_proposed_and_what_stood_are_both_there() -> None:
    """Before and after the guard."""
    judgement = judged(lambda _: DecideResult(max_workers=9, actions=[ScaleUpAction(count=9)]))

    assert (9, 9) == (judgement.proposed.up, judgement.proposed.max_workers)
    assert (2, 5) == (judgement.result.up, judgement.result.max_workers)


def test_the_guard_looks_at_the_snapshot_as_it_came() -> None:
    """A decorator that makes a busy worker look free doesn't cost it its life."""
    factors = snapshot(workers=[worker("a", "Busy")])

    def freeing(f: Factors) -> Factors:
        return f.model_copy(update={"workers": [worker("a")]})

    remove = DecideResult(max_workers=3, actions=[ScaleDownAction(worker_id="a")])

    assert () == judged(lambda _: remove, factors, decorators=[("freeing", freeing)]).result.down


def test_without_a_snapshot_it_holds() -> None:
    """Nobody is asked."""
    judgement = judge(Does(raising(AssertionError())), None, name="does", max_workers=5)

    assert (True, 5, None) == (judgement.result.held, judgement.result.max_workers, judgement.error)
    assert "pipeline: there is no snapshot" == str(judgement.result.reasons[0])


def test_without_workers_it_decides_all_the_same() -> None:
    """Whether workers that aren't known matter is the policy's to say; the guard sees to the rest."""
    judgement = judged(lambda _: NOTHING.because("fine"), snapshot(workers=None))

    assert not judgement.result.held


def test_a_policy_needs_no_more_than_decide() -> None:
    """Any object that decides will do."""

    class Duck:
        def decide(self, _factors: Factors) -> DecideResult:
            return NOTHING

    assert NOTHING == judge(Duck(), full(), name="duck", max_workers=None).result  # type: ignore[arg-type]


class Remembers(AutoScaler):
    """Does what it is told to do with its memory."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def decide(self, factors: Factors) -> DecideResult:
        raise AssertionError("the one with memory is asked")

    def decide_with_memory(self, factors: Factors, memory: Any) -> Any:
        return self.what(memory)


def remembering(what: Any, memory: Any) -> Any:
    """What is judged of a policy that does *what* with its *memory*."""
    return judge(Remembers(what), full(), name="remembers", max_workers=5, memory=memory)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        (3, 3),
        ("text", "text"),
        ([1, {"a": None}], [1, {"a": None}]),
        ((1, 2), [1, 2]),
        ({1: 2}, {"1": 2}),
    ],
)
def test_memory_comes_out_as_a_restart_would_have_it(given: Any, kept: Any) -> None:
    """What JSON makes of a value, it makes of it at once, not only after a restart."""
    assert kept == remembering(lambda _: (NOTHING, given), "before").memory


def test_memory_that_went_in_is_not_changed_by_the_policy() -> None:
    """It may work on what it is given: that is its own copy, and what it gives back is kept as it was then."""
    before = {"starts": [1]}
    held: list[Any] = []

    def decide(memory: Any) -> Any:
        memory["starts"].append(2)
        held.append(memory)
        return NOTHING, memory

    judgement = remembering(decide, before)
    held[0].clear()

    assert {"starts": [1]} == before
    assert {"starts": [1, 2]} == judgement.memory


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((NOTHING, {1, 2}), "TypeError: Object of type set is not JSON serializable"),
        ((NOTHING, float("nan")), "ValueError: Out of range float values are not JSON compliant"),
        ((NOTHING, [1, float("nan")]), "ValueError: Out of range float values are not JSON compliant"),
        ((NOTHING, {"past": [float("inf"), -float("inf")]}), "ValueError: Out of range float values"),
        (NOTHING, "TypeError: gave a DecideResult, not a DecideResult and what to remember"),
        ((NOTHING,), "TypeError: gave a tuple, not a DecideResult and what to remember"),
        ((None, 3), "TypeError: gave a NoneType, not a DecideResult"),
    ],
)
def test_a_memory_that_can_not_be_kept_is_contained(answer: Any, error: str) -> None:
    """A hold that says so, and what was remembered before stays."""
    judgement = remembering(lambda _: answer, "before")

    assert error in judgement.error
    assert "before" == judgement.memory


@pytest.mark.parametrize(
    "memory",
    [
        [1, 2.5],
        [1e308, 1e308],
        [10**400, 1.0],
        {"a": (1, 2), 3: [True, None, "x"]},
        {"windows": {"now": [[1.0, 2.0], [3]]}, "at": 1.5, "none": None},
    ],
)
def test_a_memory_goes_out_as_json_has_it(memory: Any) -> None:
    """As it would come back from a file, and as a copy."""
    kept = remembering(lambda _: (NOTHING, memory), None).memory

    assert json.loads(json.dumps(memory)) == kept
    assert memory is not kept


def test_a_hold_keeps_the_memory() -> None:
    """Whether the snapshot is missing, or a decorator makes it "not known"."""
    policy = Remembers(raising(AssertionError()))
    missing = judge(policy, None, name="r", max_workers=5, memory="before")
    unknown = judge(policy, full(), name="r", max_workers=5, memory="before", decorators=[("none", lambda _: None)])

    assert ["before", "before"] == [missing.memory, unknown.memory]
