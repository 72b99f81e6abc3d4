"""Scalers among the arguments of a scaler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import define, field

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.decision import Decider, replay
from everai_autoscaler.errors import ArgumentError, ContractError, UnknownNameError
from everai_autoscaler.model import (
    AutoScaler,
    DecideResult,
    Decorator,
    Decorators,
    Factors,
    Placeholder,
    Record,
    argument,
)
from everai_autoscaler.testing import snapshot
from everai_autoscaler.wrapper import Cooldown, FirstValid, Max, Shadow

DEEP = snapshot(waiting=8, busy=1)


@define
class Told(AutoScaler):
    """Says how it was made."""

    most: int = 1
    word: str = "plain"
    made: list[int] = field(factory=list)

    def decide(self, factors: Factors) -> DecideResult:
        return DecideResult(max_workers=self.most, actions=[]).because(f"{self.most} {self.word}")


@define
class Listed(AutoScaler):
    """Asks each of a list."""

    inside: list[AutoScaler]
    spare: AutoScaler | None = None

    def decide(self, factors: Factors) -> DecideResult:
        kind = type(self.inside).__name__
        results = [one.decide(factors) for one in self.inside]
        return results[0].because(f"a {kind} of {len(results)}, spare {self.spare is not None}")


def told(decider: Decider, factors: Factors = DEEP) -> list[str]:
    return [reason.why for reason in decider.decide(factors).reasons]


@pytest.fixture
def registry(offering: Any) -> Any:
    """Told and Listed by their names."""
    return offering(scalers={"told": Told, "listed": Listed})


class TestByName:
    """Inside a scaler that is given by name, others are too."""

    def test_are_made_by_the_registry(self, registry: Any) -> None:
        """A mapping with a name and arguments is a scaler; so is an object beside it."""
        inside = [{"name": "told", "arguments": {"most": "3", "word": "named"}}, Told(4), {"name": "told"}]

        assert ["3 named", "a list of 3, spare False"] == told(Decider("listed", {"inside": inside}, registry=registry))
        assert "a list of 1, spare True" in told(
            Decider("listed", {"inside": [Told()], "spare": {"name": "told"}}, registry=registry)
        )

    def test_go_as_deep_as_one_likes(self) -> None:
        """Each level by name."""
        form: Any = {"name": "simple", "arguments": {"max_workers": 3, "scale_up_step": 9}}
        for _ in range(5):
            form = {"name": "cooldown", "arguments": {"scaler": form}}

        assert 2 == Decider("max", {"scalers": [form]}).decide(DEEP).up

    def test_may_be_made_by_any_factory(self, offering: Any, late: Any) -> None:
        """A function never meets a late value, neither as a default; what it doesn't name, it takes unread as given."""
        seen: list[Any] = []

        def make(most: int, word: str = lambda: "late default", **more: Any) -> AutoScaler:
            seen.append((most, word, more))
            return Told(most, word)

        registry = offering(scalers={"make": make, "listed": Listed})
        arguments = {"most": late("5"), "extra": late("x", key="x"), "other": 7}
        decider = Decider("listed", {"inside": [{"name": "make", "arguments": arguments}]}, registry=registry)

        assert "5 late default" == told(decider)[0]
        assert "5 late default" == told(decider)[0]
        assert [(5, "late default", {"extra": "x", "other": 7})] == seen

    @pytest.mark.parametrize(
        ("scalers", "error", "message"),
        [
            (
                [{"name": "simple"}, {"name": "simple", "arguments": {"max_workers": "abc"}}],
                ArgumentError,
                "max: scalers[1]: simple: max_workers: 'abc' is not a whole number of at least 0",
            ),
            ([{"name": "simple", "arguments": {"most": 1}}], ArgumentError, "max: scalers[0]: simple: argument 'most'"),
            ([{"name": "simple", "arguments": [1]}], ArgumentError, "max: scalers[0]: simple: [1] is not a mapping"),
            ([{"name": "simpel"}], UnknownNameError, "max: scalers[0]: scaler 'simpel' is not one of"),
            ([{"arguments": {}}], ArgumentError, "max: scalers[0]: {'arguments': {}} is not a scaler: its name is"),
            ([{"name": "cooldown"}], ArgumentError, "max: scalers[0]: cooldown: scaler is missing: a scaler"),
            (
                [{"name": "cooldown", "arguments": {"scaler": 3}}],
                ArgumentError,
                "max: scalers[0]: cooldown: scaler: 3 is not a scaler: an object that decides, or a mapping with name",
            ),
            (
                [{"name": "simple", "decorators": {"factors": []}}],
                ArgumentError,
                "max: scalers[0]: simple: decorators is not one of name, arguments; decorators go round the whole",
            ),
            (
                [SimpleAutoScaler(decorators=Decorators(factors=[Decorator(name="noop")]))],
                ArgumentError,
                "max: scalers[0]: SimpleAutoScaler has decorators: they go round the whole",
            ),
            ([SimpleAutoScaler], ArgumentError, "is not a scaler: an object that decides"),
            ([], ArgumentError, "max: scalers: [] is not a list of scalers, at least 1"),
            ("simple", ArgumentError, "max: scalers: 'simple' is not a list of scalers, at least 1"),
            ({"name": "simple"}, ArgumentError, "max: scalers: {'name': 'simple'} is not a list of scalers"),
            (
                [{"name": "simple", "arguments": {"min_workers": "x", "max_workers": 2}}],
                ArgumentError,
                "max: scalers[0]: simple: min_workers: 'x'",
            ),
        ],
    )
    def test_what_is_wrong_is_named_with_the_way_to_it(self, scalers: Any, error: Any, message: str) -> None:
        """Before the first decision."""
        with pytest.raises(error) as raised:
            Decider("max", {"scalers": scalers})

        assert message in str(raised.value)

    def test_a_factory_that_fails_or_gives_no_scaler(self, offering: Any) -> None:
        """Both are named, too."""

        def fails() -> AutoScaler:
            raise LookupError("no model")

        registry = offering(scalers={"fails": fails, "nothing": lambda: 3})
        for name, why in (("fails", "LookupError: no model"), ("nothing", "TypeError: its factory gave a int")):
            with pytest.raises(ArgumentError, match=rf"max: scalers\[0\]: {name} can't be made: {why}"):
                Decider("max", {"scalers": [{"name": name}]}, registry=registry)


