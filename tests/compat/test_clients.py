"""What existing clients do with the names: build, nest, subclass, compare, serialise, decide."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ConfigDict

from everai_autoscaler.builtin import BuiltinFactory, FreeWorkerAutoScaler, SimpleAutoScaler, is_builtin
from everai_autoscaler.builtin.decorator.arguments import ArgumentsFactory, TimeMatchDecorator
from everai_autoscaler.builtin.decorator.arguments import NoopDecorator as ArgumentsNoop
from everai_autoscaler.builtin.decorator.factors import AverageDecorator, FactorsFactory
from everai_autoscaler.builtin.decorator.factors import NoopDecorator as FactorsNoop
from everai_autoscaler.builtin.factory import Factory, Singleton
from everai_autoscaler.model import (
    ArgumentType,
    AutoScaler,
    BuiltinAutoScaler,
    DecideResult,
    Decorator,
    Decorators,
    Factors,
    Placeholder,
    QueueReason,
    ScaleDownAction,
    ScaleUpAction,
    Worker,
    WorkerStatus,
)

NOW = 1722222800
SHANGHAI = ZoneInfo("Asia/Shanghai")

BUILTINS = [SimpleAutoScaler, FreeWorkerAutoScaler]
THIRD = {SimpleAutoScaler: "max_queue_size", FreeWorkerAutoScaler: "min_free_workers"}


def worker(name: str, status: str, *, idle: int = 0, started_at: int = NOW - 1000) -> Worker:
    """A worker as an old sender describes it."""
    return Worker(
        worker_id=name,
        region="cn-east",
        started_at=started_at,
        last_service_time=NOW - idle,
        number_of_successes=3,
        number_of_failures=0,
        number_of_sessions=0,
        average_response_time=1.0,
        status=WorkerStatus(status),
    )


class ClientPlaceholder:
    """What the platform's client has: a callable with a kind, a name and a key."""

    def __init__(self, kind: str, name: str, key: str, value: str | None = None) -> None:
        self.kind, self.name, self.key, self._value = kind, name, key, value

    def __call__(self) -> str:
        """The value now; none is there while a manifest is made."""
        if self._value is None:
            raise LookupError(f"Working outside of a context: {self.kind} {self.name}/{self.key}")
        return self._value


# -- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaler", BUILTINS)
def test_the_arguments_of_a_builtin_are_five_in_their_order(scaler: Any) -> None:
    """A platform refuses names that it doesn't know; the newer argument isn't among them."""
    expected = {"min_workers": 1, "max_workers": 1, THIRD[scaler]: 1, "max_idle_time": 120, "scale_up_step": 1}

    assert list(expected.items()) == list(scaler().autoscaler_arguments().items())


@pytest.mark.parametrize("scaler", BUILTINS)
def test_the_constructor_takes_them_in_that_order(scaler: Any) -> None:
    """Clients pass them by position: the five, then the decorators."""
    decorators = Decorators(factors=[Decorator(name="average")])
    made = scaler(2, 9, 3, 60, 4, decorators)

    assert [2, 9, 3, 60, 4] == list(made.autoscaler_arguments().values())
    assert decorators == made.decorators
    assert scaler().decorators is None


@pytest.mark.parametrize("scaler", BUILTINS)
def test_a_newer_argument_is_only_a_keyword(scaler: Any) -> None:
    """Nothing comes after the decorators by position."""
    with pytest.raises(TypeError):
        scaler(1, 1, 1, 1, 1, None, 300)


@pytest.mark.parametrize("scaler", BUILTINS)
def test_a_newer_argument_is_told_when_it_was_set(scaler: Any) -> None:
    """Whoever sets ``start_timeout`` has a platform that knows it; it comes last."""
    arguments = scaler(start_timeout=300).autoscaler_arguments()

    assert 6 == len(arguments)
    assert ("start_timeout", 300) == list(arguments.items())[-1]


