"""A recorded decision, made again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from everai_autoscaler.decision import Decider, replay
from everai_autoscaler.errors import ArgumentError, ContractError, UnknownNameError
from everai_autoscaler.model import (
    AutoScaler,
    DecideResult,
    Decorator,
    Decorators,
    Factors,
    Outcome,
    Placeholder,
    Record,
    ScaleUpAction,
)
from everai_autoscaler.testing import snapshot, worker

DEEP = snapshot(waiting=8, busy=1)


def recorded(decider: Decider, *snapshots: Factors | None) -> list[Record]:
    """The records of some decisions, as they come back from their JSON lines."""
    return [Record.from_json(line_of(decider, factors)) for factors in snapshots or (DEEP,)]


def line_of(decider: Decider, factors: Factors | None) -> str:
    """The record of one decision as its JSON line."""
    record = decider.decision(factors).record()
    assert record is not None
    return record.json()


REPLAY = """
import sys
from everai_autoscaler.decision import replay
from everai_autoscaler.model import Record
for line in sys.stdin:
    replayed = replay(Record.from_json(line))
    print(replayed.same, replayed.outcome.json())
"""


def test_another_process_without_the_placeholders_values_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The JSON line is enough: no environment variable, no file, no ConfigMap is read."""
    queue = tmp_path / "queue"
    queue.write_text("2\n")
    monkeypatch.setenv("MOST_WORKERS", "7")
    arguments = {
        "max_workers": Placeholder(kind="Env", name="MOST_WORKERS"),
        "max_queue_size": Placeholder(kind="File", name=str(queue)),
    }
    decorators = Decorators(
        arguments=[Decorator(name="time-match", arguments={"match(* * * * *)": "any_", "any_scale_up_step": "3"})],
        factors=[Decorator(name="average", arguments={"used_histories": Placeholder(kind="Env", name="MOST_WORKERS")})],
    )
    histories = {age: {"QueueDueBusy": 8} for age in range(20, 160, 20)}
    snapshots = (
        snapshot(8, busy=1, queue_histories=histories),
        snapshot(8, busy=1),
        snapshot(0, free=3, idle_for=500, queue_histories={age: {} for age in histories}),
        Factors(queue={"QueueDueBusy": 8}, workers=[worker("a", "Busy")]),  # its moment is stamped, not sent
        snapshot(workers=None),
        None,
    )
    decider = Decider("simple", arguments, decorators=decorators)
    lines = [line_of(decider, factors) for factors in snapshots]
    queue.unlink()
    environment = {name: value for name, value in os.environ.items() if name != "MOST_WORKERS"}
    printed = subprocess.run(
        [sys.executable, "-c", REPLAY],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )

    ups = [sum(action.get("count", 0) for action in json.loads(line)["result"]["actions"]) for line in lines]
    assert [3, 0, 0, 0, 0, 0] == ups
    assert [f"True {Record.from_json(line).result.json()}" for line in lines] == printed.stdout.splitlines()
    assert "" == printed.stderr


@define
class Counter(AutoScaler):
    """Starts as many as it has decided before."""

    max_workers: int = 9
    word: str = "counted"

    def decide(self, factors: Factors) -> DecideResult:
        raise AssertionError

    def decide_with_memory(self, factors: Factors, memory: Any) -> tuple[DecideResult, Any]:
        seen = memory or 0
        actions = [ScaleUpAction(count=seen)] if seen else []
        return DecideResult(max_workers=9, actions=actions).because(f"{self.word} {seen}"), seen + 1


def test_a_policy_with_memory_comes_to_the_same(offering: Any) -> None:
    """Each record has what was remembered before it."""
    registry = offering(scalers={"counter": Counter})
    records = recorded(Decider("counter", registry=registry), DEEP, DEEP, DEEP)
    replayed = [replay(record, registry=registry) for record in records]

    assert [True, True, True] == [one.same for one in replayed]
    assert ["counter: counted 0", "counter: counted 1", "counter: counted 2"] == [
        str(one.outcome.reasons[0]) for one in replayed
    ]


def test_another_scaler_has_no_memory_of_it(offering: Any) -> None:
    """What one policy remembers says nothing to another."""
    registry = offering(scalers={"counter": Counter, "other": Counter})
    record = recorded(Decider("counter", registry=registry), DEEP, DEEP)[1]
    replayed = replay(record, scaler="other", registry=registry)

    assert "other: counted 0" == str(replayed.outcome.reasons[0])
    assert not replayed.same


def test_another_scaler_shows_what_would_have_been_different() -> None:
    """With its own arguments, behind the same decorators; sameness is then in what would be done."""
    record = recorded(Decider("simple", {"max_workers": 5, "max_queue_size": 9}))[0]
    eager = replay(record, scaler="free-worker", arguments={"max_workers": 5})
    patient = replay(record, scaler="free-worker", arguments={"max_workers": 5, "min_free_workers": 0})

    assert ("free-worker", False) == (eager.scaler, eager.same)
    assert [{"count": 1, "action": "ScaleUp"}] == eager.outcome.actions
    assert patient.same
    assert patient.outcome.reasons != record.result.reasons


def test_other_arguments_lie_over_the_recorded_ones() -> None:
    """For the recorded scaler only what is to be different needs saying."""
    record = recorded(Decider("simple", {"max_workers": 5, "max_queue_size": 2}))[0]
    replayed = replay(record, arguments={"scale_up_step": "2"})

    assert [{"count": 2, "action": "ScaleUp"}] == replayed.outcome.actions
    assert not replayed.same


