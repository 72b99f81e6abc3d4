"""The pipeline of one app."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from attrs import define, evolve, frozen

from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, PlaceholderError, UnknownNameError
from everai_autoscaler.model import (
    AutoScaler,
    BuiltinAutoScaler,
    DecideResult,
    Decorator,
    Decorators,
    Factors,
    Placeholder,
    Record,
    ScaleUpAction,
)
from everai_autoscaler.testing import snapshot

DEEP = snapshot(waiting=8, busy=1)


@define
class Cooldown(AutoScaler):
    """Starts a worker, and then none for *pause* seconds."""

    pause: float = 60.0
    max_workers: int = 9

    def decide(self, factors: Factors) -> DecideResult:
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: Any) -> tuple[DecideResult, Any]:
        if memory is not None and factors.observed_at < memory["started"] + self.pause:
            return DecideResult(max_workers=self.max_workers, actions=[]).because("cooling down"), memory
        started = DecideResult(max_workers=self.max_workers, actions=[ScaleUpAction(count=1)])
        return started.because("one more"), {"started": factors.observed_at}


class TestMemory:
    """What a policy remembers, between its decisions."""

    def test_goes_in_and_comes_out(self) -> None:
        """A cooldown holds for its time, and no longer."""
        decider = Decider(Cooldown())
        started = [decider.decide(snapshot(busy=1, observed_at=now)).up for now in (1000, 1020, 1059, 1060, 1080)]

        assert [1, 0, 0, 1, 0] == started
        assert {"started": 1060.0} == decider.memory

    def test_is_in_the_record_as_it_was_before_the_decision(self) -> None:
        """So that the decision can be made again."""
        decider = Decider(Cooldown())
        decisions = [decider.decision(snapshot(busy=1, observed_at=now)) for now in (1000, 1020, 1060)]

        assert [None, {"started": 1000.0}, {"started": 1000.0}] == [one.record().memory for one in decisions]  # type: ignore[union-attr]
        assert [1000.0, 1000.0, 1060.0] == [one.memory_after["started"] for one in decisions]  # type: ignore[call-overload,index]

    def test_survives_a_restart(self) -> None:
        """A new Decider is given what the old one remembered, by way of JSON."""
        before = Decider(Cooldown())
        before.decide(snapshot(busy=1, observed_at=1000))
        after = Decider(Cooldown(), memory=json.loads(json.dumps(before.memory)))

        assert 0 == after.decide(snapshot(busy=1, observed_at=1020)).up

    def test_is_kept_when_arguments_change(self, late: Any, offering: Any) -> None:
        """The policy is another object then; what it remembers is the app's."""
        most = late(9)
        decider = Decider("pause", {"max_workers": most}, registry=offering(scalers={"pause": Cooldown}))
        decider.decide(snapshot(busy=1, observed_at=1000))
        most.value = 8
        result = decider.decide(snapshot(busy=1, observed_at=1020))

        assert (0, 8) == (result.up, result.max_workers)

    def test_stays_when_the_policy_fails(self) -> None:
        """A failure is nothing to remember."""

        class Fails(Cooldown):
            def decide_with_memory(self, factors: Factors, memory: Any) -> tuple[DecideResult, Any]:
                memory.clear()
                raise ValueError

        decider = Decider(Fails(), memory={"started": 1.0})

        assert decider.decide(DEEP).held
        assert {"started": 1.0} == decider.memory


class Old(BuiltinAutoScaler):
    """As the platform's users wrote them before there was this package: no attrs, everything overridden."""

    def __init__(self, max_workers: Any = 3) -> None:
        self.max_workers = max_workers
        self.decorators = None

    @classmethod
    def autoscaler_name(cls) -> str:
        return "old"

    @classmethod
    def from_arguments(cls, arguments: Any) -> Old:
        return cls(**arguments)

    def autoscaler_arguments(self) -> dict[str, Any]:
        return {"max_workers": self.max_workers}

    def decide(self, factors: Factors) -> DecideResult:
        most = int(self.max_workers() if callable(self.max_workers) else self.max_workers)
        return DecideResult(max_workers=most, actions=[ScaleUpAction(count=1)]).because("old ways")


class OwnConstructor(SimpleAutoScaler):
    """A subclass that fixes some arguments."""

    def __init__(self, most: Any) -> None:
        super().__init__(min_workers=0, max_workers=most, max_queue_size=2)


