"""Binding: late values read once, decorated, fitted; the last good ones in the place of bad ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import Factory, define, field

from everai_autoscaler.builtin import SimpleAutoScaler
from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import (
    AutoScaler,
    DecideResult,
    Decision,
    Decorator,
    Decorators,
    Factors,
    Sourced,
    argument,
)
from everai_autoscaler.testing import snapshot

EMPTY = snapshot()


@define
class Told(AutoScaler):
    """Says the arguments that it was bound with."""

    min_workers: int = 0
    max_workers: int = 9
    share: float = 0.5
    word: str = "plain"

    def decide(self, factors: Factors) -> DecideResult:
        return DecideResult(max_workers=self.max_workers, actions=[]).because(f"{self!r}")


def bound(decider: Decider, factors: Factors = EMPTY) -> str:
    """The arguments that a decision was made with, in words."""
    return decider.decide(factors).reasons[0].why


class Recorder:
    """Remembers the last decision."""

    def __init__(self) -> None:
        self.last = Decision(factors=EMPTY, result=DecideResult.hold(EMPTY, "nothing is decided yet"))

    def decide(self, decider: Decider) -> DecideResult:
        """What *decider* decides."""
        self.last = decider.decision(EMPTY)
        return self.last.result

    def arguments(self, name: str) -> tuple[Any, str, str | None]:
        """The last decision's value, source and excuse of the argument *name*."""
        recorded = self.last.arguments[name]
        return recorded.value, recorded.source, recorded.kept


@pytest.fixture
def recorder() -> Recorder:
    """Remembers the last decision."""
    return Recorder()


def test_each_late_value_is_read_exactly_once_a_decision(late: Any) -> None:
    """Also beside decorators, also one that no rule uses now, also as an argument of a decorator."""
    values = {"min_workers": late("1"), "max_workers": late("5"), "night_max_workers": late("3")}
    beside, histories = late("4"), late("1")
    decorators = Decorators(
        arguments=[
            Decorator(name="time-match", arguments={"match(* 0-1 * * *)": "night_", "night_min_workers": beside}),
            Decorator(name="noop"),
        ],
        factors=[Decorator(name="average", arguments={"used_histories": histories})],
    )
    decider = Decider("simple", values, decorators=decorators)
    for _ in range(3):
        decider.decide(EMPTY)

    assert [3] * 5 == [one.reads for one in (*values.values(), beside, histories)]


def test_a_builtin_with_late_arguments_reads_each_once(late: Any) -> None:
    """The scaler's own reading is not done again where the Decider has read."""
    most = late("5")
    decider = Decider(SimpleAutoScaler(max_workers=most))
    decider.decide(EMPTY)
    decider.decide(EMPTY)

    assert 2 == most.reads


def test_values_are_fitted_to_their_types(late: Any) -> None:
    """Text becomes the number that the constructor's annotation asks for, late or not."""
    decider = Decider(Told(min_workers="2", max_workers=late("7.0"), share=late("1"), word=late("late")))

    assert "Told(min_workers=2, max_workers=7, share=1.0, word='late')" == bound(decider)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("abc", "simple: max_workers: 'abc' from ConfigMap settings/n is not a whole number of at least 0"),
        (2.9, "simple: max_workers: 2.9 from ConfigMap settings/n is not a whole number of at least 0"),
        ("-1", "simple: max_workers: '-1' from ConfigMap settings/n is not a whole number of at least 0"),
        (None, "simple: max_workers: ConfigMap settings/n gave nothing, not a number or text"),
        ([], "simple: max_workers: ConfigMap settings/n gave a list, not a number or text"),
        (LookupError("gone"), "simple: max_workers: ConfigMap settings/n can't be read: gone"),
    ],
)
class TestABadLateValue:
    """Unreadable, of the wrong type, or out of its bounds."""

    def test_first_is_an_error(self, late: Any, bad: object, why: str) -> None:
        """It names the argument, what was given, where it came from, and what would be accepted."""
        decider = Decider("simple", {"max_workers": late(bad)})

        with pytest.raises(ArgumentError) as raised:
            decider.decide(EMPTY)
        assert why == str(raised.value)

    def test_after_a_good_one_keeps_the_last_good_one(
        self, late: Any, recorder: Recorder, bad: object, why: str
    ) -> None:
        """The record has the value that was used, and why it wasn't the present one."""
        most = late("7")
        decider = Decider("simple", {"max_workers": most})
        recorder.decide(decider)
        good = recorder.arguments("max_workers")
        most.value = bad
        result = recorder.decide(decider)

        assert 7 == result.max_workers
        assert (7, "ConfigMap settings/n", None) == good
        assert (7, "ConfigMap settings/n", why) == recorder.arguments("max_workers")

    def test_is_forgotten_when_it_is_good_again(self, late: Any, recorder: Recorder, bad: object, why: str) -> None:
        """The next good value counts at once."""
        most = late("7")
        decider = Decider("simple", {"max_workers": most})
        for value in ("7", bad, "8"):
            most.value = value
            recorder.decide(decider)

        assert why
        assert (8, "ConfigMap settings/n", None) == recorder.arguments("max_workers")


