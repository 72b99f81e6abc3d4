"""Records: one decision with all that went into it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import (
    DecideResult,
    Factors,
    Outcome,
    QueueReason,
    Reason,
    Record,
    RecordedArgument,
    RecordedDecorator,
    RecordedDecorators,
    ScaleDownAction,
    ScaleUpAction,
    Worker,
    WorkerStatus,
)
from everai_autoscaler.model.record import REDACTED, at_moment
from everai_autoscaler.testing.snapshots import NOW, snapshot, worker

finite = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(0, 2**53)
texts = st.text(max_size=8)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
workers = st.builds(
    Worker,
    worker_id=texts,
    gpu_type=st.none() | texts,
    region=texts,
    started_at=count,
    last_service_time=count,
    number_of_successes=count,
    number_of_failures=count,
    number_of_sessions=count,
    average_response_time=finite,
    current_request=count,
    status=st.sampled_from(WorkerStatus),
    ready_at=st.none() | finite,
    draining=st.none() | st.booleans(),
)
reasons = st.sampled_from(QueueReason) | st.just("GpuReserved")
queues = st.dictionaries(reasons, count, max_size=3)
snapshots = st.builds(
    Factors,
    queue_histories=st.dictionaries(count, queues, max_size=2),
    queue=st.none() | queues,
    workers=st.none() | st.lists(workers, max_size=3),
    worker=st.none() | st.dictionaries(st.sampled_from(WorkerStatus), count),
) | st.builds(
    Factors, observed_at=st.floats(0, 1e12), arrivals=count, oldest_wait=st.dictionaries(reasons, st.floats(0, 1e9))
)
arguments = st.dictionaries(
    texts,
    st.builds(RecordedArgument, value=json_values, source=texts, redacted=st.booleans(), kept=st.none() | texts),
    max_size=3,
)
decorators = st.lists(st.builds(RecordedDecorator, name=texts, arguments=arguments), max_size=2)
outcomes = st.builds(
    Outcome,
    max_workers=count,
    actions=st.lists(
        st.builds(ScaleUpAction, count=st.integers(1, 9)).map(ScaleUpAction.model_dump)
        | st.builds(ScaleDownAction, worker_id=texts).map(ScaleDownAction.model_dump),
        max_size=3,
    ),
    held=st.booleans(),
    reasons=st.lists(st.builds(Reason, who=texts, why=texts), max_size=2),
)
records = st.builds(
    Record,
    app=texts,
    scaler=texts,
    observed_at=finite,
    snapshot=st.none() | snapshots,
    decorators=st.builds(RecordedDecorators, arguments=decorators, factors=decorators),
    decorated=st.none() | snapshots,
    arguments=arguments,
    memory=json_values,
    proposed=st.none() | outcomes,
    result=outcomes,
    error=st.none() | texts,
    versions=st.dictionaries(texts, texts, max_size=2),
    took=finite,
)


def record(**fields: Any) -> Record:
    """A record of a decision to do nothing."""
    outcome = Outcome.of(DecideResult.hold(None, "not known"))
    usual: dict[str, Any] = {
        "app": "default",
        "scaler": "simple",
        "observed_at": NOW,
        "snapshot": None,
        "decorators": RecordedDecorators(),
        "decorated": None,
        "arguments": {},
        "memory": None,
        "proposed": None,
        "result": outcome,
        "error": None,
        "versions": {},
        "took": 0.0,
    }
    return Record(**{**usual, **fields})


@given(records)
def test_a_record_round_trips_exactly(one: Record) -> None:
    """Text and back: the same record, and the same text again."""
    again = Record.from_json(one.json())

    assert one == again
    assert one.json() == again.json()


@given(records)
def test_a_record_is_one_line(one: Record) -> None:
    """Whatever its texts hold."""
    assert not {"\n", "\r"} & set(one.json())


def test_a_stamped_moment_is_in_the_record() -> None:
    """Though the snapshot doesn't say it: a replay has the same "now", and the same text."""
    stamped = Factors(queue={}, workers=[worker()])
    again = Record.from_json(record(snapshot=stamped, observed_at=stamped.observed_at).json())
    moment = again.moment()

    assert moment is not None
    assert stamped.observed_at == moment.observed_at
    assert stamped.json() == moment.json()
    assert again.snapshot is not moment


def test_a_record_of_no_snapshot_has_no_moment() -> None:
    """The target said nothing."""
    assert record().moment() is None


def test_a_given_moment_stays_given() -> None:
    """Moved, it is still what the sender said; the snapshot that was moved isn't touched."""
    factors = snapshot(observed_at=5.0)
    moved = at_moment(factors, 7.0)

    assert (5.0, 7.0) == (factors.observed_at, moved.observed_at)
    assert '"observed_at":7.0' in moved.json()


def test_secrets_are_named_and_not_held() -> None:
    """So that a replay can ask for them."""
    hidden = RecordedArgument(value=REDACTED, source="Secret s/k", redacted=True)
    one = record(arguments={"max_workers": RecordedArgument(value=5, source="literal"), "token": hidden})

    assert ["token"] == one.secrets
    assert ["token"] == Record.from_json(one.json()).secrets


def test_an_outcome_is_the_answer_with_what_the_wire_does_not_say() -> None:
    """Actions in their wire form, whether it is a hold, and every reason in order."""
    result = DecideResult(max_workers=5, actions=[ScaleUpAction(count=2)]).because("3 waiting", who="simple")

    assert Outcome(
        max_workers=5,
        actions=[{"count": 2, "action": "ScaleUp"}],
        held=False,
        reasons=[Reason(who="simple", why="3 waiting")],
    ) == Outcome.of(result)
    assert Outcome.of(DecideResult.hold(None, "not known")).held


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (DecideResult(max_workers=5, actions=[]).because("other words"), False),
        (DecideResult(max_workers=4, actions=[]), True),
        (DecideResult(max_workers=5, actions=[ScaleUpAction(count=1)]), True),
        (DecideResult.hold(None, "not known", max_workers=5), True),
    ],
)
def test_outcomes_differ_in_what_they_do(other: DecideResult, differs: object) -> None:
    """How they say it doesn't matter."""
    assert differs is Outcome.of(DecideResult(max_workers=5, actions=[])).differs_from(Outcome.of(other))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_cannot_say_is_no_memory(value: Any) -> None:
    """It would come back as something else."""
    with pytest.raises(ValidationError, match="memory"):
        record(memory=value)


def test_a_record_of_another_format_is_refused() -> None:
    """By its number, so that nobody replays what they misread."""
    with pytest.raises(ContractError, match="Record: format: 2 given, should be 1"):
        Record.from_json(record().json().replace('"format":1', '"format":2'))
