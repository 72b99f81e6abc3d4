"""``average``: the present and the youngest histories, in whole numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.builtin.decorator.factors import AverageDecorator
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Factors, QueueReason, WorkerStatus
from everai_autoscaler.testing.snapshots import snapshot

BOTH = pytest.mark.parametrize("kind", [SimpleAutoScaler, FreeWorkerAutoScaler])


def averaged(used_histories: int, **fields: Any) -> Factors:
    """A snapshot of *fields*, averaged."""
    found = AverageDecorator(used_histories)(snapshot(**fields))
    assert found is not None
    return found


@pytest.mark.parametrize("given_text", ["3", "3.0", 3])
def test_text_is_accepted(given_text: object) -> None:
    """The form that every manifest uses; in the predecessor it raised."""
    assert AverageDecorator(used_histories=3) == AverageDecorator.from_arguments({"used_histories": given_text})
    assert AverageDecorator(5) == AverageDecorator.from_arguments({})
    assert "average" == AverageDecorator.name()


@pytest.mark.parametrize(("name", "value"), [("used_histories", "-1"), ("used_histories", "1.5"), ("histories", "3")])
def test_what_it_refuses(name: str, value: str) -> None:
    """A negative number, a part of a history, another name."""
    with pytest.raises(ArgumentError, match=f"average: .*{name}"):
        AverageDecorator.from_arguments({name: value})


@pytest.mark.parametrize(
    ("used", "waiting"),
    [
        (0, 10),  # none used: the present alone
        (1, 6),  # (10 + 3) / 2 = 6.5
        (2, 4),  # (10 + 3 + 1) / 3 = 4.67
        (3, 3),  # (10 + 3 + 1 + 0) / 4 = 3.5
        (4, None),
    ],
)
def test_the_integer_part_over_the_youngest(used: int, waiting: int | None) -> None:
    """Whatever order they came in; absent counts as 0, and too few is "not known"."""
    histories = {60: {}, 40: {"WorkerBusy": 1}, 20: {"WorkerBusy": 3}}

    assert waiting == averaged(used, waiting=10, busy=1, queue_histories=histories).waiting(QueueReason.QueueDueBusy)


def test_what_is_only_in_the_past_is_averaged_too() -> None:
    """Of the queue and of the workers, each reason and status by itself."""
    found = averaged(
        1,
        waiting={"GpuReserved": 4},
        busy=3,
        queue_histories={20: {"NotDispatch": 5}},
        worker_histories={20: {"Free": 3}},
    )

    assert {"GpuReserved": 2, "NotDispatch": 2} == found.queue
    assert {WorkerStatus.Inflight: 0, WorkerStatus.Free: 1, WorkerStatus.Busy: 1} == found.worker


def test_a_starting_worker_never_averages_away() -> None:
    """One that is starting now is at least one; one that was isn't."""
    histories = {age: {"Busy": 1} for age in (20, 40)}
    past = {age: {"Inflight": 1} for age in (20, 40)}

    assert 1 == (averaged(2, inflight=1, worker_histories=histories).worker or {})[WorkerStatus.Inflight]
    assert 0 == (averaged(2, busy=1, worker_histories={**past, 40: {}}).worker or {})[WorkerStatus.Inflight]
    assert 2 == (averaged(2, inflight=6, worker_histories=histories).worker or {})[WorkerStatus.Inflight]


def test_a_present_that_is_not_known_stays_so() -> None:
    """It doesn't count as 0."""
    found = averaged(1, waiting=None, worker=None, busy=1, queue_histories={20: {}}, worker_histories={20: {"Free": 4}})

    assert found.queue is None
    assert found.worker is None
    assert found.free() is None


def test_histories_of_the_queue_alone_leave_the_summary_of_the_workers() -> None:
    """The predecessor wiped it."""
    before = snapshot(busy=2, queue_histories={20: {}}, worker_histories=None)
    after = averaged(1, busy=2, queue_histories={20: {}}, worker_histories=None)

    assert before.worker == after.worker
    assert (0, None) == (after.free(), after.unknown)


def test_the_list_stays_as_it_is() -> None:
    """So do the histories and the moment; the snapshot that went in isn't touched."""
    factors = snapshot(waiting=8, busy=1, queue_histories={20: {}}, worker_histories={20: {}})
    before = factors.model_copy(deep=True)
    found = AverageDecorator(1)(factors)

    assert found is not None
    assert before == factors
    assert (factors.workers, factors.queue_histories, factors.worker_histories, factors.observed_at) == (
        found.workers,
        found.queue_histories,
        found.worker_histories,
        found.observed_at,
    )


@BOTH
@pytest.mark.parametrize(
    "histories",
    [
        {},
        {"queue_histories": None},
        {"queue_histories": {20: {}}},
        {"queue_histories": {20: {}}, "worker_histories": {20: {"Free": 3}}},
        {"worker_histories": {}},
    ],
)
def test_with_too_few_histories_nothing_is_decided(
    kind: type[SimpleAutoScaler | FreeWorkerAutoScaler], histories: dict[str, Any]
) -> None:
    """Idle workers stay (the predecessor removed them), and nobody is started."""
    scaler = kind(max_workers=9)
    idle = scaler.decide(averaged(2, free=3, idle_for=500, **histories))
    busy = scaler.decide(averaged(2, waiting=9, busy=1, **histories))

    assert ([], True) == (idle.actions, idle.held)
    assert ([], True) == (busy.actions, busy.held)


@BOTH
def test_with_too_few_histories_the_minimum_is_kept(kind: type[SimpleAutoScaler | FreeWorkerAutoScaler]) -> None:
    """Rule 1 asks the list, which is there."""
    assert 2 == kind(min_workers=3, max_workers=9).decide(averaged(2, busy=1)).up


def test_free_worker_decides_once_the_workers_histories_suffice() -> None:
    """It doesn't need the queue's: the spare was free on average, and the idle one above it goes."""
    past = {age: {"Busy": 1, "Free": 0} for age in (20, 40)}
    scaler = FreeWorkerAutoScaler(max_workers=9)

    assert 1 == scaler.decide(averaged(2, busy=1, free=1, worker_histories=past)).up


def test_what_was_unknown_before_stays_unknown() -> None:
    """Each once."""
    assert ["arrivals", "worker"] == averaged(2, unknown=["worker", "arrivals"]).unknown


@given(st.integers(0, 5), st.lists(st.integers(0, 100), min_size=6, max_size=6))
def test_an_average_lies_between_its_parts(used: int, waiting: list[int]) -> None:
    """Never above the largest nor below the smallest of what was used."""
    histories = {20 * age: {"WorkerBusy": count} for age, count in enumerate(waiting) if age}
    found = averaged(used, waiting={"WorkerBusy": waiting[0]}, queue_histories=histories).waiting()

    assert found is not None
    assert min(waiting[: used + 1]) <= found <= max(waiting[: used + 1])