@pytest.mark.parametrize("scaler", BUILTINS)
def test_plain_arguments_are_ints(scaler: Any) -> None:
    """Text that means a whole number is one in the manifest."""
    arguments = scaler("2", "9", 3.0, "60", "4").autoscaler_arguments()

    assert [2, 9, 3, 60, 4] == list(arguments.values())
    assert {int} == {type(value) for value in arguments.values()}


@pytest.mark.parametrize("scaler", BUILTINS)
@pytest.mark.parametrize("name", ["min_workers", "max_workers", "max_idle_time", "scale_up_step", "third"])
def test_late_arguments_are_told_unread(scaler: Any, name: str) -> None:
    """The client serialises its own placeholders, which can't be read where the manifest is made."""
    name = THIRD[scaler] if name == "third" else name
    late = ClientPlaceholder("ConfigMap", "get-start-configmap", name)

    assert late is scaler(**{name: late}).autoscaler_arguments()[name]
    assert late is scaler.from_arguments({name: late}).autoscaler_arguments()[name]


@pytest.mark.parametrize("scaler", BUILTINS)
def test_from_arguments_reads_text(scaler: Any) -> None:
    """Services build scalers from text by keyword."""
    made = scaler.from_arguments({"min_workers": "2", "max_workers": "9", THIRD[scaler]: "3"})

    assert [2, 9, 3, 120, 1] == list(made.autoscaler_arguments().values())
    assert scaler is type(made)


@pytest.mark.parametrize(("scaler", "name"), [(SimpleAutoScaler, "simple"), (FreeWorkerAutoScaler, "free-worker")])
def test_the_names_in_a_manifest(scaler: Any, name: str) -> None:
    """Both names, and the only scheduler, are known without an instance."""
    assert (name, "queue") == (scaler.autoscaler_name(), scaler.scheduler_name())
    assert scaler is type(BuiltinFactory().create(name, {}))


# -- subclasses -------------------------------------------------------------------------------------------------------


class OldBuiltin(BuiltinAutoScaler):
    """A scaler as it was written for the predecessor: all of the abstract methods, each in the old way."""

    def __init__(self, size: ArgumentType = 2, decorators: Decorators | None = None) -> None:
        self.size, self.decorators = size, decorators

    @classmethod
    def scheduler_name(cls) -> str:
        return "queue"

    @classmethod
    def autoscaler_name(cls) -> str:
        return "old"

    def autoscaler_arguments(self) -> dict[str, ArgumentType]:
        return {"size": self.size}

    @staticmethod
    def from_arguments(arguments: Mapping[str, ArgumentType]) -> OldBuiltin:  # type: ignore[override]
        return OldBuiltin(int(arguments["size"]))  # type: ignore[arg-type]

    def decide(self, factors: Factors) -> DecideResult:
        size = self.size() if callable(self.size) else self.size
        missing = int(size) - len(factors.workers or [])
        actions = [ScaleUpAction(count=missing)] if missing > 0 else []
        return DecideResult(max_workers=int(size), actions=list(actions))


def test_an_old_subclass_that_overrides_everything_works() -> None:
    """What was written for the predecessor runs unchanged."""
    made = OldBuiltin.from_arguments({"size": "3"})

    assert (
        '{"max_workers":3,"actions":[{"count":2,"action":"ScaleUp"}]}'
        == made.decide(Factors(workers=[worker("a", "Free")])).json()
    )
    assert ("old", "queue", {"size": 3}) == (
        made.autoscaler_name(),
        made.scheduler_name(),
        made.autoscaler_arguments(),
    )
    assert not is_builtin(made)


def test_an_old_custom_scaler_works() -> None:
    """The smallest old form: ``decide`` and ``scheduler_name``, an ``__init__`` of its own."""

    class Custom(AutoScaler):
        def __init__(self, limit: int) -> None:
            self.limit = limit

        @classmethod
        def scheduler_name(cls) -> str:
            return "queue"

        def decide(self, factors: Factors) -> DecideResult:
            return DecideResult(max_workers=self.limit, actions=[])

    assert '{"max_workers":4,"actions":[]}' == Custom(4).decide(Factors()).json()
    assert not is_builtin(Custom(4))


