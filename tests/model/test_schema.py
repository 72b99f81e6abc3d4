"""The schema of a scaler: which arguments it takes, and how a value is fitted."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import pytest
from policy import Policy

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Argument, Schema, argument, schema_of
from everai_autoscaler.model.binding import build, rebuilt

# -- fitting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "fitted"),
    [
        (int, 2, 2),
        (int, "2", 2),
        (int, "2.0", 2),
        (int, 2.0, 2),
        (float, "1.5", 1.5),
        (float, 2, 2.0),
        (str, "x", "x"),
        (bool, "true", True),
        (list[int], ["1"], [1]),
        (Any, object, object),
    ],
)
def test_what_fits(kind: Any, given: object, fitted: object) -> None:
    """Integral text is a whole number; what isn't lost may be converted."""
    found = Argument("x", kind).fit(given)

    assert fitted == found
    assert type(fitted) is type(found)


@pytest.mark.parametrize(
    ("kind", "given"),
    [(int, 2.9), (int, "2.9"), (int, "abc"), (int, None), (int, ""), (float, "nan"), (float, float("inf")), (str, 5)],
)
def test_what_does_not_fit(kind: Any, given: object) -> None:
    """2.9 isn't truncated; what is no number isn't one."""
    with pytest.raises(ArgumentError, match=r"^x: .* is not "):
        Argument("x", kind).fit(given)


@pytest.mark.parametrize(
    ("taken", "accepted"),
    [
        (Argument("x", int), "a whole number"),
        (Argument("x", int, ge=1), "a whole number of at least 1"),
        (Argument("x", float, gt=0), "a number above 0"),
        (Argument("x", float, gt=0, le=1), "a number above 0 and at most 1"),
        (Argument("x", int, ge=1, le=9), "a whole number of at least 1 and at most 9"),
        (Argument("x", float, le=1), "a number of at most 1"),
        (Argument("x", str), "text"),
        (Argument("x", bool), "true or false"),
        (Argument("x", dict), "a value of type dict"),
        (Argument("x", int | None), "a value of type int | None"),
    ],
)
def test_what_is_accepted_in_words(taken: Argument, accepted: str) -> None:
    """As an error says it."""
    assert accepted == taken.accepted


@pytest.mark.parametrize(
    ("bounds", "good", "bad"),
    [({"ge": 1}, [1, 2], [0]), ({"gt": 0}, [0.1], [0]), ({"le": 1}, [1], [1.1]), ({"gt": 0, "le": 1}, [1], [0, 2])],
)
def test_bounds(bounds: dict[str, float], good: list[float], bad: list[float]) -> None:
    """Kept by what fits; what breaks one is refused."""
    taken = Argument("x", float, **bounds)

    assert good == [taken.fit(value) for value in good]
    for value in bad:
        with pytest.raises(ArgumentError, match=f"x: {value} is not a number"):
            taken.fit(value)


def test_an_error_names_scaler_argument_value_source_and_what_is_accepted() -> None:
    """And nothing of the type's innards."""
    with pytest.raises(ArgumentError) as caught:
        Argument("step", int, ge=1).fit("abc", source="ConfigMap c/step", owner="simple")

    assert "simple: step: 'abc' from ConfigMap c/step is not a whole number of at least 1" == str(caught.value)


def test_a_literal_needs_no_source() -> None:
    """Whoever wrote it sees it."""
    with pytest.raises(ArgumentError, match=r"^step: 'abc' is not a whole number$"):
        Argument("step", int).fit("abc", source="literal")


def test_a_secret_that_does_not_fit_is_not_shown() -> None:
    """Neither in the words nor in the causes of the error."""
    with pytest.raises(ArgumentError) as caught:
        Argument("step", int).fit("hunter2", source="Secret s/k", secret=True)

    assert "step: (a secret) from Secret s/k is not a whole number" == str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def refuse_odd(value: int) -> None:
    """A check: even numbers only."""
    if value % 2:
        raise ArgumentError(f"{value} is odd")


def test_a_check_refuses_what_its_type_and_bounds_accept() -> None:
    """With its own words; what it doesn't refuse goes through."""
    even = Argument("pairs", int, ge=0, check=refuse_odd)

    assert 4 == even.fit("4")
    with pytest.raises(ArgumentError, match=r"^simple: pairs: '3' from ConfigMap c/p is refused: 3 is odd$"):
        even.fit("3", source="ConfigMap c/p", owner="simple")
    with pytest.raises(ArgumentError, match=r"^pairs: -1 is not a whole number of at least 0$"):
        even.fit(-1)


def test_a_check_does_not_show_a_secret() -> None:
    """Its words may hold the value."""
    with pytest.raises(ArgumentError, match=r"^pairs: \(a secret\) from Secret s/k is refused$"):
        Argument("pairs", int, check=refuse_odd).fit(3, source="Secret s/k", secret=True)


# -- a field with bounds ------------------------------------------------------------------------------------------


def test_a_plain_value_is_fitted_in_the_constructor() -> None:
    """And when it is set later."""
    policy = Policy(min_workers="2", max_workers="3.0", share="0.25")  # type: ignore[arg-type]
    policy.max_workers = "7"

    assert (2, 7, 0.25) == (policy.min_workers, policy.max_workers, policy.share)
    with pytest.raises(ArgumentError, match="share: 0 is not a number above 0 and at most 1"):
        policy.share = 0


