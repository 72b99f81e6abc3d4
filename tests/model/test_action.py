"""Answers: what is to be done, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from everai_autoscaler.model import (
    DecideResult,
    Factors,
    Reason,
    ScaleDownAction,
    ScaleUpAction,
    Worker,
    actions_to_json,
)
from everai_autoscaler.testing.snapshots import snapshot, worker


def result(*actions: Any, max_workers: int = 9) -> DecideResult:
    """An answer with these actions."""
    return DecideResult(max_workers=max_workers, actions=list(actions))


def test_up_and_down() -> None:
    """How many start, and who leaves, over all actions."""
    found = result(ScaleUpAction(count=2), ScaleDownAction(worker_id="a"), ScaleUpAction(count=1))

    assert (3, ("a",)) == (found.up, found.down)
    assert (0, ()) == (result().up, result().down)


@pytest.mark.parametrize("count", [0, -1, 1.5, "x"])
def test_a_scale_up_is_of_one_at_least(count: object) -> None:
    """Less, or part of a worker, is refused."""
    with pytest.raises(ValidationError, match="count"):
        ScaleUpAction.model_validate({"count": count})


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "ScaleDown", "count": 1},
        {"action": "ScaleUp", "worker_id": "a"},
        {"action": "ScaleUp", "worker_id": "a", "count": 1},
        {"worker_id": "a", "count": 1},
        {"action": "Explode"},
        {"action": None, "count": 1},
        {},
        "ScaleUp",
    ],
)
def test_kind_and_fields_agree(fields: object) -> None:
    """The predecessor read a ScaleDown with a count as a ScaleUp."""
    with pytest.raises(ValidationError, match=r"actions\.0"):
        DecideResult.model_validate({"max_workers": 1, "actions": [fields]})


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"count": 1}, ScaleUpAction(count=1)),
        ({"worker_id": "a"}, ScaleDownAction(worker_id="a")),
        ({"count": 1, "action": "ScaleUp", "worker_id": None}, ScaleUpAction(count=1)),
        ({"worker_id": "a", "action": "ScaleDown", "colour": "red"}, ScaleDownAction(worker_id="a")),
        (ScaleUpAction(count=1), ScaleUpAction(count=1)),
        (ScaleDownAction(worker_id="a"), ScaleDownAction(worker_id="a")),
    ],
)
def test_what_an_action_is_read_from(fields: object, action: object) -> None:
    """Its fields say its kind where it doesn't."""
    assert [action] == DecideResult.model_validate({"max_workers": 1, "actions": [fields]}).actions


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (ScaleUpAction, {"action": "ScaleDown", "worker_id": "a"}),
        (ScaleDownAction, {"action": "ScaleUp", "count": 1}),
        (ScaleDownAction, {"action": "ScaleUp", "worker_id": "a"}),
    ],
)
def test_an_action_by_itself_checks_its_kind(model: Any, fields: dict[str, object]) -> None:
    """Read alone it is as strict as in an answer."""
    with pytest.raises(ValidationError):
        model.model_validate(fields)


def test_actions_as_text() -> None:
    """A list of them, each in its wire form; none is an empty list."""
    text = actions_to_json([ScaleUpAction(count=1), ScaleDownAction(worker_id="a")])

    assert '[{"count": 1, "action": "ScaleUp"}, {"worker_id": "a", "action": "ScaleDown"}]' == text
    assert "[]" == actions_to_json([])


# -- why ----------------------------------------------------------------------------------------------------------


def test_because_adds_a_reason_and_changes_nothing() -> None:
    """The same answer with one more reason; the one before has as many as it had."""
    plain = result(ScaleUpAction(count=1))
    told = plain.because("3 waiting").because("1 at most", who="guard")

    assert () == plain.reasons
    assert (Reason(who="policy", why="3 waiting"), Reason(who="guard", why="1 at most")) == told.reasons
    assert "guard: 1 at most" == str(told.reasons[1])
    assert plain == told