def test_a_builtin_can_be_subclassed_with_a_constructor_of_its_own() -> None:
    """A subclass that fixes arguments and adds to the decision keeps its own values and its own class."""

    class Mine(SimpleAutoScaler):
        def __init__(self, most: ArgumentType) -> None:
            super().__init__(1, most, max_queue_size=0)
            self.asked = 0

        def decide(self, factors: Factors | None) -> DecideResult:
            self.asked += 1
            return super().decide(factors)

    factors = Factors(queue={QueueReason.QueueDueBusy: 1}, workers=[worker("a", "Busy")])
    plain, late = Mine(2), Mine(ClientPlaceholder("ConfigMap", "c", "most", "2"))

    assert [ScaleUpAction(count=1)] == plain.decide(factors).actions
    assert [ScaleUpAction(count=1)] == late.decide(factors).actions
    assert (1, 1) == (plain.asked, late.asked)
    assert not is_builtin(plain)


# -- models -----------------------------------------------------------------------------------------------------------


class Request(BaseModel):
    """What a client sends to a decision service."""

    factors: Factors
    name: str
    arguments: dict[str, str] | None = None
    decorators: Decorators | None = None


class Answer(DecideResult):
    """What a decision service adds to a decision."""

    arguments: dict[str, str] | None = None
    factors: Factors | None = None


def test_clients_nest_the_models() -> None:
    """A request that holds a snapshot and decorators makes the way over the wire and back."""
    sent = Request(
        factors=Factors(queue={QueueReason.QueueDueBusy: 3}, workers=[worker("a", "Busy")]),
        name="simple",
        arguments={"max_workers": "5"},
        decorators=Decorators(factors=[Decorator(name="noop")]),
    )
    received = Request.model_validate_json(sent.model_dump_json())

    assert sent == received
    assert json.loads(sent.model_dump_json())["factors"] == json.loads(sent.factors.json())
    assert "observed_at" not in sent.model_dump()["factors"]


def test_clients_subclass_the_result() -> None:
    """Fields of their own are written after the two, and read back."""
    answer = Answer(max_workers=1, actions=[ScaleDownAction(worker_id="a")], arguments={"a": "1"}, factors=Factors())

    assert ["max_workers", "actions", "arguments", "factors"] == list(json.loads(answer.json()))
    assert answer == Answer.model_validate_json(answer.json())


def test_clients_subclass_the_snapshot() -> None:
    """A field of a client's own is read, written and compared as the others are."""

    class Mine(Factors):
        temperature: int = 0

    made = Mine(queue={}, temperature=3)

    assert 3 == json.loads(made.json())["temperature"]
    assert made == Mine.model_validate_json(made.json())
    assert made != Mine(queue={}, temperature=4)
    assert [] == SimpleAutoScaler(min_workers=0).decide(made).actions


def test_clients_subclass_a_worker_that_may_change() -> None:
    """What a client sets on one of its workers doesn't show on the others."""

    class Mine(Worker):
        model_config = ConfigDict(frozen=False)

        colour: str

    one, other = (Mine(**worker(name, "Free").model_dump(), colour="red") for name in "ab")
    one.ready_at = 5.0

    assert 5.0 == json.loads(one.json())["ready_at"]
    assert "ready_at" not in json.loads(other.json())


def test_clients_compare_the_models() -> None:
    """Equal content is equal, in lists too."""
    assert worker("a", "Free") == worker("a", "Free")
    assert worker("a", "Free") != worker("b", "Free")
    assert [ScaleUpAction(count=1)] == DecideResult(max_workers=1, actions=[ScaleUpAction(count=1)]).actions
    assert Factors(workers=[worker("a", "Free")]) == Factors(workers=[worker("a", "Free")])
    assert Factors(workers=[worker("a", "Free")]) != Factors(workers=[])


