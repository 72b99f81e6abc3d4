"""Signals: what a platform measures beside all that has a field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Factors, Signal, Worker
from everai_autoscaler.testing.snapshots import snapshot, worker
from everai_autoscaler.testing.strategies import factors as snapshots

MEASURED: dict[str, Any] = {"kv_cache": {"value": 0.9, "age": 20}}


@pytest.mark.parametrize("measured", [snapshot(signals=MEASURED), worker(signals=MEASURED)])
def test_a_signal_is_known_while_it_is_young_enough(measured: Factors | Worker) -> None:
    """As old as is allowed, not older; of an app and of a worker alike."""
    assert 0.9 == measured.signal("kv_cache", max_age=20)
    assert measured.signal("kv_cache", max_age=19.9) is None


@pytest.mark.parametrize("measured", [snapshot(), worker(), snapshot(signals={}), worker(signals=MEASURED)])
def test_a_missing_signal_is_not_known(measured: Factors | Worker) -> None:
    """Whether others are there or not: it isn't zero."""
    assert measured.signal("tokens_waiting", max_age=float("inf")) is None


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        ({"value": 1}, "age: field required"),
        ({"value": 1, "age": -1}, "age: -1 given, should be greater than or equal to 0"),
        ({"value": "much", "age": 1}, "value: 'much' given"),
        ({"value": float("inf"), "age": 1}, "value: inf given, should be a finite number"),
        (5, "5 given, should be"),
    ],
)
def test_what_is_no_signal(signal: object, message: str) -> None:
    """A measurement has a number and an age; the error has the way to it."""
    with pytest.raises(ContractError) as caught:
        Factors.from_json(json.dumps({"signals": {"kv_cache": signal}}))

    assert "Factors: signals.kv_cache" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("field", ["signals", "start_times"])
def test_they_are_written_only_where_they_were_sent(field: str) -> None:
    """So that older readers understand newer senders; a null that was sent is written, too."""
    assert field not in json.loads(Factors().json())
    assert None is json.loads(Factors.model_validate({field: None}).json())[field]


def test_start_times_are_durations() -> None:
    """The newest first, as they were sent; a negative one is refused."""
    assert [12.5, 40.0] == Factors(start_times=[12.5, 40]).start_times
    with pytest.raises(ContractError, match=r"start_times\.1: -1 given"):
        Factors.from_json('{"start_times": [3, -1]}')


def test_workers_with_signals_can_be_in_a_set() -> None:
    """Like any other worker."""
    assert 1 == len({worker(signals=MEASURED), worker(signals=MEASURED)})
    assert {"kv_cache": Signal(value=0.9, age=20)} == worker(signals=MEASURED).signals


@given(snapshots())
def test_signals_come_back_from_json(factors: Factors) -> None:
    """Whatever is measured, of the app and of each worker, and how long starts took."""
    read = Factors.from_json(factors.json())

    assert factors == read
    assert factors.json() == read.json()
