"""The forms that cross the wire: fields, defaults, what is read and what is written."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from everai_autoscaler.model import (
    DecideResult,
    Decorator,
    Decorators,
    Factors,
    QueueReason,
    ScaleDownAction,
    ScaleUpAction,
    Worker,
    WorkerStatus,
)
from everai_autoscaler.model.action import actions_to_json

WORKER: dict[str, Any] = {
    "worker_id": "5LJtBqJsRYgT67ZEuMAt88",
    "gpu_type": None,
    "region": "cn-east",
    "started_at": 1722221570,
    "last_service_time": 1722222800,
    "number_of_successes": 7,
    "number_of_failures": 0,
    "number_of_sessions": 0,
    "average_response_time": 1.5,
    "current_request": 0,
    "status": "Free",
}
EMPTY = '{"queue_histories":{},"queue":null,"utilization":null,"workers":[],"worker":null,"worker_histories":null}'


def test_worker_statuses() -> None:
    """There are three, each called what it says, and each its own text."""
    assert ["Inflight", "Free", "Busy"] == [status.name for status in WorkerStatus]
    assert ["Inflight", "Free", "Busy"] == [status.value for status in WorkerStatus]


def test_queue_reasons() -> None:
    """There are three, each called what it says."""
    assert ["NotDispatch", "QueueDueBusy", "QueueDueSession"] == [reason.name for reason in QueueReason]
    assert ["NotDispatch", "QueueDueBusy", "QueueDueSession"] == [reason.value for reason in QueueReason]


def test_the_platforms_own_words_for_queue_reasons() -> None:
    """Snapshots may say WorkerBusy and SessionWorkerBusy; what is written says the canonical names."""
    factors = Factors.from_json('{"queue": {"NotDispatch": 1, "WorkerBusy": 2, "SessionWorkerBusy": 3}}')

    assert {
        QueueReason.NotDispatch: 1,
        QueueReason.QueueDueBusy: 2,
        QueueReason.QueueDueSession: 3,
    } == factors.queue
    assert {"NotDispatch": 1, "QueueDueBusy": 2, "QueueDueSession": 3} == json.loads(factors.json())["queue"]


def test_a_worker_is_written_as_it_was_read() -> None:
    """The eleven fields in their order, and none of the newer ones."""
    text = json.dumps(WORKER, separators=(",", ":"))

    assert text == Worker.from_json(text).json()
    assert WORKER == Worker(**WORKER).model_dump(mode="json")


@pytest.mark.parametrize(("field", "default"), [("gpu_type", None), ("current_request", 0)])
def test_what_a_worker_may_leave_out(field: str, default: object) -> None:
    """A worker without a gpu_type, and one of an older sender without current_request, are read."""
    worker = Worker(**{name: value for name, value in WORKER.items() if name != field})

    assert default == getattr(worker, field)


@pytest.mark.parametrize("field", sorted(set(WORKER) - {"gpu_type", "current_request"}))
def test_what_a_worker_must_have(field: str) -> None:
    """The other nine fields are required."""
    with pytest.raises(ValidationError, match=field):
        Worker(**{name: value for name, value in WORKER.items() if name != field})


@pytest.mark.parametrize(
    "field",
    ["started_at", "last_service_time", "number_of_successes", "number_of_failures", "number_of_sessions"],
)
@pytest.mark.parametrize(("given", "read"), [("12", 12), ("12.0", 12), (12.0, 12), (True, 1), (False, 0)])
def test_what_counts_as_a_whole_number(field: str, given: object, read: int) -> None:
    """Integral text, integral floats and booleans are accepted for ints, from Python and from JSON."""
    fields = WORKER | {field: given}

    assert read == getattr(Worker(**fields), field)
    assert read == getattr(Worker.from_json(json.dumps(fields)), field)


@pytest.mark.parametrize("given", [5.5, "5.5", "abc", None])
def test_what_is_no_whole_number(given: object) -> None:
    """5.5 is refused for an int, and so are words and nothing."""
    with pytest.raises(ValidationError, match="started_at"):
        Worker(**WORKER | {"started_at": given})
    with pytest.raises(ValueError, match="started_at"):
        Worker.from_json(json.dumps(WORKER | {"started_at": given}))


@pytest.mark.parametrize(("given", "read"), [(2, 2.0), ("1.5", 1.5)])
def test_an_average_response_time_is_a_float(given: object, read: float) -> None:
    """Whole numbers and text are read as the float that they are."""
    found = Worker(**WORKER | {"average_response_time": given}).average_response_time

    assert read == found
    assert isinstance(found, float)


def test_the_defaults_of_a_snapshot() -> None:
    """An empty snapshot has empty histories and no workers; the rest isn't known."""
    factors = Factors()

    assert {} == factors.queue_histories
    assert [] == factors.workers
    assert (None, None, None, None) == (factors.queue, factors.utilization, factors.worker, factors.worker_histories)


