"""Secrets never reach a log, a record, a reason or an error."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest
from attrs import define

from everai_autoscaler.decision import Decider
from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import ArgumentError
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

SECRET = "tok-5e1f-zz91"
NUMBER = "471147"


@define
class Leaky(AutoScaler):
    """Does with its token what it shouldn't: shows it in reasons, errors and memory."""

    token: str = argument("none", type=str)
    limit: int = argument(3, ge=0)
    max_workers: int = argument(9, ge=0)
    fail: str = ""

    def decide_with_memory(self, factors: Factors, memory: Any) -> tuple[DecideResult, Any]:
        if self.fail:
            raise ValueError(f"no entry with {self.token}/{self.limit}")
        remembered = {self.token: [self.token, f"x{self.token}x", 3]}
        return self.decide(factors), remembered

    def decide(self, factors: Factors) -> DecideResult:
        return DecideResult(max_workers=9, actions=[]).because(f"token {self.token!r}, key_{self.token}, {self.limit}")


class Watch:
    """All that anybody gets to see of some decisions."""

    def __init__(self, caplog: Any) -> None:
        caplog.set_level(logging.DEBUG)
        self.caplog = caplog
        self.records: list[Record] = []
        self.texts: list[str] = []

    def decide(self, decider: Decider, factors: Factors | None = None) -> None:
        try:
            decision = decider.decision(factors or snapshot(waiting=3, busy=1))
        except ArgumentError as error:
            self.texts += [str(error), repr(error), *traceback.format_exception(error)]
            self.texts += [str(error.__cause__), str(error.__context__)]
        else:
            result, record = decision.result, decision.record()
            assert record is not None
            self.records.append(record)
            self.texts += [str(reason) for reason in result.reasons] + [repr(result), result.json(), repr(decision)]

    def shown(self) -> str:
        logged = [f"{one.getMessage()} {one.__dict__} {one.exc_info} {one.stack_info}" for one in self.caplog.records]
        return "\n".join([*self.texts, *logged, *(one.json() for one in self.records), *map(repr, self.records)])


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Watch:
    """All that anybody gets to see."""
    return Watch(caplog)


@pytest.fixture(params=["ours", "the client's"])
def secret(request: pytest.FixtureRequest, late: Any) -> Any:
    """Makes a Secret's placeholder, ours and the platform client's, and a dict to set what it says."""

    def make(value: object) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        if request.param == "ours":
            held: dict[str, Any] = {"value": value}

            def provide(_name: str, _key: str) -> Any:
                if isinstance(held["value"], Exception):
                    raise held["value"]
                return held["value"]

            return Placeholder(kind="Secret", name="s", key="k"), held, {"Secret": provide}
        own = late(value, kind="Secret", name="s", key="k")
        return own, own.__dict__, {}

    return make