def test_a_policy_is_named_by_who_runs_it() -> None:
    """Its own reasons only; the answer before keeps its words."""
    told = result().because("3 waiting").because("1 at most", who="guard")

    assert ["backlog", "guard"] == [reason.who for reason in told.spoken_by("backlog").reasons]
    assert ["policy", "guard"] == [reason.who for reason in told.reasons]


def test_reasons_and_holds_stay_out_of_the_wire() -> None:
    """Both travel beside it."""
    hold = DecideResult.hold(None, "queue not known", max_workers=3)

    assert '{"max_workers":3,"actions":[]}' == hold.json()
    assert {"max_workers": 3, "actions": []} == hold.model_dump()


def test_a_failing_test_shows_the_reasons() -> None:
    """They are part of what a result looks like, which is what pytest prints of it."""
    hold = DecideResult.hold(None, "queue not known", max_workers=3)

    assert "held=True" in repr(hold)
    assert "policy: queue not known" in repr(hold)


def test_a_hold_is_not_satisfaction() -> None:
    """On the wire they are the same, and they are equal; ``held`` tells them apart, also after more is said."""
    hold = DecideResult.hold(None, "queue not known", max_workers=3, who="backlog")

    assert result(max_workers=3) == hold
    assert not result().held
    assert hold.held
    assert hold.because("and more").spoken_by("x").held
    assert (Reason(who="backlog", why="queue not known"),) == hold.reasons


@pytest.mark.parametrize(
    ("factors", "most"),
    [
        (None, 1),
        (snapshot(), 1),
        (snapshot(busy=3, workers=[worker("d", draining=True)]), 4),
        (Factors(workers=None, worker={"Free": 2, "Busy": 3}), 5),
        (Factors(workers=None), 1),
    ],
)
def test_a_hold_does_not_lower_the_fleet(factors: Factors | None, most: int) -> None:
    """Without a maximum of its own it is the number of workers there are, as far as that is known, and at least 1."""
    assert most == DecideResult.hold(factors, "not known").max_workers


def test_answers_are_compared_with_answers() -> None:
    """Of one kind; they are no dictionary keys, since they hold a list."""

    class Mine(DecideResult):
        """A client's own."""

    assert result() != Mine(max_workers=9, actions=[])
    assert result() != {"max_workers": 9, "actions": []}
    with pytest.raises(TypeError, match="unhashable"):
        hash(result())


# -- scale_to -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "bounds", "up", "down"),
    [
        (5, {"max_workers": 9}, 1, ()),
        (4, {"max_workers": 9}, 0, ()),
        (9, {"max_workers": 6}, 2, ()),
        (0, {"max_workers": 9, "min_workers": 3}, 0, ("inflight-1",)),
        (0, {"max_workers": 9, "max_idle_time": 100}, 0, ("inflight-1", "free-2", "free-1")),
        (0, {"max_workers": 9, "max_idle_time": 101}, 0, ("inflight-1",)),
        (2, {"max_workers": 9}, 0, ("inflight-1", "free-2")),
        (9, {"max_workers": 3}, 0, ("inflight-1",)),
        (0, {"max_workers": 9, "min_workers": 6}, 2, ()),
    ],
)
def test_scale_to(wanted: int, bounds: dict[str, Any], up: int, down: tuple[str, ...]) -> None:
    """Up at once; down by those that start, then by those idle for long enough, the newest first."""
    factors = snapshot(busy=1, free=2, inflight=1, idle_for=100)
    found = DecideResult.scale_to(wanted, factors, **bounds)

    assert (up, down) == (found.up, found.down)
    assert bounds["max_workers"] == found.max_workers


def test_scale_to_counts_leavers_towards_the_maximum_only() -> None:
    """Two wanted, one there and one leaving: one more where there is room, and the leaver isn't told again."""
    factors = snapshot(busy=1, workers=[worker("leaving", draining=True)])

    assert 1 == DecideResult.scale_to(2, factors, max_workers=3).up
    assert 0 == DecideResult.scale_to(2, factors, max_workers=2).up
    assert () == DecideResult.scale_to(0, factors, max_workers=2).down