def test_clients_build_a_result_from_plain_dicts() -> None:
    """A custom scaler may give its actions as dicts, and its numbers as text."""
    result = DecideResult(max_workers="3", actions=[{"count": 2, "action": "ScaleUp"}])  # type: ignore[arg-type, list-item]

    assert DecideResult(max_workers=3, actions=[ScaleUpAction(count=2)]) == result


def test_clients_hand_the_same_snapshot_to_several_scalers() -> None:
    """Deciding leaves the caller's snapshot as it was, the order of its workers included."""
    workers = [worker("a", "Free", idle=500, started_at=NOW - 10), worker("b", "Free", idle=500), worker("c", "Busy")]
    factors = Factors(queue={}, workers=workers, observed_at=NOW)
    before = factors.model_copy(deep=True)
    for scaler in BUILTINS:
        scaler(0, 1).decide(factors)

    assert before == factors
    assert ["a", "b", "c"] == [one.worker_id for one in factors.workers or []]


# -- factories --------------------------------------------------------------------------------------------------------


def test_the_factories_make_what_manifests_name() -> None:
    """Text arguments by name, for scalers and for both kinds of decorators."""
    assert isinstance(BuiltinFactory().create("simple", {"max_workers": "5"}), SimpleAutoScaler)
    assert isinstance(BuiltinFactory().create("free-worker", {"max_workers": "5"}), FreeWorkerAutoScaler)
    assert isinstance(FactorsFactory().create("average", {"used_histories": "3"}), AverageDecorator)
    assert isinstance(FactorsFactory().create("noop", {}), FactorsNoop)
    assert isinstance(ArgumentsFactory().create("time-match", {"timezone": "Asia/Shanghai"}), TimeMatchDecorator)
    assert isinstance(ArgumentsFactory().create("noop", {}), ArgumentsNoop)


def test_the_decorators_say_their_names() -> None:
    """Clients ask the classes."""
    assert ("average", "noop") == (AverageDecorator.name(), FactorsNoop.name())
    assert ("time-match", "noop") == (TimeMatchDecorator.name(), ArgumentsNoop.name())


@pytest.mark.parametrize("factory", [BuiltinFactory(), FactorsFactory(), ArgumentsFactory()])
def test_an_unknown_name_is_a_value_error(factory: Any) -> None:
    """Clients catch ``ValueError``, as the predecessor raises; the message says what there is."""
    with pytest.raises(ValueError, match=r"'nope' is not one of .*(noop|simple)"):
        factory.create("nope", {})


def test_the_builtin_factory_lists_both_names() -> None:
    """``elements`` has the names that can be created, and ``dump`` says them."""
    assert {"simple", "free-worker"} <= set(BuiltinFactory().elements)
    assert "free-worker" in BuiltinFactory().dump()


def test_a_client_makes_a_factory_of_its_own() -> None:
    """``Factory`` and ``Singleton`` serve a client's own things."""

    class Mine(Factory[int], metaclass=Singleton):
        pass

    Mine().register("two", lambda arguments: 2 + len(arguments))

    assert 3 == Mine().create("two", {"a": "1"})
    assert ["two"] == list(Mine().elements)


@pytest.mark.parametrize("name", ["simple", "free-worker"])
def test_late_values_that_contradict_each_other_are_no_outage(name: str) -> None:
    """The SDK calls ``create`` on every request: in the middle of a ConfigMap edit the maximum wins."""
    made = BuiltinFactory().create(name, {"min_workers": "7", "max_workers": "5"})

    assert [5, 5] == list(made.autoscaler_arguments().values())[:2]


@pytest.mark.parametrize("name", ["simple", "free-worker"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"max_workers": "abc"}, "max_workers.*'abc'"),
        ({"max_workers": "2.9"}, "max_workers.*'2.9'"),
        ({"scale_up_step": "0"}, "scale_up_step.*'0'"),
        ({"max_wrkers": "2"}, "max_wrkers.*max_workers"),
    ],
)
def test_what_cannot_be_read_is_refused(name: str, arguments: dict[str, str], told: str) -> None:
    """``create`` names the argument and what was given."""
    with pytest.raises(ValueError, match=told):
        BuiltinFactory().create(name, arguments)