class TestASecret:
    """Wherever it enters."""

    @pytest.mark.parametrize("fail", ["", "yes"])
    def test_as_a_scalers_argument(self, secret: Any, watch: Watch, offering: Any, fail: str) -> None:
        """In reasons, errors and memory of a policy that shows it, and in the arguments of the record."""
        token, _, providers = secret(SECRET)
        limit, _, more = secret(NUMBER)
        decider = Decider(
            "leaky",
            {"token": token, "limit": limit, "fail": fail},
            registry=offering(scalers={"leaky": Leaky}),
            providers=providers,
        )
        if not more:  # one provider has one value
            watch.decide(decider)
            watch.decide(decider)
        else:
            decider = Decider(
                "leaky",
                {"token": token, "fail": fail},
                registry=offering(scalers={"leaky": Leaky}),
                providers=providers,
            )
            watch.decide(decider)
            watch.decide(decider)

        assert SECRET not in watch.shown()
        assert NUMBER not in watch.shown()
        assert 2 == len(watch.records)
        assert ("***", True, "Secret s/k") == (
            watch.records[0].arguments["token"].value,
            watch.records[0].arguments["token"].redacted,
            watch.records[0].arguments["token"].source,
        )

    def test_as_a_number(self, secret: Any, watch: Watch) -> None:
        """Fitted, it is written in another way; that is hidden too."""
        limit, _, providers = secret(f"{NUMBER}.0")
        watch.decide(Decider("simple", {"max_queue_size": limit}, providers=providers))

        assert NUMBER not in watch.shown()
        assert watch.records[0].arguments["max_queue_size"].redacted

    def test_of_an_instance(self, secret: Any, watch: Watch) -> None:
        """A scaler object with a Secret among its arguments."""
        token, _, providers = secret(SECRET)
        watch.decide(Decider(Leaky(token=token), providers=providers))

        assert SECRET not in watch.shown()
        assert watch.records[0].arguments["token"].redacted

    @pytest.mark.parametrize("bad", ["", "after a good one"])
    def test_that_does_not_fit(self, secret: Any, watch: Watch, bad: str) -> None:
        """The error, the warning and the excuse in the record don't show what was given."""
        limit, held, providers = secret(NUMBER if bad else SECRET)
        decider = Decider("simple", {"max_queue_size": limit}, providers=providers)
        watch.decide(decider)
        held["value"] = SECRET
        watch.decide(decider)

        assert SECRET not in watch.shown()
        assert NUMBER not in watch.shown()
        assert "max_queue_size: (a secret) from Secret s/k is not a whole number of at least 0" in watch.shown()

    @pytest.mark.parametrize("good_before", [False, True])
    def test_whose_reader_fails_over_it(self, secret: Any, watch: Watch, good_before: bool) -> None:
        """A stranger's error may quote it: only its type is told."""
        limit, held, providers = secret(3)
        if providers:
            held["value"] = "3"
        decider = Decider("simple", {"max_queue_size": limit}, providers=providers)
        if good_before:
            watch.decide(decider)
        held["value"] = UnicodeError(f"can't decode {SECRET}")
        watch.decide(decider)

        assert SECRET not in watch.shown()
        assert "max_queue_size: Secret s/k can't be read: UnicodeError" in watch.shown()

    def test_as_a_decorators_argument(self, secret: Any, watch: Watch, offering: Any) -> None:
        """A decorator that fails shows it in its error, one that works may show it in what it gives."""

        def of_factors(key: str) -> Any:
            def decorator(_factors: Factors) -> Factors:
                raise LookupError(f"no {key}")

            return decorator

        def of_arguments(key: str) -> Any:
            return lambda arguments: {**arguments, "token": f"{key}"}

        key, _, providers = secret(SECRET)
        decorators = Decorators(
            arguments=[Decorator(name="mine", arguments={"key": key})],
            factors=[Decorator(name="mine", arguments={"key": key})],
        )
        registry = offering(scalers={"leaky": Leaky}, factors={"mine": of_factors}, arguments={"mine": of_arguments})
        decider = Decider("leaky", decorators=decorators, registry=registry, providers=providers)
        watch.decide(decider)
        watch.decide(
            Decider(
                "leaky",
                decorators=Decorators(arguments=decorators.arguments),
                registry=registry,
                providers=providers,
            )
        )

        assert SECRET not in watch.shown()
        assert ["mine failed: LookupError: no ***", None] == [record.error for record in watch.records]
        assert watch.records[1].decorators.arguments[0].arguments["key"].redacted
        assert watch.records[1].arguments["token"].redacted

    def test_that_a_decorators_factory_refuses(self, secret: Any, watch: Watch, offering: Any) -> None:
        """At first, and after one that it took."""

        def picky(key: str) -> Any:
            if key == SECRET:
                raise ValueError(f"bad key {key}")
            return lambda factors: factors

        key, held, providers = secret(SECRET)
        decider = Decider(
            "simple",
            decorators=Decorators(factors=[Decorator(name="picky", arguments={"key": key})]),
            registry=offering(factors={"picky": picky}),
            providers=providers,
        )
        watch.decide(decider)
        held["value"] = "another-secret"
        watch.decide(decider)
        held["value"] = SECRET
        watch.decide(decider)

        assert SECRET not in watch.shown()
        assert "another-secret" not in watch.shown()
        assert "picky can't be made: ValueError: bad key ***" in watch.shown()

    def test_that_the_constructor_refuses(self, secret: Any, watch: Watch, offering: Any) -> None:
        """The constructor's own words may quote it, at first and later."""

        @define
        class Picky(Leaky):
            def __attrs_post_init__(self) -> None:
                if self.token == SECRET:
                    raise ValueError(f"token {self.token} has expired")

        token, held, providers = secret(SECRET)
        decider = Decider(
            "picky",
            {"token": token},
            registry=offering(scalers={"picky": Picky}),
            providers=providers,
        )
        watch.decide(decider)
        held["value"] = "another-secret"
        watch.decide(decider)
        held["value"] = SECRET
        watch.decide(decider)

        assert SECRET not in watch.shown()
        assert "another-secret" not in watch.shown()
        assert "token *** has expired" in watch.shown()
        assert watch.records[-1].arguments["token"].redacted

    @pytest.mark.parametrize("beside", [False, True])
    def test_by_way_of_a_time_match_prefix(self, secret: Any, watch: Watch, beside: bool) -> None:
        """Among the scaler's arguments, or beside the rules."""
        limit, _, providers = secret(NUMBER)
        rules: dict[str, Any] = {"match(* * * * *)": "any_"}
        arguments: dict[str, Any] = {"max_queue_size": "2"}
        (rules if beside else arguments)["any_max_queue_size"] = limit
        decorators = Decorators(arguments=[Decorator(name="time-match", arguments=rules)])
        watch.decide(Decider("simple", arguments, decorators=decorators, providers=providers))

        assert NUMBER not in watch.shown()
        assert ("***", "time-match") == (
            watch.records[0].arguments["max_queue_size"].value,
            watch.records[0].arguments["max_queue_size"].source,
        )

    def test_that_a_decorator_returns_late(self, secret: Any, watch: Watch, offering: Any) -> None:
        """A placeholder that only a decorator knows."""
        token, _, providers = secret(SECRET)
        decider = Decider(
            "leaky",
            decorators=Decorators(arguments=[Decorator(name="vault")]),
            registry=offering(
                scalers={"leaky": Leaky}, arguments={"vault": lambda: lambda arguments: {**arguments, "token": token}}
            ),
            providers=providers,
        )
        watch.decide(decider)

        assert SECRET not in watch.shown()
        assert watch.records[0].arguments["token"].redacted

    def test_that_was_rotated_while_the_old_one_is_kept(self, secret: Any, watch: Watch, offering: Any) -> None:
        """What a decorator gave last holds the secret of then, which is still one."""
        answers = [lambda arguments: arguments, lambda _: 1 // 0]
        token, held, providers = secret(SECRET)
        decider = Decider(
            "leaky",
            {"token": token},
            decorators=Decorators(arguments=[Decorator(name="mine")]),
            registry=offering(
                scalers={"leaky": Leaky}, arguments={"mine": lambda: lambda arguments: answers[0](arguments)}
            ),
            providers=providers,
        )
        watch.decide(decider)
        answers.pop(0)
        for value in ("new-secret-1", "new-secret-2"):
            held["value"] = value
            watch.decide(decider)

        assert SECRET not in watch.shown()
        assert "new-secret" not in watch.shown()
        assert watch.records[-1].arguments["token"].redacted

    def test_that_contradicts_another_value(self, secret: Any, watch: Watch) -> None:
        """The warning doesn't show it."""
        least, _, providers = secret(NUMBER)
        watch.decide(Decider("simple", {"min_workers": least, "max_workers": 5}, providers=providers))

        assert NUMBER not in watch.shown()
        assert "min_workers *** is above max_workers 5: the maximum wins" in watch.shown()

    def test_as_the_maximum_is_in_the_answer_and_in_no_log(self, late: Any, watch: Watch) -> None:
        """A number that the answer must hold goes out in it; the log does without."""
        most = late(NUMBER, kind="Secret")
        result = Decider("simple", {"max_workers": most}).decide(snapshot())
        logged = "".join(str(one.__dict__) for one in watch.caplog.records)

        assert int(NUMBER) == result.max_workers
        assert NUMBER not in logged
        assert "'max_workers': '***'" in logged

    def test_in_the_error_of_a_record_that_can_not_be_made(self, late: Any, watch: Watch) -> None:
        """What has no JSON form may quote the secret in its error."""

        class Quotes:
            def __repr__(self) -> str:
                return f"app {SECRET}"

        decider = Decider(Leaky(token=late(SECRET, kind="Secret")), memory=Quotes())  # type: ignore[arg-type]

        assert None is decider.decision(snapshot()).record()
        assert SECRET not in watch.shown()
        assert "record_failed" in watch.shown()
        assert "input_value=app ***" in watch.shown()


def test_what_is_no_secret_is_shown(late: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A ConfigMap's value is in the reasons, so that they say something."""
    caplog.set_level(logging.INFO)
    result = Decider(Leaky(token=late("open"))).decide(snapshot())

    assert "token 'open', key_open, 3" == result.reasons[0].why


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("41", "41 of 410, w41, -41, 41", "*** of 410, w41, -***, ***"),
        ("abc", "abc key_abc abcd", "*** key_*** abcd"),
        ("longer-one", "xlonger-onex", "x***x"),
        ("ends-here\n", "it ends-here.", "it ***."),
        ("two  blanks\n", "'two  blanks'", "'***'"),
        ("two\nlines", "'two\\nlines' or two lines", "'***' or ***"),
        ("quo'te\"s", "a quo'te\"s b", "a *** b"),
        ("", "nothing", "nothing"),
        (7, "7 up", "*** up"),
    ],
)
def test_scrubbing(value: object, text: str, shown: str) -> None:
    """A short value where it stands alone, a long one anywhere, in the forms in which values are written."""
    secrets = Secrets()
    secrets.add(value)

    assert shown == secrets.scrub(text)


def test_of_two_secrets_the_longer_is_taken_out_first() -> None:
    """One that begins with another isn't left in halves."""
    secrets = Secrets()
    secrets.add("secret")
    secrets.add("secret-more")

    assert "***" == secrets.scrub("secret-more")
