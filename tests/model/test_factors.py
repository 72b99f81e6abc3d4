"""What a snapshot says when it is asked."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Factors, QueueReason, Worker, WorkerStatus
from everai_autoscaler.testing.snapshots import NOW, snapshot, worker


def test_a_snapshot_without_a_moment_is_stamped_on_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time at which it was read; also one whose sender said null."""
    monkeypatch.setattr("time.time", lambda: 123.5)

    assert 123.5 == Factors().observed_at
    assert 123.5 == Factors.from_json("{}").observed_at
    assert 123.5 == Factors.from_json('{"observed_at": null}').observed_at
    assert 123.5 == Factors.model_construct().observed_at


def test_a_moment_of_null_is_none_given() -> None:
    """The stamp that stands for it is no part of what was said, and isn't written."""
    factors = Factors.from_json('{"observed_at": null}')

    assert Factors() == factors
    assert Factors().json() == factors.json()


def test_a_given_moment_is_the_only_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock isn't read for it, whatever is asked."""
    monkeypatch.setattr("time.time", lambda: pytest.fail("the wall clock was read"))
    idle = worker("a", idle_for=30)
    factors = Factors(observed_at=NOW, workers=[idle])

    assert NOW == Factors.from_json(factors.json()).observed_at
    assert 30.0 == factors.idle_time(idle)


@pytest.mark.parametrize("moment", [-1, "yesterday", float("nan"), float("inf")])
def test_what_is_no_moment(moment: object) -> None:
    """Before the epoch, words, and what no clock shows."""
    with pytest.raises(ValidationError, match="observed_at"):
        Factors.model_validate({"observed_at": moment})


def test_a_stamp_is_kept_when_something_else_changes() -> None:
    """A decorated snapshot was observed when the plain one was, and its stamp still isn't the sender's word."""
    factors = Factors(queue={})
    changed = factors.model_copy(update={"queue": None})

    assert factors.observed_at == changed.observed_at
    assert "observed_at" not in changed.model_dump()


def test_a_copy_may_be_given_a_moment() -> None:
    """Then it is said, and written."""
    moved = Factors().model_copy(update={"observed_at": 5.0})

    assert 5.0 == json.loads(moved.json())["observed_at"]


def test_snapshots_are_compared_by_what_was_said() -> None:
    """With snapshots only, and of one kind."""

    class Mine(Factors):
        """A client's own."""

    assert Factors(queue={}) == Factors(queue={})
    assert Factors(queue={}) != Factors(queue=None)
    assert Factors() != Mine()
    assert Factors() != "Factors"


def test_a_snapshot_is_no_dictionary_key() -> None:
    """It holds lists."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Factors())


# -- the queue ----------------------------------------------------------------------------------------------------


def test_waiting_adds_what_is_asked_for() -> None:
    """All reasons when none is named; a reason that isn't there is 0."""
    factors = Factors(queue={"NotDispatch": 1, "WorkerBusy": 2, "GpuReserved": 4})

    assert 7 == factors.waiting()
    assert 2 == factors.waiting(QueueReason.QueueDueBusy)
    assert 3 == factors.waiting(QueueReason.QueueDueBusy, QueueReason.NotDispatch)
    assert 4 == factors.waiting(QueueReason("GpuReserved"))
    assert 0 == factors.waiting(QueueReason.QueueDueSession)


def test_an_unknown_queue_is_not_an_empty_one() -> None:
    """``None`` for all and for each."""
    assert Factors(queue=None).waiting() is None
    assert Factors(queue=None).waiting(QueueReason.QueueDueBusy) is None
    assert 0 == Factors(queue={}).waiting()


@given(st.text(min_size=1))
def test_an_unknown_reason_is_kept_by_name(name: str) -> None:
    """It doesn't refuse the snapshot: it counts as waiting, and is written as it was read."""
    factors = Factors.from_json(json.dumps({"queue": {name: 3}}))

    assert 3 == factors.waiting()
    assert factors == Factors.from_json(factors.json())
    assert 3 == (factors.queue or {})[QueueReason(name)]