def test_one_bad_value_keeps_only_itself(late: Any, recorder: Recorder) -> None:
    """The other arguments go on with their present values."""
    least, most = late(1), late(7)
    decider = Decider("simple", {"min_workers": least, "max_workers": most})
    recorder.decide(decider)
    least.value, most.value = "one", 8
    recorder.decide(decider)

    assert (1, 8) == (recorder.arguments("min_workers")[0], recorder.arguments("max_workers")[0])
    assert recorder.arguments("max_workers")[2] is None


def test_late_values_that_contradict_each_other_let_the_maximum_win(late: Any, recorder: Recorder) -> None:
    """In the middle of a ConfigMap edit the minimum may stand above the maximum; that is no bad value."""
    decider = Decider("simple", {"min_workers": late("7"), "max_workers": late("5")})
    result = recorder.decide(decider)

    assert (5, 5) == (result.up, result.max_workers)
    assert (5, "ConfigMap settings/n", None) == recorder.arguments("min_workers")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"max_worker": 5}, "did you mean 'max_workers'"),
        ({"max_workers": "abc"}, r"^simple: max_workers: 'abc' is not a whole number"),
        ({"scale_up_step": 0}, r"^simple: scale_up_step: 0 is not a whole number of at least 1"),
    ],
)
def test_a_plain_argument_that_is_wrong_is_an_error_at_once(arguments: Any, match: str) -> None:
    """What needs no reading is checked before the first decision."""
    with pytest.raises(ArgumentError, match=match):
        Decider("simple", arguments)


def test_an_argument_that_is_needed_and_missing_is_an_error_at_once(offering: Any) -> None:
    """It says what would be accepted."""

    @define
    class Needy(Told):
        target: int = field(kw_only=True)

    with pytest.raises(ArgumentError, match=r"^needy: target is missing: a whole number$"):
        Decider("needy", registry=offering(scalers={"needy": Needy}))


