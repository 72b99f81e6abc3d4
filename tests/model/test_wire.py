"""What every model that crosses a wire does: one clear error, and newer fields only where they were given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import DecideResult, Decorator, Decorators, Factors, ScaleDownAction, ScaleUpAction, Worker
from everai_autoscaler.model.wire import describe_errors
from everai_autoscaler.testing.snapshots import worker

WORKER: dict[str, Any] = worker("a").model_dump(mode="json")


def error_of(model: Any, data: object) -> str:
    """What is said when *model* refuses *data*."""
    with pytest.raises(ContractError) as caught:
        model.from_json(data if isinstance(data, str) else json.dumps(data))
    return str(caught.value)


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (Factors, "{", "Factors: invalid JSON: EOF while parsing an object at line 1 column 1"),
        (Factors, [], "Factors: [] given, should be an object"),
        (
            Factors,
            {"workers": [WORKER, WORKER | {"started_at": 5.5}]},
            "Factors: workers.1.started_at: 5.5 given, should be a valid integer, got a number with a fractional part",
        ),
        (
            Factors,
            {"workers": [WORKER | {"status": "Idle"}]},
            "Factors: workers.0.status: 'Idle' given, should be 'Inflight', 'Free' or 'Busy'",
        ),
        (
            Factors,
            {"workers": [{name: WORKER[name] for name in WORKER if name != "region"}]},
            "Factors: workers.0.region: field required",
        ),
        (
            Factors,
            {"workers": [WORKER | {"number_of_sessions": -1}]},
            "Factors: workers.0.number_of_sessions: -1 given, should be greater than or equal to 0",
        ),
        (
            Factors,
            {"queue": {"QueueDueBusy": -1}},
            "Factors: queue.QueueDueBusy: -1 given, should be greater than or equal to 0",
        ),
        (
            Factors,
            {"queue_histories": {"-5": {}}},
            "Factors: queue_histories.-5: '-5' given, should be greater than or equal to 0",
        ),
        (
            Factors,
            {"worker_histories": {"20": {"Idle": 1}}},
            "Factors: worker_histories.20.Idle: 'Idle' given, should be 'Inflight', 'Free' or 'Busy'",
        ),
        (Factors, {"observed_at": -1}, "Factors: observed_at: -1 given, should be greater than or equal to 0"),
        (
            DecideResult,
            {"max_workers": -1, "actions": []},
            "DecideResult: max_workers: -1 given, should be greater than or equal to 0",
        ),
        (
            DecideResult,
            {"max_workers": 1, "actions": [{"action": "ScaleUp", "count": 0}]},
            "DecideResult: actions.0.count: 0 given, should be greater than or equal to 1",
        ),
        (
            DecideResult,
            {"max_workers": 1, "actions": [{"action": "ScaleDown", "count": 1}]},
            "DecideResult: actions.0: {'action': 'ScaleDown', 'count': 1} given, a ScaleDown has no count",
        ),
        (
            DecideResult,
            {"max_workers": 1, "actions": [{"action": "Explode"}]},
            (
                "DecideResult: actions.0: {'action': 'Explode'} given, "
                "should be an action that is a 'ScaleUp' or a 'ScaleDown'"
            ),
        ),
        (
            DecideResult,
            {"max_workers": 1, "actions": [5]},
            "DecideResult: actions.0: 5 given, should be an action that is a 'ScaleUp' or a 'ScaleDown'",
        ),
        (
            Decorators,
            {"factors": [{"name": "average", "arguments": {"used_histories": None}}]},
            "Decorators: factors.0.arguments.used_histories: None given, should be text, a number or a callable",
        ),
    ],
)
def test_an_error_is_one_line_with_the_path_to_the_field(model: Any, data: object, message: str) -> None:
    """It says what was given and what should have been, and nothing of how it was read."""
    assert message == error_of(model, data)


def test_three_errors_are_told_and_the_rest_counted() -> None:
    """A snapshot of a thousand wrong workers is still one line."""
    message = error_of(Factors, {"workers": [WORKER | {"started_at": None}] * 1000})

    assert message.endswith("workers.2.started_at: None given, should be a valid integer; and 997 more")


def test_what_was_given_is_abbreviated() -> None:
    """However much was given where something else belongs."""
    message = error_of(Factors, {"queue": list(range(10_000)), "workers": [WORKER | {"status": "x" * 10_000}]})

    assert "queue: [0, 1, 2, 3, 4, 5, ...] given, should be an object" in message
    assert len(message) < 250


def test_the_error_is_a_value_error_too_and_keeps_its_cause() -> None:
    """Callers that caught ValueError still do."""
    with pytest.raises(ValueError, match="Factors: ") as caught:
        Factors.from_json("{")

    assert isinstance(caught.value.__cause__, ValidationError)


def test_other_models_errors_can_be_described() -> None:
    """Without a path when there is none."""
    with pytest.raises(ValidationError) as caught:
        Decorator.model_validate(5)

    assert describe_errors(caught.value).startswith("5 given, ")


@pytest.mark.parametrize(
    ("model", "field"), [(Factors(), "queue"), (worker(), "status"), (ScaleUpAction(count=1), "count")]
)
def test_models_are_frozen(model: BaseModel, field: str) -> None:
    """What was said stays said."""
    with pytest.raises(ValidationError, match="frozen"):
        setattr(model, field, None)


def test_models_are_read_from_text_and_bytes() -> None:
    """``from_json`` is asked of the class."""
    assert ScaleDownAction(worker_id="ä") == ScaleDownAction.from_json('{"worker_id": "ä"}'.encode())
    assert ScaleDownAction(worker_id="ä") == ScaleDownAction.from_json('{"worker_id": "ä"}')


def test_json_takes_pydantics_options() -> None:
    """Indentation, say, or a part of the fields."""
    assert '{\n  "count": 1,\n  "action": "ScaleUp"\n}' == ScaleUpAction(count=1).json(indent=2)
    assert '{"worker_id":"a"}' == worker("a").json(include={"worker_id"})


class Located(Worker):
    """A client's own worker."""

    rack: str = "r1"


class Answer(BaseModel):
    """A client's model that holds ours."""

    factors: Factors
    located: Located
    result: DecideResult | None = None


def test_clients_subclass_and_nest_the_models() -> None:
    """Both are written as what they are, newer fields only where they were given."""
    located = Located(**WORKER, spot=True)
    answer = Answer(factors=Factors(queue={}, workers=[Worker(**WORKER)]), located=located)
    written = answer.model_dump(mode="json")

    assert WORKER | {"spot": True, "rack": "r1"} == written["located"]
    assert [WORKER] == written["factors"]["workers"]
    assert "observed_at" not in written["factors"]
    assert answer == Answer.model_validate_json(answer.model_dump_json())