def test_unknown_reasons_are_reasons() -> None:
    """With a name, a value, equality, a hash; they are copied and pickled, and don't join the known ones."""
    reason = QueueReason("GpuReserved")

    assert ("GpuReserved", "GpuReserved") == (reason.name, reason.value)
    assert {reason: 1} == {"GpuReserved": 1}
    assert reason == copy.deepcopy(reason) == pickle.loads(pickle.dumps(reason))
    assert 3 == len(QueueReason)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("WorkerBusy", QueueReason.QueueDueBusy), ("SessionWorkerBusy", QueueReason.QueueDueSession)],
)
def test_the_platforms_words_for_reasons_are_understood(word: str, reason: QueueReason) -> None:
    """Read and written under the canonical name, in the histories too."""
    factors = Factors.model_validate({"queue": {word: 2}, "queue_histories": {20: {word: 3}}})

    assert {reason: 2} == factors.queue
    assert {20: {reason: 3}} == factors.queue_histories
    assert {reason.value: 2} == json.loads(factors.json())["queue"]


_NAMES = st.sampled_from(["NotDispatch", "WorkerBusy", "QueueDueBusy", "SessionWorkerBusy", "GpuReserved"])
_SUMMARIES = st.dictionaries(_NAMES, st.integers(0, 9))


@given(st.none() | st.dictionaries(st.integers(0, 200), _SUMMARIES), st.none() | _SUMMARIES, st.none() | _SUMMARIES)
def test_no_summary_has_a_reason_under_its_other_name(
    histories: dict[int, dict[str, int]] | None, queue: dict[str, int] | None, oldest: dict[str, int] | None
) -> None:
    """Wherever the platform's words stand, and beside whatever isn't known: what waits is the same, as is the rest."""
    said = {"queue_histories": histories, "queue": queue, "oldest_wait": oldest}
    factors = Factors.model_validate(said)
    known = [factors.queue, factors.oldest_wait, *(factors.queue_histories or {}).values()]

    assert not {"WorkerBusy", "SessionWorkerBusy"} & {reason for one in known if one for reason in one}
    assert [None if one is None else sum(one.values()) for one in (queue, *(histories or {}).values())] == [
        None if one is None else sum(one.values()) for one in (factors.queue, *(factors.queue_histories or {}).values())
    ]
    assert [name for name, one in said.items() if one is None] == [
        name for name in said if getattr(factors, name) is None
    ]
    assert list(histories or {}) == list(factors.queue_histories or {})
    assert factors == Factors.from_json(json.dumps(said))


class Strict(Factors):
    """A client's own, which reads JSON its own way."""

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Any:
        """Refuse what isn't said as it should be."""
        return super().model_validate_json(json_data, **{"strict": True} | options)


def test_a_subclass_reads_json_its_own_way() -> None:
    """``from_json`` asks it, and pydantic's options reach pydantic, for the plain snapshot, too."""
    said = '{"utilization": "5"}'

    assert 5 == Factors.from_json(said).utilization
    assert 5 == Strict.model_validate_json(said, strict=False).utilization
    with pytest.raises(ContractError, match="Strict: utilization"):
        Strict.from_json(said)
    with pytest.raises(ValidationError, match="utilization"):
        Factors.model_validate_json(said, strict=True)


@pytest.mark.parametrize("name", ["", 5, None])
def test_what_names_no_reason(name: object) -> None:
    """Nothing, and what isn't text."""
    with pytest.raises(ValueError, match="not a valid QueueReason"):
        QueueReason(name)
    with pytest.raises(ValidationError, match="queue"):
        Factors.model_validate({"queue": {name: 1}})