class TestThePolicy:
    """The object that is bound."""

    def test_says_that_it_is_gone_after_it_was_bad(self, late: Any, recorder: Recorder) -> None:
        """Of a late value that was bad and can't be read any more, it is said that it can't be read."""
        most = late("5")
        decider = Decider("simple", {"max_workers": most})
        for value in ("5", "abc", LookupError("gone")):
            most.value = value
            recorder.decide(decider)

        value, _, why = recorder.arguments("max_workers")
        assert (5, True, False) == (value, "gone" in why, "abc" in why)

    def test_is_kept_while_its_arguments_stay_equal(self, late: Any, offering: Any) -> None:
        """Equal values read anew are no change."""
        made = []

        @define
        class Counted(Told):
            def __attrs_post_init__(self) -> None:
                made.append(self.max_workers)

        most = late("5")
        decider = Decider("counted", {"max_workers": most}, registry=offering(scalers={"counted": Counted}))
        for value in ("5", "5", 5, "6", "abc", "6"):
            most.value = value
            decider.decide(EMPTY)

        assert [5, 6] == made

    def test_is_the_last_good_one_where_the_constructor_refuses_new_values(
        self, late: Any, offering: Any, recorder: Recorder
    ) -> None:
        """Values that fit one by one, but not together, are bad values: those that changed are kept."""

        @define
        class Even(Told):
            def __attrs_post_init__(self) -> None:
                if self.max_workers % 2:
                    raise RuntimeError(f"{self.max_workers} is odd")

        most = late(4)
        registry = offering(scalers={"even": Even})
        decider = Decider("even", {"max_workers": most}, registry=registry)
        recorder.decide(decider)
        most.value = 5

        assert 4 == recorder.decide(decider).max_workers
        assert (4, "ConfigMap settings/n", "even can't be made: RuntimeError: 5 is odd") == recorder.arguments(
            "max_workers"
        )
        assert recorder.arguments("min_workers")[2] is None

    def test_that_can_never_be_made_is_an_error(self, offering: Any) -> None:
        """Before the first decision, where nothing is late."""

        @define
        class Broken(Told):
            def __attrs_post_init__(self) -> None:
                raise ArgumentError("never")

        with pytest.raises(ArgumentError, match=r"^broken can't be made: never$"):
            Decider("broken", registry=offering(scalers={"broken": Broken}))

    @pytest.mark.parametrize("given", [None, 3])
    def test_is_a_scaler(self, offering: Any, given: object) -> None:
        """A factory that gives something else is an error that says so."""
        registry = offering(scalers={"odd": lambda: given})

        with pytest.raises(ArgumentError, match=f"its factory gave a {type(given).__name__}, not a scaler"):
            Decider("odd", registry=registry)

    def test_may_come_from_a_plain_function(self, offering: Any, late: Any) -> None:
        """The function's signature is the schema then."""

        def told(most: int = 3, *, word: str = "hello") -> Told:
            return Told(max_workers=most, word=word)

        decider = Decider("told", {"most": late("4")}, registry=offering(scalers={"told": told}))

        assert "Told(min_workers=0, max_workers=4, share=0.5, word='hello')" == bound(decider)

    def test_may_take_any_argument(self, offering: Any, late: Any, recorder: Recorder) -> None:
        """An open schema takes names that it doesn't list, Python's own words among them, as they are."""

        def free(most: int = 3, **rest: Any) -> Told:
            return Told(max_workers=most, word=f"{rest}")

        registry = offering(scalers={"free": free})
        arguments = {"most": "4", "lambda": late("x"), "class": 2}
        decider = Decider("free", arguments, registry=registry)

        assert "{'lambda': 'x', 'class': 2}" in recorder.decide(decider).reasons[0].why
        assert ("x", "ConfigMap settings/n", None) == recorder.arguments("lambda")

    def test_makes_its_own_defaults(self, offering: Any) -> None:
        """A default that the constructor makes anew each time, or that is late, is what it is in a plain call."""

        @define
        class Defaults(Told):
            names: list[str] = Factory(lambda: ["made"])
            pair: tuple[int, int] = (1, 2)
            late_one: int = argument(lambda: "3")

        assert "names=['made'], pair=(1, 2), late_one=3" in bound(
            Decider("defaults", registry=offering(scalers={"defaults": Defaults}))
        )

    def test_may_hold_functions_and_other_scalers(self, recorder: Recorder) -> None:
        """An argument whose type is a callable, or the value's own class, isn't late; a record does without it."""

        @define
        class Wraps(AutoScaler):
            inner: AutoScaler
            score: Callable[[Factors], int]
            most: int = 4

            def decide(self, factors: Factors) -> DecideResult:
                return self.inner.decide(factors).because(f"scored {self.score(factors)}")

        @define
        class Callable_(Told):  # noqa: N801 - a scaler that happens to be a callable
            def __call__(self) -> None:
                raise AssertionError

        decider = Decider(Wraps(Told(), lambda factors: factors.waiting() or 0))

        assert "scored 0" == recorder.decide(decider).reasons[-1].why
        assert "scored 0" == Decider(Wraps(Callable_(), lambda _: 0)).decide(EMPTY).reasons[-1].why
        assert recorder.last.arguments["inner"].redacted
        assert 4 == recorder.last.arguments["most"].value

    def test_with_a_negative_maximum_has_no_bound(self) -> None:
        """A stranger's word for "no limit" is no maximum, in a hold neither."""

        @define
        class Unlimited(AutoScaler):
            max_workers: int = -1

            def decide(self, factors: Factors) -> DecideResult:
                return DecideResult.hold(factors, "not known")

        assert 2 == Decider(Unlimited()).decide(snapshot(free=2)).max_workers


def swapping(kinds: Any, decorate: Any) -> Any:
    """A registry and decorators with one decorator of arguments."""
    return {
        "registry": kinds(arguments={"mine": lambda: decorate}),
        "decorators": Decorators(arguments=[Decorator(name="mine")]),
    }