class TestLateValues:
    """What is late inside makes the argument late."""

    def test_are_read_once_for_each_decision(self, late: Any) -> None:
        """Also several levels down, in objects and in what is given by name."""
        one, other = late("3"), late("5", key="m")
        scaler = Max([Cooldown(SimpleAutoScaler(max_workers=one)), FreeWorkerAutoScaler(max_workers=9)])
        named = {"scalers": [{"name": "cooldown", "arguments": {"scaler": {"name": "simple", "arguments": {
            "max_workers": other}}}}]}  # fmt: skip
        deciders = [Decider(scaler), Decider("max", named)]
        one.value, other.value = "4", "6"

        assert [4, 6] == [decider.decide(DEEP).max_workers for decider in deciders]
        assert [1, 1] == [one.reads, other.reads]
        assert one is scaler.scalers[0].scaler.max_workers

    def test_leave_the_scalers_that_they_do_not_concern(self, late: Any) -> None:
        """As long as what is read stays equal, the same object decides; the others stay when one changes."""
        most = late("3")
        decider = Decider(Listed([Told(most), Told(2, late("x", key="w"))]))
        seen = []
        for value in ("3", "3", "4"):
            most.value = value
            decider.decide(DEEP)
            seen.append(decider._binder._last.policy.inside)

        first, second, third = seen
        assert first[0] is second[0]
        assert first[1] is second[1]
        assert first[0] is not third[0]
        assert first[1] is third[1]
        assert 4 == third[0].most

    def test_keep_the_last_good_ones_together(self, late: Any) -> None:
        """One bad value keeps the whole argument as it was, with a word about the way to it."""
        most, idle = late("3"), late("60", key="idle")
        scalers = [
            {"name": "simple", "arguments": {"max_workers": most}},
            {"name": "free-worker", "arguments": {"max_workers": most, "max_idle_time": idle}},
        ]
        decider = Decider("max", {"scalers": scalers})
        first = decider.decision(DEEP)
        most.value, idle.value = "4", "soon"
        kept = decider.decision(DEEP)
        idle.value = "70"
        good = decider.decision(DEEP)

        assert (3, 4) == (kept.result.max_workers, good.result.max_workers)
        assert [None, None] == [decision.arguments["scalers"].kept for decision in (first, good)]
        assert (
            "max: scalers[1]: free-worker: max_idle_time: 'soon' from ConfigMap settings/idle is not a whole number of"
            " at least 0"
        ) == kept.arguments["scalers"].kept
        assert first.arguments["scalers"].value == kept.arguments["scalers"].value
        assert "ConfigMap settings/n, ConfigMap settings/idle" == first.arguments["scalers"].source

    def test_that_are_bad_at_first_are_an_error(self, late: Any) -> None:
        """Which names the way to it."""
        decider = Decider(Max([SimpleAutoScaler(), SimpleAutoScaler(max_workers=late(LookupError("gone")))]))

        with pytest.raises(
            ArgumentError, match=r"max: scalers\[1\]: simple: max_workers: ConfigMap settings/n can't be read: gone"
        ):
            decider.decide(DEEP)

    def test_that_contradict_each_other_are_reconciled(self, late: Any, caplog: pytest.LogCaptureFixture) -> None:
        """The maximum wins inside, too, and the warning says where."""
        Decider("max", {"scalers": [{"name": "simple", "arguments": {"min_workers": late("7")}}]}).decide(DEEP)

        assert "max: scalers[0]: simple: min_workers 7 is above max_workers 1: the maximum wins" in caplog.text

    def test_that_the_whole_refuses_keep_the_last_whole(self, offering: Any, late: Any) -> None:
        """A constructor that refuses what is inside leaves everything as it was, the record too."""

        @define
        class Picky(AutoScaler):
            inside: AutoScaler

            def __attrs_post_init__(self) -> None:
                if self.inside.most > 5:  # type: ignore[attr-defined]
                    raise ValueError("too many")

            def decide(self, factors: Factors) -> DecideResult:
                return self.inside.decide(factors)

        most = late("3")
        form = {"inside": {"name": "told", "arguments": {"most": most}}}
        registry = offering(scalers={"told": Told, "picky": Picky})
        decider = Decider("picky", form, registry=registry)
        decider.decide(DEEP)
        most.value = "9"

        decision = decider.decision(DEEP)
        inside: Any = decision.arguments["inside"]
        assert 3 == decision.result.max_workers
        assert 3 == inside.value["arguments"]["most"]
        assert "picky can't be made: ValueError: too many" == inside.kept

    def test_do_not_end_a_memory(self, late: Any) -> None:
        """A change of a ConfigMap leaves what is remembered."""
        step = late("1")
        decider = Decider(Cooldown(SimpleAutoScaler(max_workers=9, scale_up_step=step), up=60))
        first = decider.decide(snapshot(8, busy=1, observed_at=1000))
        step.value = "3"
        second = decider.decide(snapshot(8, busy=2, observed_at=1030))
        third = decider.decide(snapshot(8, busy=2, observed_at=1060))

        assert [1, 0, 3] == [first.up, second.up, third.up]

    def test_inside_a_scaler_that_can_be_called(self) -> None:
        """That is a scaler where one is meant, and no late value."""

        @define
        class Called(Told):
            def __call__(self) -> str:
                raise AssertionError

        assert 3 == Decider(FirstValid([Called(3)])).decide(DEEP).max_workers
        assert 3 == Decider(Cooldown(Called(3))).decide(DEEP).max_workers
        assert 3 == Decider("cooldown", {"scaler": Called(3)}).decide(DEEP).max_workers

    def test_of_other_kinds_stay_what_they_are(self) -> None:
        """A function that a scaler inside takes isn't read."""

        @define
        class Scores(AutoScaler):
            score: Callable[[Factors], int]

            def decide(self, factors: Factors) -> DecideResult:
                return DecideResult(max_workers=self.score(factors), actions=[])

        assert 8 == Decider(Max([Scores(lambda factors: factors.waiting() or 0)])).decide(DEEP).max_workers