class Duck:
    """Not even an AutoScaler."""

    def decide(self, _factors: Factors) -> DecideResult:
        return DecideResult(max_workers=3, actions=[ScaleUpAction(count=1)]).because("quack")


@frozen(slots=True)
class Frozen(AutoScaler):
    """Frozen and slotted, with late values."""

    max_workers: int

    def decide(self, _factors: Factors) -> DecideResult:
        return DecideResult(max_workers=self.max_workers + 0, actions=[ScaleUpAction(count=1)]).because("cold")


@define(init=False)
class Doubled(AutoScaler):
    """Has a constructor that takes something else than it keeps."""

    max_workers: int

    def __init__(self, half: int) -> None:
        self.__attrs_init__(max_workers=2 * half)

    def decide(self, factors: Factors) -> DecideResult:
        return DecideResult(max_workers=self.max_workers, actions=[ScaleUpAction(count=1)]).because("doubled")


class TestScalersOfAllKinds:
    """Any object that decides."""

    @pytest.mark.parametrize(
        ("scaler", "name", "most"),
        [
            (SimpleAutoScaler(max_workers=lambda: "3"), "simple", 3),
            (FreeWorkerAutoScaler(max_workers=lambda: "3"), "free-worker", 3),
            (OwnConstructor(lambda: "3"), "OwnConstructor", 3),
            (Old(), "old", 3),
            (Old(lambda: "3"), "old", 3),
            (Duck(), "Duck", 3),
            (Frozen(lambda: "3"), "Frozen", 3),  # type: ignore[arg-type]
            (Cooldown(max_workers=lambda: "3"), "Cooldown", 3),  # type: ignore[arg-type]
            (Decider(Cooldown(max_workers=3)), "Decider", 3),
            (Doubled(2), "Doubled", 4),
        ],
    )
    def test_decide(self, scaler: Any, name: str, most: int) -> None:
        """Under a name, with late values bound, as often as they are asked."""
        decider = Decider(scaler)
        results = [decider.decide(snapshot(waiting=8, busy=1, observed_at=now)) for now in (1000, 2000)]

        assert name == decider.name
        assert [(1, most)] * 2 == [(result.up, result.max_workers) for result in results]

    def test_keep_their_late_values_late(self, late: Any) -> None:
        """The object that was given isn't changed: the bound one is a copy."""
        most = late("3")
        scaler = SimpleAutoScaler(max_workers=most)
        Decider(scaler).decide(DEEP)

        assert most is scaler.max_workers

    def test_bring_their_own_decorators(self) -> None:
        """Those that a builtin scaler was made with, late arguments and all."""
        decorators = Decorators(
            arguments=[Decorator(name="time-match", arguments={"match(* * * * *)": "any_", "any_max_workers": "4"})],
            factors=[Decorator(name="average", arguments={"used_histories": lambda: "1"})],
        )
        scaler = SimpleAutoScaler(max_workers=lambda: 2, decorators=decorators)
        result = Decider(scaler).decide(snapshot(8, busy=1, queue_histories={20: {}}))

        assert "simple: 4 waiting for a busy worker, more than 1: starts 1 worker" == str(result.reasons[0])
        assert 4 == result.max_workers

    def test_lose_them_to_those_that_are_given(self) -> None:
        """Empty ones are none."""
        scaler = SimpleAutoScaler(decorators=Decorators(factors=[Decorator(name="average")]))

        assert Decider(scaler).decide(snapshot(busy=1)).held
        assert not Decider(scaler, decorators=Decorators()).decide(snapshot(busy=1)).held

    def test_are_held_when_they_fail_with_the_bound_maximum(self) -> None:
        """Also where that is late."""

        @define
        class Fails(Cooldown):
            def decide_with_memory(self, factors: Factors, memory: Any) -> tuple[DecideResult, Any]:
                raise ValueError

        assert 7 == Decider(Fails(max_workers=lambda: "7")).decide(DEEP).max_workers  # type: ignore[arg-type]

    @pytest.mark.parametrize("scaler", [SimpleAutoScaler, object(), None, 3])
    def test_are_objects_that_decide(self, scaler: Any) -> None:
        """A class isn't one, and is refused before the first decision."""
        with pytest.raises(ArgumentError, match="is neither a scaler nor the name of one"):
            Decider(scaler)

    def test_take_no_arguments_beside_them(self) -> None:
        """They have theirs."""
        with pytest.raises(ArgumentError, match="has its arguments already"):
            Decider(SimpleAutoScaler(), {"max_workers": 3})

    def test_that_nobody_knows(self) -> None:
        """A misspelt name is an error that helps."""
        with pytest.raises(UnknownNameError, match="did you mean 'simple'"):
            Decider("simpel")

    def test_with_the_name_of_another_are_called_by_their_class(self, offering: Any) -> None:
        """What is recorded as ``simple`` is the builtin; a name that two plugins offer is nobody's."""

        class Contested(Old):
            pass

        class Twin:
            from everai_autoscaler.plugin import hookimpl

            @hookimpl
            def register_autoscalers(self) -> Any:
                return {"old": Duck}

        class Contesting(Old):
            @classmethod
            def autoscaler_name(cls) -> str:
                return "contested"

        registry = offering(scalers={"old": Old})
        first = type(registry.plugins[-1])("one", offers={"autoscalers": {"contested": Contesting}})
        registry._plugins += [first, type(first)("two", offers=first.offers)]

        assert "old" == Decider(Old(), registry=registry).name
        assert "Contested" == Decider(Contested(), registry=registry).name
        assert "Contesting" == Decider(Contesting(), registry=registry).name