class TestDecoratorsOfArguments:
    """What goes round the arguments."""

    def test_see_the_moment_of_the_snapshot(self, offering: Any) -> None:
        """Time travels inside the snapshot."""
        seen = []

        def look(arguments: Any, *, observed_at: float, accepted: Any) -> Any:
            seen.append((observed_at, list(accepted)))
            return arguments

        decider = Decider(Told(), **swapping(offering, look))
        decider.decide(snapshot(observed_at=1234.5))

        assert [(1234.5, ["min_workers", "max_workers", "share", "word"])] == seen

    def test_may_take_fewer_keyword_arguments(self, offering: Any) -> None:
        """One that takes nothing but the arguments is told nothing else."""
        decider = Decider(Told(), **swapping(offering, lambda arguments: {**arguments, "word": "new"}))

        assert "word='new'" in bound(decider)

    def test_without_a_snapshot_see_the_present(self, offering: Any) -> None:
        """Not 1970: the moment is that of a snapshot which comes without one."""
        seen = []

        def look(arguments: Any, *, observed_at: float) -> Any:
            seen.append(observed_at)
            return arguments

        Decider(Told(), **swapping(offering, look)).decide(None)  # type: ignore[arg-type]

        assert seen[0] > 1_700_000_000

    def test_are_named_as_the_source_of_what_they_choose(self, offering: Any, recorder: Recorder) -> None:
        """What they leave alone keeps its own source, what is nobody's has the default."""

        def choose(arguments: Any) -> Any:
            arguments["max_workers"] = "3"  # its own copy
            return arguments

        decider = Decider("simple", {"max_workers": 5, "max_queue_size": 2}, **swapping(offering, choose))
        recorder.decide(decider)

        assert (3, "mine", None) == recorder.arguments("max_workers")
        assert (2, "literal", None) == recorder.arguments("max_queue_size")
        assert (1, "default", None) == recorder.arguments("scale_up_step")

    def test_may_give_late_values(self, offering: Any, late: Any) -> None:
        """They are read once."""
        word = late("read")
        decider = Decider(Told(), **swapping(offering, lambda arguments: {**arguments, "word": word}))

        assert "word='read'" in bound(decider)
        assert 1 == word.reads

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (None, "gave a NoneType, not arguments"),
            ([("max_workers", 1)], "gave a list, not arguments"),
            ({"max_worker": 1}, "did you mean 'max_workers'"),
            (ZeroDivisionError("oh"), "failed: ZeroDivisionError: oh"),
            ({"max_workers": lambda: None}, "gave nothing, not a number or text"),
        ],
    )
    def test_that_fail_keep_the_last_good_arguments(
        self, offering: Any, recorder: Recorder, answer: Any, why: str
    ) -> None:
        """None, nonsense, an unknown name, an error, a value that can't be read: at first an error, later contained."""
        answers: list[Any] = [answer]

        def choose(_arguments: Any) -> Any:
            if isinstance(answers[-1], Exception):
                raise answers[-1]
            return answers[-1]

        decider = Decider("simple", {"max_workers": 5}, **swapping(offering, choose))
        with pytest.raises(ArgumentError) as raised:
            recorder.decide(decider)
        answers.append({"max_workers": "4"})
        recorder.decide(decider)
        answers.append(answer)
        result = recorder.decide(decider)

        assert str(raised.value).startswith("simple: mine failed")
        assert why in str(raised.value)
        assert 4 == result.max_workers
        assert (4, "mine") == recorder.arguments("max_workers")[:2]
        assert why in recorder.arguments("max_workers")[2]  # type: ignore[operator]

    def test_that_fail_leave_their_own_arguments_alone(self, offering: Any) -> None:
        """What a decorator was made with isn't kept when it is the decorator that fails."""
        answers: list[Any] = [{"max_workers": 4}]
        registry = offering(arguments={"mine": lambda by="1": lambda arguments: dict(answers[-1])})
        decorators = Decorators(arguments=[Decorator(name="mine", arguments={"by": "2"})])
        decider = Decider("simple", decorators=decorators, registry=registry)
        decider.decide(EMPTY)
        answers.append(None)
        record = decider.decision(EMPTY).record()

        assert record is not None
        assert record.decorators.arguments[0].arguments["by"].kept is None
        assert record.arguments["max_workers"].kept

    def test_may_leave_names_to_the_next(self, offering: Any) -> None:
        """Only what the last one gives must be what the scaler takes."""
        registry = offering(
            arguments={
                "first": lambda: lambda arguments: {"most": "6"},
                "second": lambda: lambda arguments: {"max_workers": arguments["most"]},
            }
        )
        decorators = Decorators(arguments=[Decorator(name="first"), Decorator(name="second")])

        assert 6 == Decider("simple", decorators=decorators, registry=registry).decide(EMPTY).max_workers

    def test_choose_by_the_time_of_the_snapshot(self) -> None:
        """time-match through the pipeline: by day more than by night."""
        decorators = Decorators(
            arguments=[
                Decorator(name="time-match", arguments={"match(* 9-17 * * *)": "day_", "day_max_workers": "50"}),
            ]
        )
        decider = Decider("simple", {"max_workers": "5"}, decorators=decorators)
        by_hour = [decider.decide(snapshot(observed_at=3600.0 * hour)).max_workers for hour in (3, 12, 21)]

        assert [5, 50, 5] == by_hour

    def test_can_hand_on_a_value_that_was_kept(self, late: Any, recorder: Recorder) -> None:
        """A prefixed late value that turns bad is kept as any other."""
        most = late("50")
        decorators = Decorators(arguments=[Decorator(name="time-match", arguments={"match(* * * * *)": "any_"})])
        arguments = {"max_workers": "5", "any_max_workers": most}
        decider = Decider("simple", arguments, decorators=decorators)
        recorder.decide(decider)
        most.value = LookupError("gone")

        assert 50 == recorder.decide(decider).max_workers
        assert "gone" in (recorder.arguments("max_workers")[2] or "")