def test_a_late_value_is_let_through_unread() -> None:
    """Any callable is one."""

    def late() -> int:
        return pytest.fail("read")

    assert late is Policy(max_workers=late).max_workers


def test_an_argument_without_a_default_is_required() -> None:
    """By the constructor, and by the schema."""

    @attrs.define
    class Needs:
        target: int = argument(ge=1)

    assert schema_of(Needs).arguments["target"].required
    with pytest.raises(TypeError, match="target"):
        Needs()
    with pytest.raises(ArgumentError, match="needs: target is missing: a whole number of at least 1"):
        build(Needs, {}, owner="needs")


def test_a_type_can_be_stated() -> None:
    """Where neither the annotation nor the default says it."""

    @attrs.define
    class Limited:
        limit: Any = argument(type=float)

    assert "1.5" != Limited("1.5").limit == 1.5


# -- schemas ------------------------------------------------------------------------------------------------------


def test_the_constructor_is_the_schema() -> None:
    """Names in order, types (of one that may be late: its default's), defaults, bounds, help; no decorators."""
    taken = schema_of(Policy).arguments

    assert ["min_workers", "max_workers", "share", "limit"] == list(taken)
    assert [int, int, float, int] == [one.type for one in taken.values()]
    assert [1, 5, 0.5, 600] == [one.default for one in taken.values()]
    assert ("the most", 0, True) == (taken["max_workers"].help, taken["min_workers"].ge, taken["limit"].newer)


def test_a_plain_attrs_field_is_an_argument() -> None:
    """Private ones under the name that the constructor takes, those that it doesn't take not at all."""

    @attrs.define
    class Plain:
        target: int | None = 4
        _hidden: str = "x"
        ready: bool = attrs.field(default=False, init=False)

    taken = schema_of(Plain).arguments

    assert ["target", "hidden"] == list(taken)
    assert [int | None, str] == [one.type for one in taken.values()]
    assert "x" == taken["hidden"].of(Plain())
    assert "y" == taken["hidden"].of(rebuilt(Plain(), {"hidden": "y"}))


def test_any_callable_has_a_schema() -> None:
    """Its signature; with ``**rules`` it takes any further names."""

    class Classic:
        def __init__(self, target: int, share: float = 0.5, *, decorators: object = None) -> None: ...

    def factory(target: int = 4, anything=None, **rules: str) -> None:  # type: ignore[no-untyped-def]
        ...

    classic, open_one = schema_of(Classic), schema_of(factory)

    assert [("target", int, True), ("share", float, False)] == [
        (one.name, one.type, one.required) for one in classic.arguments.values()
    ]
    assert not classic.open
    assert open_one.open
    assert [int, Any] == [one.type for one in open_one.arguments.values()]
    assert ["target"] == list(schema_of(functools.partial(Classic, share=1)).arguments)[:1]


def test_an_attrs_class_with_a_constructor_of_its_own() -> None:
    """What it takes is what that constructor takes."""

    @attrs.define
    class Own:
        total: int

        def __init__(self, half: int = 2) -> None:
            self.__attrs_init__(half * 2)  # type: ignore[attr-defined]

    assert ["half"] == list(schema_of(Own).arguments)
    assert 6 == build(Own, {"half": "3"}).total


def test_a_name_that_only_a_type_checker_imports() -> None:
    """Leaves the type to the default, or open."""

    @attrs.define
    class Distant:
        when: Elsewhere = None  # type: ignore[name-defined]  # noqa: F821
        step: int = 1

    assert [Any, int] == [one.type for one in schema_of(Distant).arguments.values()]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            {"max_worker": 1},
            "simple: argument 'max_worker' is not one of max_workers, min_workers; did you mean 'max_workers'",
        ),
        ({"max_workers": 1}, "simple: min_workers is missing: a whole number"),
    ],
)
def test_names_are_checked(names: dict[str, object], message: str) -> None:
    """One that isn't taken lists those that are; one that is needed is asked for."""
    schema = Schema({"min_workers": Argument("min_workers", int), "max_workers": Argument("max_workers", int, 1)})

    with pytest.raises(ArgumentError, match=f"^{message}"):
        schema.check_names(names, owner="simple")


def test_an_open_schema_takes_any_name() -> None:
    """As it is."""
    schema = Schema({"zone": Argument("zone", str, "UTC")}, open=True)
    schema.check_names({"match(* * * * *)": "x_"})

    assert {"zone": "UTC", "match(* * * * *)": 5} == schema.fit_each({"zone": "UTC", "match(* * * * *)": 5})


def test_an_argument_may_ask_for_workers() -> None:
    """As it states; the bounds that every scaler has ask by their names, whatever the factory is."""

    @attrs.define
    class Floor:
        """As many as are demanded."""

        workers: int = argument(1, asks=1)
        max_workers: int = argument(1)
        min_workers: int = argument(1, asks=0)
        step: int = argument(1)

    def factory(min_workers: int = 1, step: int = 1) -> None:
        """A factory without attrs."""

    assert {"workers": 1, "max_workers": -1, "min_workers": 0, "step": 0} == {
        name: one.asks for name, one in schema_of(Floor).arguments.items()
    }
    assert [1, 0] == [one.asks for one in schema_of(factory).arguments.values()]