@pytest.mark.parametrize(("field", "together"), [("queue", 3), ("oldest_wait", 2.0)])
def test_one_reason_under_two_names_is_one(field: str, together: float) -> None:
    """The counts add up, and of the waits the longest is it: nothing is lost, and the sender's mapping stays."""
    said = {"WorkerBusy": 1, "QueueDueBusy": 2}
    factors = Factors.model_validate({field: said})

    assert {QueueReason.QueueDueBusy: together} == getattr(factors, field)
    assert {"WorkerBusy": 1, "QueueDueBusy": 2} == said


# -- the workers --------------------------------------------------------------------------------------------------


def test_count_counts_the_list() -> None:
    """Of the statuses that are asked for, or all; the summary has no say, and those that drain are gone."""
    factors = snapshot(busy=2, free=1, inflight=1, workers=[worker("d", "Busy", draining=True)], worker={"Free": 9})

    assert 4 == factors.count()
    assert 2 == factors.count(WorkerStatus.Busy)
    assert 3 == factors.count(WorkerStatus.Busy, WorkerStatus.Free)
    assert Factors(workers=None, worker={"Free": 9}).count() is None


def test_free_reads_the_summary_where_it_is_given() -> None:
    """Else the list; neither, or "not known", is ``None``."""
    assert 0 == snapshot(free=2, worker={"Busy": 1}).free()
    assert 5 == snapshot(free=2, worker={"Free": 5}).free()
    assert 2 == snapshot(free=2, worker=None).free()
    assert Factors(workers=None).free() is None
    assert snapshot(free=2, unknown=["worker"]).free() is None


def test_age_is_since_the_start() -> None:
    """And never negative, whatever two clocks say."""
    factors = snapshot()

    assert 40.0 == factors.age(worker(started_ago=40))
    assert 0.0 == factors.age(worker(started_ago=-40))


@pytest.mark.parametrize(
    ("fields", "idle"),
    [
        ({"idle_for": 40}, 40.0),
        ({"idle_for": -40}, 0.0),
        ({"status": "Busy", "idle_for": 40}, 0.0),
        ({"status": "Inflight"}, None),
        ({"last_service_time": 0, "started_ago": 70}, 70.0),
        ({"last_service_time": 0, "started_ago": 70, "ready_at": NOW - 50.5}, 50.5),
        ({"last_service_time": 0, "started_ago": 70, "ready_at": 0.0}, NOW),
        ({"idle_for": 40, "ready_at": NOW - 50}, 40.0),
    ],
)
def test_idle_time(fields: dict[str, Any], idle: float | None) -> None:
    """Since it last served, or could have; not known while it starts."""
    assert idle == snapshot().idle_time(worker(**fields))


def test_suspects_have_been_starting_for_too_long() -> None:
    """Longer than the limit, not as long; nobody else, and nobody where nobody is known."""
    late, on_time = worker("late", "Inflight", started_ago=61), worker("b", "Inflight", started_ago=60)

    assert [late] == snapshot(free=1, workers=[on_time, late]).suspects(60.0)
    assert [] == Factors(workers=None).suspects(60.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("number_of_successes", -1), ("current_request", -1), ("concurrency", 0), ("cost", -0.5), ("status", "IN_FLIGHT")],
)
def test_what_a_worker_cannot_be(field: str, value: object) -> None:
    """Negative counts and costs, no concurrency, an unknown status."""
    with pytest.raises(ValidationError, match=field):
        Worker.model_validate(worker().model_dump() | {field: value})


@pytest.mark.parametrize("field", ["arrivals", "completions"])
def test_flows_are_counts(field: str) -> None:
    """Not negative; null is "not known"."""
    with pytest.raises(ValidationError, match=field):
        Factors.model_validate({field: -1})

    assert getattr(Factors.model_validate({field: None}), field) is None


def test_statuses_and_reasons_are_found_by_their_text() -> None:
    """As members and as text, in any dictionary."""
    assert 1 == {WorkerStatus.Free: 1}["Free"]  # type: ignore[index]
    assert 1 == {"QueueDueBusy": 1}[QueueReason.QueueDueBusy]