@pytest.mark.parametrize("scaler", BUILTINS)
def test_literals_that_contradict_each_other_are_refused(scaler: Any) -> None:
    """A user's own constructor call gets the error at once."""
    with pytest.raises(ValueError, match="min_workers"):
        scaler(min_workers=7, max_workers=5)


# -- decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaler", BUILTINS)
@pytest.mark.parametrize("most", [4, "4", ClientPlaceholder("ConfigMap", "c", "max_workers", "4")])
def test_nothing_is_decided_on_nothing(scaler: Any, most: Any) -> None:
    """``decide(None)`` does nothing, and says ``max_workers``."""
    assert '{"max_workers":4,"actions":[]}' == scaler(max_workers=most).decide(None).json()


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
@pytest.mark.parametrize("scaler", BUILTINS)
def test_the_clients_own_placeholders_are_read_when_a_decision_is_made(scaler: Any, kind: str) -> None:
    """The user's own object decides with what the placeholder says now, and stays late."""
    late = ClientPlaceholder(kind, "get-start-configmap", "max_workers", "5")
    made = scaler(min_workers=1, max_workers=late)

    assert 5 == made.decide(Factors(workers=[])).max_workers
    late._value = "6"
    assert 6 == made.decide(Factors(workers=[])).max_workers
    assert late is made.max_workers


def test_any_callable_is_a_late_value() -> None:
    """A function that returns a number or text will do."""
    made = SimpleAutoScaler(max_workers=lambda: 3)

    assert 3 == made.decide(Factors(workers=[])).max_workers


def test_the_decorators_of_a_scaler_do_nothing_in_its_own_decide() -> None:
    """They belong to whoever runs the pipeline, as in the predecessor."""
    factors = Factors(queue={QueueReason.QueueDueBusy: 9}, workers=[worker("a", "Busy")])
    decorators = Decorators(factors=[Decorator(name="average", arguments={"used_histories": "5"})])

    assert (
        SimpleAutoScaler(1, 5, decorators=decorators).decide(factors).json()
        == SimpleAutoScaler(1, 5).decide(factors).json()
        == '{"max_workers":5,"actions":[{"count":1,"action":"ScaleUp"}]}'
    )


MANIFEST = """
{"scheduler": "queue",
 "builtin": {
  "name": "free-worker",
  "arguments": {
    "min_workers": {"valueFrom": {"configMapKeyRef": {"name": "get-start-configmap", "key": "min_workers"}}},
    "max_workers": {"value": "5"},
    "min_free_workers": 1,
    "max_idle_time": {"valueFrom": {"secretKeyRef": {"name": "idle", "key": "seconds"}}},
    "scale_up_step": "1"},
  "decorators": {
    "arguments": [{"name": "time-match", "arguments": {
        "timezone": {"value": "Asia/Shanghai"},
        "match(* 9-22 * * 1-5)": {"value": "weekday_day_"},
        "weekday_day_min_workers": {"value": "3"}}}],
    "factors": [{"name": "average", "arguments": {"used_histories": {"value": "3"}}}]}}}
"""