class TestRecords:
    """What a record says of the scalers inside."""

    def recorded(self, decider: Decider, *seen: Factors) -> list[Record]:
        return [Record.from_json(decider.decision(factors).record().json()) for factors in seen]  # type: ignore[union-attr]

    @pytest.mark.parametrize("named", [True, False])
    def test_holds_the_values_used(self, late: Any, named: bool) -> None:
        """Name and arguments of each, also where an object was given; a replay reads nothing and comes to the same."""
        most = late("7")
        step = 3
        inside: Any = SimpleAutoScaler(max_workers=most, scale_up_step=step)
        if named:
            inside = {"name": "simple", "arguments": {"max_workers": most, "scale_up_step": step}}
        records = self.recorded(
            (Decider("cooldown", {"scaler": inside, "up": 60}) if named else Decider(Cooldown(inside, up=60))),
            snapshot(8, busy=1, observed_at=1000),
            snapshot(8, busy=4, observed_at=1030),
            snapshot(8, busy=4, observed_at=1060),
        )
        reads = most.reads

        assert ["cooldown"] * 3 == [record.scaler for record in records]
        assert {
            "name": "simple",
            "arguments": {
                "min_workers": 1,
                "max_workers": 7,
                "max_queue_size": 1,
                "max_idle_time": 120,
                "scale_up_step": 3,
                "start_timeout": 600,
            },
        } == records[0].arguments["scaler"].value
        assert [3, 0, 3] == [replay(record).outcome.actions[0]["count"] if record.result.actions else 0  # type: ignore[index,call-overload]
                             for record in records]  # fmt: skip
        assert [True] * 3 == [replay(record).same for record in records]
        assert reads == most.reads

    def test_hides_secrets_that_a_replay_needs(self, late: Any) -> None:
        """They are in no part of the record; given by the way to each, the replay is the same."""
        secret = late(" 41.0", kind="Secret", name="s", key="idle")
        most = {"max_workers": 9}
        form = {
            "scalers": [
                {"name": "simple", "arguments": most},
                {"name": "simple", "arguments": {**most, "max_idle_time": secret}},
            ]
        }
        (record,) = self.recorded(Decider("max", form), snapshot(free=2, busy=1, idle_for=500))
        hidden = record.arguments["scalers"].value[1]["arguments"]["max_idle_time"]  # type: ignore[index,call-overload]

        assert "at least *** s" in record.json()
        assert "41" not in record.json().replace(str(record.took), "")
        assert {"redacted": "Secret s/idle"} == hidden
        assert ["scalers[1].max_idle_time"] == record.secrets
        with pytest.raises(ContractError, match=r"record: scalers\[1\].max_idle_time \(Secret s/idle\) is a secret"):
            replay(record)
        again = replay(record, secrets={"scalers[1].max_idle_time": " 41.0"})
        assert again.same
        assert "at least *** s" in again.outcome.json()

    def test_says_of_a_bad_secret_inside_only_where_it_is(self, late: Any) -> None:
        """Neither the value nor what it was made into is shown."""
        decider = Decider(Max([SimpleAutoScaler(max_workers=late("hunter2", kind="Secret"))]))

        with pytest.raises(ArgumentError) as raised:
            decider.decide(DEEP)

        assert "hunter2" not in str(raised.value)
        assert "max: scalers[0]: simple: max_workers: (a secret) from Secret settings/n" in str(raised.value)

    def test_does_without_what_has_no_name_or_no_json(self) -> None:
        """A class that no plugin offers can't be made again; a replay has to be given it."""
        scaler = Max([SimpleAutoScaler(max_workers=4), Told(5)])
        (record,) = self.recorded(Decider(scaler), DEEP)

        assert {"redacted": "Told"} == record.arguments["scalers"].value[1]  # type: ignore[index,call-overload]
        with pytest.raises(ContractError, match=r"scalers\[1\] \(Told\)"):
            replay(record)
        assert replay(record, secrets={"scalers[1]": Told(5)}).same

    def test_does_without_a_value_that_has_no_json(self, registry: Any) -> None:
        """Only that value is left out."""
        form = {"inside": [{"name": "told", "arguments": {"made": [1], "word": "w"}}]}
        (record,) = self.recorded(Decider("listed", form, registry=registry), DEEP)
        odd = Decider(Listed([Told(2, made=[object()])]), registry=registry)  # type: ignore[list-item]
        inside: Any = odd.decision(DEEP).arguments["inside"].value

        assert replay(record, registry=registry).same
        assert {"most": 2, "word": "plain", "made": {"redacted": "literal"}} == inside[0]["arguments"]

    def test_with_other_arguments(self) -> None:
        """A replay may be given other scalers inside, by name."""
        form = {"scalers": [{"name": "simple", "arguments": {"max_workers": 4}}]}
        (record,) = self.recorded(Decider("max", form), DEEP)
        other = {"scalers": [{"name": "simple", "arguments": {"max_workers": 4, "scale_up_step": 2}}]}
        objects = {"scalers": [SimpleAutoScaler(max_workers=4, scale_up_step=3), {"name": "cooldown", "arguments": {
            "scaler": {"name": "free-worker", "arguments": {"max_workers": 4}}}}, {"name": "simple"}]}  # fmt: skip

        assert 2 == replay(record, arguments=other).outcome.actions[0]["count"]  # type: ignore[index,call-overload]
        assert 1 == replay(record, arguments=objects).outcome.max_workers
        assert 2 == replay(record, scaler="min", arguments=other).outcome.actions[0]["count"]  # type: ignore[index,call-overload]