class TestAValueThatSaysWhereItComesFrom:
    """A reader gives a ``Sourced``."""

    def test_the_record_has_its_source(self, late: Any, recorder: Recorder) -> None:
        """In the place of the placeholder's, as long as the value says one; the value is plain text or a number."""
        most = late(Sourced("7", source="tuned 12:35"))
        decider = Decider("simple", {"max_workers": most})
        recorder.decide(decider)
        tuned = recorder.arguments("max_workers")
        most.value = "8"
        recorder.decide(decider)

        assert (7, "tuned 12:35", None) == tuned
        assert (8, "ConfigMap settings/n", None) == recorder.arguments("max_workers")

    def test_is_plain_text_to_the_policy(self, late: Any, recorder: Recorder) -> None:
        """A policy that keeps its arguments keeps no more than text, and stays the same object for the same text."""
        word = late(Sourced("one", source="tuned 12:35"))
        decider = Decider(Told(word=word))
        recorder.decide(decider)
        first = recorder.last.bound.policy  # type: ignore[attr-defined]
        word.value = Sourced("one", source="tuned 12:40")
        recorder.decide(decider)

        assert str is type(first.word)
        assert first is recorder.last.bound.policy  # type: ignore[attr-defined]
        assert ("one", "tuned 12:40", None) == recorder.arguments("word")

    @pytest.mark.parametrize("bad", [LookupError("gone"), Sourced("abc", source="tuned 12:40")])
    def test_the_last_good_one_keeps_its_source(self, late: Any, recorder: Recorder, bad: object) -> None:
        """Whether the next can't be read or doesn't fit: the record says where the value that was used came from."""
        most = late(Sourced("7", source="tuned 12:35"))
        decider = Decider("simple", {"max_workers": most})
        recorder.decide(decider)
        most.value = bad
        recorder.decide(decider)

        assert (7, "tuned 12:35") == recorder.arguments("max_workers")[:2]
        assert recorder.arguments("max_workers")[2] is not None

    def test_a_value_that_does_not_fit_says_it(self, late: Any) -> None:
        """The message has the source of the value, not the place where it was read."""
        decider = Decider("simple", {"max_workers": late(Sourced("abc", source="tuned 12:35"))})

        with pytest.raises(ArgumentError, match="'abc' from tuned 12:35 is not a whole number"):
            decider.decide(EMPTY)

    def test_of_a_scaler_inside(self, late: Any, recorder: Recorder) -> None:
        """The argument that holds the scaler has the sources of what was read in it."""
        most = late(Sourced("7", source="tuned 12:35"))
        inside = {"name": "simple", "arguments": {"max_workers": most}}
        decider = Decider("max", {"scalers": [inside]})
        recorder.decide(decider)
        tuned = recorder.arguments("scalers")
        most.value = "8"
        recorder.decide(decider)

        assert "tuned 12:35" == tuned[1]
        assert 7 == tuned[0][0]["arguments"]["max_workers"]
        assert "ConfigMap settings/n" == recorder.arguments("scalers")[1]