def as_clients_do(value: Any) -> Any:
    """A manifest's value as a client reads it: bare, ``value``, or a placeholder for ``valueFrom``."""
    if not isinstance(value, dict):
        return str(value)
    if "value" in value:
        return value["value"]
    [(ref, where)] = value["valueFrom"].items()
    return Placeholder(kind={"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}[ref], **where)


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A ConfigMap and a Secret as Kubernetes mounts them; the function changes a value of the ConfigMap."""
    for kind, name, key, value in [
        ("configmaps", "get-start-configmap", "min_workers", "1"),
        ("secrets", "idle", "seconds", "60\n"),
    ]:
        (tmp_path / kind / name).mkdir(parents=True)
        (tmp_path / kind / name / key).write_text(value)
        monkeypatch.setenv(f"EVERAI_AUTOSCALER_{kind.upper()}", str(tmp_path / kind))

    def change(key: str, value: str) -> None:
        (tmp_path / "configmaps" / "get-start-configmap" / key).write_text(value)

    return change


def decide_as_published(factors: Factors, when: datetime) -> DecideResult:
    """What the published manifest means, made with the factories."""
    builtin = json.loads(MANIFEST)["builtin"]
    listed = {
        kind: [
            {"name": one["name"], "arguments": {key: as_clients_do(value) for key, value in one["arguments"].items()}}
            for one in builtin["decorators"][kind]
        ]
        for kind in ("arguments", "factors")
    }
    decorators = Decorators.model_validate(listed)
    arguments: Mapping[str, Any] = {name: as_clients_do(value) for name, value in builtin["arguments"].items()}
    for one in decorators.arguments or []:
        arguments = ArgumentsFactory().create(one.name, one.arguments)(arguments, mock_now=when)
    decorated: Factors | None = factors
    for one in decorators.factors or []:
        assert decorated is not None
        decorated = FactorsFactory().create(one.name, one.arguments)(decorated)
    scaler: Any = BuiltinFactory().create(builtin["name"], arguments)
    result: DecideResult = scaler.decide(decorated)
    return result


def busy(count: int, **more: Any) -> Factors:
    """A snapshot with *count* busy workers and three histories like the present."""
    histories = {age: {WorkerStatus.Busy: count} for age in (20, 40, 60)}
    return Factors(
        queue={},
        queue_histories={20: {}, 40: {}, 60: {}},
        workers=[worker(f"w{number}", "Busy") for number in range(count)],
        worker={WorkerStatus.Busy: count},
        worker_histories=histories,
        observed_at=NOW,
        **more,
    )


@pytest.mark.usefixtures("mounted")
def test_the_published_manifest_by_day() -> None:
    """On a weekday at ten the minimum is the decorated one: two workers more than the one there is."""
    result = decide_as_published(busy(1), datetime(2024, 7, 29, 10, tzinfo=SHANGHAI))

    assert '{"max_workers":5,"actions":[{"count":2,"action":"ScaleUp"}]}' == result.json()


@pytest.mark.usefixtures("mounted")
def test_the_published_manifest_by_night() -> None:
    """At eleven in the evening the ConfigMap's minimum holds, and nobody is free: one worker more."""
    result = decide_as_published(busy(1), datetime(2024, 7, 29, 23, tzinfo=SHANGHAI))

    assert '{"max_workers":5,"actions":[{"count":1,"action":"ScaleUp"}]}' == result.json()


def test_the_published_manifest_follows_its_configmap(mounted: Callable[[str, str], None]) -> None:
    """The placeholder is read when the decision is made, so that an edit counts at once."""
    mounted("min_workers", "4")

    assert 3 == decide_as_published(busy(1), datetime(2024, 7, 29, 23, tzinfo=SHANGHAI)).up


@pytest.mark.usefixtures("mounted")
def test_the_published_manifest_removes_after_the_secrets_idle_time() -> None:
    """Sixty seconds without work and a spare beside it: the newest goes, the oldest stays."""
    factors = Factors(
        queue={},
        queue_histories={20: {}, 40: {}, 60: {}},
        workers=[
            worker("old", "Free", idle=60, started_at=NOW - 900),
            worker("new", "Free", idle=60, started_at=NOW - 300),
        ],
        worker={WorkerStatus.Free: 2},
        worker_histories={age: {WorkerStatus.Free: 2} for age in (20, 40, 60)},
        observed_at=NOW,
    )

    assert (
        '{"max_workers":5,"actions":[{"worker_id":"new","action":"ScaleDown"}]}'
        == decide_as_published(factors, datetime(2024, 7, 29, 23, tzinfo=SHANGHAI)).json()
    )