def test_an_object_is_called_as_its_plugin_calls_it(registry: Any) -> None:
    """So its records can be replayed by that name."""
    record = Decider(Told(3), registry=registry).decision(DEEP).record()

    assert record is not None
    assert "told" == record.scaler
    assert replay(record, registry=registry).same


def test_a_scaler_of_plain_python_may_be_inside() -> None:
    """Nobody knows its arguments: it decides as it is."""

    class Plain(AutoScaler):
        def __init__(self, most: int) -> None:
            self.limit = most

        def decide(self, factors: Factors) -> DecideResult:
            return DecideResult(max_workers=self.limit, actions=[])

    assert 3 == Decider(Shadow(Plain(3), [Decider(Plain(4))])).decide(DEEP).max_workers


def test_a_default_that_is_a_scaler_is_the_constructors_to_make(offering: Any) -> None:
    """As any default that isn't plain."""

    @define
    class Defaults(AutoScaler):
        inside: AutoScaler = argument(Told(7), help="who decides")
        others: Sequence[AutoScaler] = argument((), help="who else")

        def decide(self, factors: Factors) -> DecideResult:
            return self.inside.decide(factors)

    registry = offering(scalers={"defaults": Defaults})

    assert 7 == Decider("defaults", registry=registry).decide(DEEP).max_workers
    assert 7 == Decider("max", {"scalers": [{"name": "defaults"}]}, registry=registry).decide(DEEP).max_workers
    assert 7 == Decider(Defaults(), registry=registry).decide(DEEP).max_workers