def test_without_a_snapshot_it_holds_with_the_bound_maximum() -> None:
    """Not known is a value."""
    decision = Decider("simple", {"max_workers": "5"}).decision(None)
    result, record = decision.result, decision.record()

    assert (True, [], 5) == (result.held, result.actions, result.max_workers)
    assert record is not None
    assert record.snapshot is None
    assert record == Record.from_json(record.json())


def test_without_workers_it_holds() -> None:
    """Workers that aren't known are left alone."""
    result = Decider("simple", {"min_workers": 2, "max_workers": 5}).decide(snapshot(waiting=9, workers=None))

    assert (True, 5) == (result.held, result.max_workers)


class TestPlaceholders:
    """Who reads them."""

    def test_a_provider_goes_before_the_registrys_reader(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """For its kind; the others are read as ever."""
        monkeypatch.setenv("QUEUE", "4")
        arguments = {
            "max_workers": Placeholder(kind="ConfigMap", name="c", key="most"),
            "max_queue_size": Placeholder(kind="Env", name="QUEUE"),
        }
        providers = {"ConfigMap": lambda name, key: f"{len(name)}{len(key)}"}
        decision = Decider("simple", arguments, providers=providers).decision(snapshot())

        assert 14 == decision.result.max_workers
        assert (14, "ConfigMap c/most") == (
            decision.arguments["max_workers"].value,
            decision.arguments["max_workers"].source,
        )
        assert 4 == decision.arguments["max_queue_size"].value

    def test_one_deciders_provider_is_nobody_elses(self) -> None:
        """Outside of its decisions nothing is changed."""
        placeholder = Placeholder(kind="Mine", name="n")
        Decider("simple", {"max_workers": placeholder}, providers={"Mine": lambda name, key: "3"}).decide(snapshot())

        with pytest.raises(UnknownNameError, match="placeholder kind 'Mine'"):
            placeholder()

    def test_a_scaler_inside_another_is_read_by_the_same_provider(self) -> None:
        """A policy round a policy doesn't change where values come from."""

        @define
        class Round(AutoScaler):
            inner: AutoScaler

            def decide(self, factors: Factors) -> DecideResult:
                return self.inner.decide(factors)

        inner = SimpleAutoScaler(max_workers=Placeholder(kind="Mine", name="n"))
        decider = Decider(Round(inner), providers={"Mine": lambda name, key: "3"})

        assert 3 == decider.decide(snapshot()).max_workers

    def test_a_provider_that_has_no_value_is_told(self) -> None:
        """As any reader."""

        def provide(name: str, key: str) -> str:
            raise PlaceholderError(f"no {name}/{key} here")

        arguments = {"max_workers": Placeholder(kind="ConfigMap", name="c", key="most")}
        decider = Decider("simple", arguments, providers={"ConfigMap": provide})

        with pytest.raises(
            ArgumentError, match=r"^simple: max_workers: ConfigMap c/most can't be read: no c/most here$"
        ):
            decider.decide(snapshot())


class TestTheRecord:
    """One decision with all that went into it."""

    def test_survives_json_in_one_line(self, late: Any) -> None:
        """To the last field."""
        decorators = Decorators(
            arguments=[Decorator(name="noop")], factors=[Decorator(name="average", arguments={"used_histories": "1"})]
        )
        factors = snapshot(8, busy=1, queue_histories={20: {"QueueDueBusy": 2}}, observed_at=1000.25)
        record = Decider("simple", {"max_workers": late("5")}, decorators=decorators).decision(factors).record()
        assert record is not None
        line = record.json()

        assert "\n" not in line
        assert record == Record.from_json(line)

    def test_says_what_was_seen_decided_and_by_whom(self, offering: Any) -> None:
        """Snapshot, decorated snapshot, proposal, result, versions, time taken."""
        ticks = count(10.0, 0.5)
        registry = offering(scalers={"greedy": lambda max_workers=3: Greedy()}, factors={"empty": lambda: emptied})
        decorators = Decorators(factors=[Decorator(name="empty")])
        decider = Decider(
            "greedy",
            decorators=decorators,
            registry=registry,
            app="app-1",
            timer=lambda: next(ticks),
        )
        decision = decider.decision(DEEP)
        result, record = decision.result, decision.record()

        assert record is not None
        assert ("app-1", "greedy", DEEP.observed_at) == (record.app, record.scaler, record.observed_at)
        assert (8, 0) == (record.snapshot.waiting(), record.decorated.waiting())  # type: ignore[union-attr]
        assert 9 == record.proposed.max_workers  # type: ignore[union-attr]
        assert (3, result.actions) == (record.result.max_workers, [ScaleUpAction(count=2)])
        assert ["greedy", "guard", "guard"] == [reason.who for reason in record.result.reasons]
        assert "3.2.1" == record.versions["tests-of-decision"]
        assert 0.5 == record.took

    def test_of_a_failure_has_the_error(self) -> None:
        """What went wrong, and no proposal."""
        record = Decider(Raises()).decision(DEEP).record()

        assert record is not None
        assert "Raises failed: ValueError: oh" == record.error
        assert record.proposed is None

    def test_that_can_not_be_made_stops_no_decision(self, caplog: Any) -> None:
        """There is none, and the failure is in the log."""
        decision = Decider(Duck(), memory=object()).decision(DEEP)  # type: ignore[arg-type]

        assert 1 == decision.result.up
        assert None is decision.record()
        assert ["record_failed"] == [one.event_dict["event"] for one in caplog.records]

    def test_stays_the_pipelines_when_another_result_is_put_in_its_place(self) -> None:
        """An operator's override isn't what the policy said."""
        decision = Decider("simple", {"min_workers": 2, "max_workers": 5}).decision(snapshot())
        overridden = evolve(decision, result=DecideResult.hold(DEEP, "paused"))

        assert overridden.result.held
        assert overridden.record() == decision.record()


class TestTheDecision:
    """What was decided, as a value."""

    def test_has_each_decorators_snapshot(self, offering: Any) -> None:
        """In their order, by name; what the policy saw is the last of them."""
        registry = offering(factors={"empty": lambda: emptied, "lost": lambda: lambda _: None})
        names = ["noop", "empty", "lost"]
        decorators = [Decorators(factors=[Decorator(name=name) for name in names[:length]]) for length in (2, 3)]
        seen, lost = (Decider("simple", decorators=one, registry=registry).decision(DEEP) for one in decorators)

        assert [("noop", 8), ("empty", 0)] == [(name, factors.waiting()) for name, factors in seen.steps]
        assert seen.decorated is seen.steps[-1][1]
        assert (None, 2) == (lost.decorated, len(lost.steps))

    def test_has_what_was_proposed_and_what_stands(self) -> None:
        """The guard's correction is between the two."""
        decision = Decider(Greedy()).decision(None)

        assert (None, True) == (decision.proposed, decision.result.held)
        decision = Decider(Greedy()).decision(DEEP)

        assert (9, 8) == (decision.proposed.up, decision.result.up)  # type: ignore[union-attr]

    def test_of_a_scaler_by_itself_has_its_result(self) -> None:
        """No arguments are known, and there is no record."""
        decision = SimpleAutoScaler(min_workers=2, max_workers=2).decision(DEEP)

        assert (DEEP, 1, {}, None) == (decision.factors, decision.result.up, decision.arguments, decision.record())


class Greedy(AutoScaler):
    """Wants more than anybody has."""

    def decide(self, _factors: Factors) -> DecideResult:
        return DecideResult(max_workers=9, actions=[ScaleUpAction(count=9)]).because("more!")


class Raises(AutoScaler):
    """Fails."""

    def decide(self, _factors: Factors) -> DecideResult:
        raise ValueError("oh")


def emptied(factors: Factors) -> Factors:
    """Nobody waits."""
    return factors.model_copy(update={"queue": {}})