def test_an_empty_snapshot_prints_six_fields_in_their_order() -> None:
    """``.json()`` prints the six, always, without blanks."""
    assert EMPTY == Factors().json()
    assert EMPTY == Factors.from_json("{}").json()
    assert EMPTY == Factors.from_json(b"{}").json()


def test_the_order_of_the_sender_does_not_matter() -> None:
    """The six are printed in their own order, whatever order they came in."""
    factors = Factors.from_json('{"worker_histories": null, "worker": {"Free": 1}, "queue": {}, "queue_histories": {}}')

    assert EMPTY.replace('"queue":null', '"queue":{}').replace('"worker":null', '"worker":{"Free":1}') == factors.json()


@pytest.mark.parametrize("field", ["queue", "utilization", "workers", "worker", "worker_histories"])
def test_what_of_a_snapshot_may_be_null(field: str) -> None:
    """Null is accepted, means "not known", and is written as null."""
    factors = Factors.from_json(json.dumps({field: None}))

    assert getattr(factors, field) is None
    assert json.loads(factors.json())[field] is None


def test_ages_are_text_in_json_and_ints_in_python() -> None:
    """Histories are keyed by whole seconds here and by their text on the wire."""
    factors = Factors.from_json(
        '{"queue_histories": {"20": {"QueueDueBusy": 3}}, "worker_histories": {"40": {"Free": 1}}}'
    )

    assert {20: {QueueReason.QueueDueBusy: 3}} == factors.queue_histories
    assert {40: {WorkerStatus.Free: 1}} == factors.worker_histories
    assert {"20": {"QueueDueBusy": 3}} == json.loads(factors.json())["queue_histories"]
    assert {"40": {"Free": 1}} == json.loads(factors.json())["worker_histories"]
    assert {20: {"QueueDueBusy": 3}} == factors.model_dump()["queue_histories"]


def test_unknown_fields_are_ignored() -> None:
    """A newer sender's fields are dropped, in the snapshot and in its workers."""
    factors = Factors.from_json(json.dumps({"weather": "fine", "workers": [WORKER | {"colour": "red"}]}))

    assert Factors(workers=[Worker(**WORKER)]) == factors
    assert "colour" not in factors.json()
    assert "weather" not in factors.json()


def test_workers_are_a_list() -> None:
    """A fresh one for each default, so that no snapshot sees another's."""
    first, second = Factors(), Factors()

    assert isinstance(first.workers, list)
    assert first.workers is not second.workers
    assert first.queue_histories is not second.queue_histories


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("observed_at", 1722221570.5),
        ("arrivals", 3),
        ("completions", 0),
        ("oldest_wait", {"QueueDueBusy": 2.5}),
    ],
)
def test_a_newer_field_of_a_snapshot_is_written_only_when_it_was_given(field: str, given: object) -> None:
    """Old readers never meet a field that the sender didn't send."""
    assert field not in json.loads(Factors().json())
    assert field not in Factors().model_dump()
    assert given == json.loads(Factors.model_validate({field: given}).json())[field]
    assert [*json.loads(EMPTY), field] == list(Factors.model_validate({field: given}).model_dump())


@pytest.mark.parametrize(
    ("field", "given"),
    [("concurrency", 2), ("ready_at", 1722221590.0), ("draining", True), ("cost", 0.5), ("spot", False)],
)
def test_a_newer_field_of_a_worker_is_written_only_when_it_was_given(field: str, given: object) -> None:
    """The same holds for each worker by itself, in one snapshot."""
    plain, newer = Worker(**WORKER), Worker(**WORKER | {field: given})
    written = json.loads(Factors(workers=[plain, newer]).json())["workers"]

    assert WORKER == written[0]
    assert WORKER | {field: given} == written[1]