def test_a_placeholder_inside_is_read_by_the_deciders_provider() -> None:
    """In a file as in Python."""
    arguments = {"scaler": {"name": "simple", "arguments": {"max_workers": Placeholder(kind="ConfigMap", name="n")}}}
    decider = Decider("cooldown", arguments, providers={"ConfigMap": lambda name, key: "6"})

    assert 6 == decider.decide(DEEP).max_workers


class TestNames:
    """The names under which scalers inside a wrapper speak."""

    @pytest.mark.parametrize("factory", [Told, lambda most=3: Told(most)])
    @pytest.mark.parametrize("wrapper", ["max", "min", "first-valid"])
    def test_are_those_by_which_a_plugin_offers_them(self, offering: Any, factory: Any, wrapper: str) -> None:
        """A file names them so, and so do the reasons, in a replay too."""
        registry = offering(scalers={"told": factory})
        scalers = [{"name": "told"}, {"name": wrapper, "arguments": {"scalers": [{"name": "told"}]}}]
        decision = Decider(wrapper, {"scalers": scalers}, registry=registry).decision(DEEP)
        record = decision.record()

        assert record is not None
        assert "told" in {reason.who for reason in decision.result.reasons}
        assert "Told" not in " ".join(map(str, decision.result.reasons))
        assert replay(record, registry=registry).same

    def test_are_known_of_objects_too(self, offering: Any) -> None:
        """By their class; of one that no plugin offers it is the class's own."""
        decider = Decider(Max([Told(3), SimpleAutoScaler(max_workers=5)]), registry=offering(scalers={"told": Told}))
        unknown = Decider(Max([Told(3)]), registry=offering())

        assert ["told", "simple", "max"] == [reason.who for reason in decider.decide(DEEP).reasons]
        assert ["Told", "max"] == [reason.who for reason in unknown.decide(DEEP).reasons]

    def test_do_not_outlast_the_decision(self, offering: Any) -> None:
        """A bare scaler isn't asked in the pipeline's name."""
        scaler = Max([Told(3)])
        Decider(scaler, registry=offering(scalers={"told": Told})).decide(DEEP)

        assert ["Told", "max"] == [reason.who for reason in scaler.decide(DEEP).reasons]