def stuck(worker_id: str, seconds: float) -> Worker:
    """A worker that has been starting for that many *seconds*."""
    return worker(worker_id, "Inflight", started_ago=seconds)


@pytest.mark.parametrize(
    ("wanted", "up", "down"),
    [
        (3, 1, ()),  # there is room for one more, and the stuck ones stay for now
        (2, 0, ("old", "older")),  # nobody is missing: both go
        (1, 0, ("old", "older", "young")),  # and then the one that starts
    ],
)
def test_scale_to_gives_up_who_never_becomes_ready(wanted: int, up: int, down: tuple[str, ...]) -> None:
    """Past the start-up limit a worker is no capacity; it goes in the first answer that starts nobody, and is named."""
    workers = [stuck("older", 900), stuck("old", 601), stuck("young", 30)]
    found = DecideResult.scale_to(
        wanted, snapshot(busy=1, workers=workers), max_workers=5, max_idle_time=60, start_timeout=600
    )

    assert (up, down) == (found.up, tuple(sorted(found.down)))
    assert (not down) == (not found.reasons)
    assert all("gives up older, old: starting for longer than 600 s" == reason.why for reason in found.reasons)


def test_scale_to_lets_one_stuck_worker_make_room() -> None:
    """Where one takes the place that a new worker needs, the one that has been starting for longest goes."""
    workers = [stuck("old", 601), stuck("older", 900)]

    assert ("older",) == DecideResult.scale_to(9, snapshot(workers=workers), max_workers=2, start_timeout=600).down


def test_scale_to_names_each_worker_once() -> None:
    """One that is listed twice is removed once."""
    twice = [worker("a", idle_for=99), worker("a", idle_for=99)]

    assert ("a",) == DecideResult.scale_to(0, snapshot(workers=twice), max_workers=2).down


def test_scale_to_holds_where_the_workers_are_not_known() -> None:
    """Not known removes nobody and starts nobody."""
    found = DecideResult.scale_to(5, Factors(workers=None), max_workers=9)

    assert found.held
    assert result(max_workers=9) == found


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["Inflight", "Free", "Busy"]))
def test_scale_to_lets_nobody_go_who_may_not(wanted: int, most: int, status: str) -> None:
    """Whatever is wanted, a worker in a session stays, also one that is starting."""
    pinned = worker("pinned", status, number_of_sessions=1)

    assert () == DecideResult.scale_to(wanted, snapshot(busy=1, workers=[pinned]), max_workers=most).down


def test_an_answer_made_of_valid_parts_is_as_if_validated() -> None:
    """It is the same to the last of what pydantic keeps, and a copy of it is, too."""
    actions: list[Any] = [ScaleUpAction(count=1), ScaleDownAction(worker_id="a")]
    made, validated = DecideResult.of(actions, "why", max_workers=3), result(*actions, max_workers=3)

    assert validated == made
    assert validated.model_fields_set == made.model_fields_set
    assert validated.json() == made.model_copy().json()
    assert made.actions is not actions


@pytest.mark.parametrize("most", [-1, 1.5, "many", None])
def test_an_answer_of_a_maximum_that_cannot_be_is_refused(most: Any) -> None:
    """It doesn't matter how it is made."""
    with pytest.raises(ValidationError, match="max_workers"):
        DecideResult.of([], "why", max_workers=most)


@pytest.mark.parametrize("actions", [["up"], "up", [Reason(who="a", why="b")]])
def test_an_answer_of_what_is_no_action_is_refused(actions: Any) -> None:
    """It doesn't matter how it is made."""
    with pytest.raises(ValidationError, match="actions"):
        DecideResult.of(actions, "why", max_workers=1)


def test_an_answer_of_another_class_stays_one() -> None:
    """It is validated, and has its reasons too."""

    class Answer(DecideResult):
        """Somebody's own kind of answer."""

    made = Answer.of([ScaleUpAction(count=1)], "why", max_workers=3)

    assert (Answer, 1, "why") == (type(made), made.up, made.reasons[0].why)
