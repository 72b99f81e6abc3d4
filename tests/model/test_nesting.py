"""Arguments that are scalers: what they accept, and how what is late inside is read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal, Optional, Union

import attrs
import pytest

from everai_autoscaler import SimpleAutoScaler
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Argument, AutoScaler, DecideResult, Decorator, Decorators, argument, schema_of
from everai_autoscaler.model.binding import bind
from everai_autoscaler.model.schema import Nesting, is_late


@attrs.frozen
class Round(AutoScaler):
    """Holds scalers in every way."""

    scaler: AutoScaler = argument(help="one")
    many: Sequence[AutoScaler] = argument((), help="many")
    listed: list[AutoScaler] = argument((), help="a list")
    spare: AutoScaler | None = None
    limit: int = 3

    def decide(self, factors: Any) -> DecideResult:
        return DecideResult(max_workers=self.limit, actions=[])


INNER = SimpleAutoScaler(max_workers=2)


class Plain(AutoScaler):
    """Made of plain Python."""

    def __init__(self, most: Any) -> None:
        self.most = most

    def decide(self, factors: Any) -> DecideResult:
        return DecideResult(max_workers=1, actions=[])


@pytest.mark.parametrize(
    ("kind", "nesting"),
    [
        (AutoScaler, Nesting.ONE),
        (SimpleAutoScaler, Nesting.ONE),
        (AutoScaler | None, Nesting.ONE),
        (Optional[AutoScaler], Nesting.ONE),  # noqa: UP045 - as older code writes it
        (list[AutoScaler], Nesting.MANY),
        (tuple[AutoScaler, ...], Nesting.MANY),
        (Sequence[SimpleAutoScaler], Nesting.MANY),
        (list[AutoScaler] | None, Nesting.MANY),
        (Union[AutoScaler, list[AutoScaler]], None),  # noqa: UP007 - which of them, a file can't say
        (AutoScaler | int, None),
        (dict[str, AutoScaler], None),
        (list[int], None),
        (list, None),
        (int, None),
        (Any, None),
        (Literal[1], None),
        (Callable[[AutoScaler], int], None),
    ],
)
def test_types_that_hold_scalers(kind: Any, nesting: Nesting | None) -> None:
    """A scaler or several, also where there may be none; nothing else does."""
    assert nesting is Argument("a", kind).nesting


def test_the_annotation_says_it() -> None:
    """In the schema, and in the constructor where annotations are text."""
    found = {name: one.nesting for name, one in schema_of(Round).arguments.items()}

    assert {
        "scaler": Nesting.ONE,
        "many": Nesting.MANY,
        "listed": Nesting.MANY,
        "spare": Nesting.ONE,
        "limit": None,
    } == found


def test_sequences_are_kept_in_their_kind() -> None:
    """A tuple, but where a list is asked for."""
    made = Round(INNER, [INNER], (INNER,))  # type: ignore[arg-type]

    assert ((INNER,), [INNER]) == (made.many, made.listed)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scaler": 3}, "scaler: 3 is not a scaler"),
        ({"scaler": "simple"}, "scaler: 'simple' is not a scaler"),
        ({"scaler": None}, "scaler: None is not a scaler"),
        ({"scaler": [INNER]}, "is not a scaler"),
        ({"scaler": INNER, "many": INNER}, "is not a list of scalers"),
        ({"scaler": INNER, "many": [INNER, 3]}, r"many\[1\]: 3 is not a scaler"),
        (
            {"scaler": SimpleAutoScaler(decorators=Decorators(arguments=[Decorator(name="noop")]))},
            "scaler: SimpleAutoScaler has decorators: they go round the whole",
        ),
    ],
)
def test_what_is_no_scaler_is_refused_in_the_constructor(values: Any, message: str) -> None:
    """With the place, what was given and what is accepted."""
    with pytest.raises(ArgumentError, match=message):
        Round(**values)


def test_a_secret_that_is_no_scaler_is_not_shown() -> None:
    """Somebody put a secret where a scaler belongs; where it came from is said."""
    for kind in (AutoScaler, list[AutoScaler]):
        with pytest.raises(ArgumentError, match=r"^mine: a: \(a secret\) from Secret s/k is not a (list of )?scaler"):
            Argument("a", kind).fit("hunter2", source="Secret s/k", owner="mine", secret=True)


def test_empty_decorators_are_none() -> None:
    """They do nothing, wherever they are."""
    assert Round(SimpleAutoScaler(decorators=Decorators())).limit == 3


def test_so_many_are_needed() -> None:
    """A bound counts scalers."""
    needed = Argument("scalers", Sequence[AutoScaler], ge=2)

    assert (INNER, INNER) == needed.fit([INNER, INNER])
    with pytest.raises(ArgumentError, match=r"mine: scalers: \[\] is not a list of scalers, at least 2"):
        needed.fit([], owner="mine")


def test_nothing_goes_through_where_it_is_the_default() -> None:
    """An argument that may be left out may be given as nothing; another may not."""
    assert Argument("most", int, None, ge=1).fit(None) is None
    with pytest.raises(ArgumentError, match="most: None is not a whole number"):
        Argument("most", int, 3).fit(None)


def test_any_other_object_is_for_the_constructor_to_judge() -> None:
    """What isn't plain, and no scaler, goes through."""
    assert Argument("clock", Plain | complex).fit("x") == "x"