def test_another_reason_is_another_decision_by_the_same_scaler() -> None:
    """To the word."""
    record = recorded(Decider("simple", {"max_workers": 5, "max_queue_size": 2}))[0]
    outcome = record.result.model_dump()
    outcome["reasons"][0]["why"] += "!"
    changed = record.model_copy(update={"result": Outcome(**outcome)})
    silent = record.model_copy(update={"result": Outcome(**{**outcome, "reasons": []})})

    assert [False, False] == [replay(changed).same, replay(silent).same]


@pytest.mark.parametrize(
    ("more", "error", "match"),
    [
        ({"scaler": "simpel"}, UnknownNameError, "did you mean 'simple'"),
        ({"arguments": {"max_worker": 1}}, ArgumentError, "did you mean 'max_workers'"),
        ({"arguments": {"max_workers": "x"}}, ArgumentError, r"^simple: max_workers: 'x' is not a whole number"),
    ],
)
def test_what_can_not_be_replayed_is_an_error(more: Any, error: Any, match: str) -> None:
    """It says what is wrong."""
    record = recorded(Decider("simple"))[0]

    with pytest.raises(error, match=match):
        replay(record, **more)


def test_without_a_maximum_there_is_no_bound(offering: Any) -> None:
    """A scaler without max_workers, whose answer is its own maximum."""

    @define
    class Free(AutoScaler):
        def decide(self, factors: Factors) -> DecideResult:
            return DecideResult(max_workers=50, actions=[ScaleUpAction(count=40)]).because("many")

    registry = offering(scalers={"free": Free, "unlimited": lambda max_workers=-1: Free()})
    for name in ("free", "unlimited"):
        record = recorded(Decider(name, registry=registry))[0]

        assert replay(record, registry=registry).same
        assert 50 == record.result.max_workers


def test_a_default_maximum_bounds_another_scaler() -> None:
    """One that isn't given is the scaler's own, as in a decision."""
    record = recorded(Decider("simple", {"max_workers": 5}), snapshot(workers=None))[0]

    assert 1 == replay(record, scaler="free-worker").outcome.max_workers


def test_what_failed_fails_again(offering: Any) -> None:
    """With the same words."""

    @define
    class Fails(AutoScaler):
        max_workers: int = 4

        def decide(self, factors: Factors) -> DecideResult:
            raise ValueError("oh")

    registry = offering(scalers={"fails": Fails})
    record = recorded(Decider("fails", registry=registry))[0]

    assert replay(record, registry=registry).same


class TestSecrets:
    """A record that lacks them."""

    @pytest.fixture
    def record(self, late: Any) -> Record:
        """A decision of two Secrets, a number of the scaler's and one of a decorator's."""
        limit = late("2.0", kind="Secret", name="s", key="limit")
        histories = late("1", kind="Secret", name="s", key="histories")
        decorators = Decorators(factors=[Decorator(name="average", arguments={"used_histories": histories})])
        factors = snapshot(8, busy=1, queue_histories={20: {"QueueDueBusy": 8}})
        arguments = {"max_workers": 5, "max_queue_size": limit, "min_workers": 0, "scale_up_step": 3}
        return recorded(Decider("simple", arguments, decorators=decorators), factors)[0]

    def test_is_replayed_with_them_given(self, record: Record) -> None:
        """It comes to the same, and doesn't show them either."""
        replayed = replay(record, secrets={"max_queue_size": "2.0", "average.used_histories": "1"})

        assert ["max_queue_size"] == record.secrets
        assert replayed.same
        assert "simple: 8 waiting for a busy worker, more than ***: starts 3 workers" == str(
            replayed.outcome.reasons[0]
        )

    def test_with_other_values_comes_to_something_else(self, record: Record) -> None:
        """They are used, not only asked for."""
        assert not replay(record, secrets={"max_queue_size": 8, "average.used_histories": "1"}).same
        assert not replay(record, secrets={"max_queue_size": 2, "average.used_histories": "2"}).same

    @pytest.mark.parametrize(
        ("secrets", "missing"),
        [
            ({}, r"max_queue_size \(Secret s/limit\)"),
            ({"max_queue_size": 2}, r"average\.used_histories \(Secret s/histories\)"),
        ],
    )
    def test_is_an_error_without_them(self, record: Record, secrets: Any, missing: str) -> None:
        """It names the one that is missing, and where it came from."""
        with pytest.raises(ContractError, match=f"^record: {missing} is a secret.*: give its value$"):
            replay(record, secrets=secrets)

    def test_of_the_arguments_are_not_needed_by_another_scaler(self, record: Record) -> None:
        """It has its own."""
        replayed = replay(record, scaler="free-worker", secrets={"average.used_histories": 1})

        assert "free-worker" == replayed.scaler

    def test_that_no_argument_holds_are_not_needed(self, late: Any) -> None:
        """One that no rule used hides its value from the reasons of the record, and the replay is the same still."""
        arguments = {"max_workers": 5, "max_queue_size": 2, "never_max_queue_size": late("8", kind="Secret")}
        decorators = Decorators(arguments=[Decorator(name="time-match", arguments={"match(0 0 1 1 *)": "never_"})])
        record = recorded(Decider("simple", arguments, decorators=decorators))[0]

        assert "*** waiting" in record.result.reasons[0].why
        assert replay(record).same