def test_a_stamp_is_no_part_of_what_was_said() -> None:
    """Two snapshots that say the same are equal, whenever each arrived; a given moment counts."""
    first, second = Factors(queue={}), Factors(queue={})

    assert isinstance(first.observed_at, float)
    assert first == second
    assert Factors(observed_at=1.0) != Factors(observed_at=2.0)
    assert Factors(observed_at=1.0) == Factors(observed_at=1.0)
    assert Factors(observed_at=1.0) != Factors()


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda factors: pickle.loads(pickle.dumps(factors)),
        lambda factors: factors.model_copy(),
    ],
    ids=["copy", "deepcopy", "pickle", "model_copy"],
)
def test_a_stamp_survives_copies(duplicate: Any) -> None:
    """A copy was observed when its original was, and still doesn't say so on the wire."""
    factors = Factors(workers=[Worker(**WORKER)])
    again = duplicate(factors)

    assert factors == again
    assert factors.observed_at == again.observed_at
    assert factors.json() == again.json()


def test_actions_on_the_wire() -> None:
    """Field order and words are those that platforms read."""
    assert '{"count":1,"action":"ScaleUp"}' == ScaleUpAction(count=1).json()
    assert '{"worker_id":"a","action":"ScaleDown"}' == ScaleDownAction(worker_id="a").json()
    assert ScaleUpAction(count=1) == ScaleUpAction.from_json('{"count": 1, "action": "ScaleUp"}')
    assert ScaleDownAction(worker_id="a") == ScaleDownAction.from_json(b'{"worker_id": "a", "action": "ScaleDown"}')


def test_a_result_on_the_wire() -> None:
    """``max_workers`` and ``actions``, exactly; reasons travel beside it."""
    text = '{"max_workers":5,"actions":[{"count":2,"action":"ScaleUp"},{"worker_id":"a","action":"ScaleDown"}]}'
    result = DecideResult.from_json(text)

    assert [ScaleUpAction(count=2), ScaleDownAction(worker_id="a")] == result.actions
    assert text == result.because("a reason").json()
    assert {"max_workers", "actions"} == set(result.because("a reason").model_dump())


def test_results_are_compared_by_what_they_do() -> None:
    """Two results with the same actions are equal, whatever their reasons."""
    assert DecideResult(max_workers=1, actions=[]) == DecideResult(max_workers=1, actions=[]).because("a reason")
    assert DecideResult(max_workers=1, actions=[]) != DecideResult(max_workers=2, actions=[])


def test_a_list_of_actions_as_text() -> None:
    """``actions_to_json`` gives JSON text of the list."""
    text = actions_to_json([ScaleUpAction(count=1), ScaleDownAction(worker_id="a")])

    assert [{"count": 1, "action": "ScaleUp"}, {"worker_id": "a", "action": "ScaleDown"}] == json.loads(text)


def test_decorators_on_the_wire() -> None:
    """Both lists may be missing, and so may a decorator's arguments."""
    decorators = Decorators.from_json('{"factors": [{"name": "average", "arguments": {"used_histories": "3"}}]}')

    assert Decorators(factors=[Decorator(name="average", arguments={"used_histories": "3"})]) == decorators
    assert '{"arguments":null,"factors":[{"name":"average","arguments":{"used_histories":"3"}}]}' == decorators.json()
    assert Decorators() == Decorators.from_json(b"{}")
    assert Decorator(name="noop").arguments is None
    assert '{"name":"noop","arguments":null}' == Decorator.from_json('{"name": "noop"}').json()


def test_a_decorator_keeps_a_late_argument_unread() -> None:
    """A callable among its arguments stays the object that it is."""

    def late() -> str:
        pytest.fail("read")

    arguments = Decorator(name="average", arguments={"used_histories": late}).arguments

    assert arguments is not None
    assert late is arguments["used_histories"]


@pytest.mark.parametrize("model", [Factors, DecideResult, Worker, Decorators])
def test_models_are_built_by_keyword(model: Any) -> None:
    """Nothing is positional."""
    with pytest.raises(TypeError):
        model({})