def test_lateness() -> None:
    """What can be called is late, but where such things are meant."""

    class Called(Plain):
        def __call__(self) -> None: ...

    assert is_late(None, int)
    assert is_late(Argument("a", int), lambda: 3)
    assert is_late(Argument("a", AutoScaler), lambda: 3)
    assert not is_late(Argument("a", AutoScaler), Called(3))
    assert not is_late(Argument("a", Callable[[], int]), lambda: 3)
    assert not is_late(Argument("a", Called), Called(3))
    assert not is_late(Argument("a", int), 3)


def test_binding_reaches_the_scalers_inside() -> None:
    """Wherever they are, and however deep; those in which nothing is late stay the same objects."""
    late = SimpleAutoScaler(max_workers=lambda: "4")
    scaler = Round(Round(late), [INNER, late], [late], late)  # type: ignore[arg-type]
    found: Any = bind(scaler)

    assert [4, 4, 4, 4] == [
        one.max_workers for one in (found.scaler.scaler, found.many[1], found.listed[0], found.spare)
    ]
    assert found.many[0] is INNER
    assert (tuple, list) == (type(found.many), type(found.listed))
    assert callable(late.max_workers)


def test_binding_what_is_late_nowhere_changes_nothing() -> None:
    """The very object comes back; what is made of plain Python is left alone."""
    scaler = Round(Round(INNER), [INNER, Plain(lambda: 3)])  # type: ignore[arg-type]

    assert bind(scaler) is scaler


def test_a_bad_value_inside_is_named_with_the_way_to_it() -> None:
    """From the outermost scaler on."""
    bad: Any = Round(INNER, [INNER, Round(SimpleAutoScaler(max_workers=lambda: "many"))])  # type: ignore[arg-type]

    with pytest.raises(
        ArgumentError,
        match=r"^Round: many\[1\]: Round: scaler: SimpleAutoScaler: max_workers: 'many' from callable .* is not",
    ):
        bind(bad)


def test_an_unreadable_value_inside_is_named_with_the_way_to_it() -> None:
    """It, too."""

    def gone() -> str:
        raise LookupError("no such key")

    with pytest.raises(ArgumentError, match=r"^Round: scaler: SimpleAutoScaler: max_workers: .* no such key$"):
        bind(Round(SimpleAutoScaler(max_workers=gone)))


def test_what_contradicts_itself_inside_is_reconciled(caplog: pytest.LogCaptureFixture) -> None:
    """The maximum wins, and the warning says where."""
    caplog.set_level(logging.WARNING)
    found: Any = bind(Round(SimpleAutoScaler(min_workers=lambda: 7, max_workers=2)))

    assert 2 == found.scaler.min_workers
    assert "Round: scaler: SimpleAutoScaler" in caplog.text
