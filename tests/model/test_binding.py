"""Binding a scaler's late values, and building a scaler of its arguments."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from policy import ClientPlaceholder, Policy

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model.binding import bind, build, reconcile


@pytest.mark.parametrize(
    ("values", "lowest", "told"),
    [
        ({"min_workers": 7, "max_workers": 5}, 5, True),
        ({"min_workers": 5, "max_workers": 5}, 5, False),
        ({"min_workers": 7}, 7, False),
        ({"min_workers": 7, "max_workers": lambda: 5}, 7, False),
    ],
)
def test_the_maximum_wins(values: dict[str, Any], lowest: int, told: object) -> None:
    """Where both are known and contradict each other; the values given stay as they are."""
    before = dict(values)
    reconciled, warning = reconcile(values)

    assert lowest == reconciled["min_workers"]
    assert told is bool(warning)
    assert before == values


# -- bind ---------------------------------------------------------------------------------------------------------


def test_binding_reads_and_fits_each_late_value_once() -> None:
    """In a copy; the scaler itself stays late."""
    read_so_far: list[str] = []

    def most() -> str:
        read_so_far.append("most")
        return "7"

    policy = Policy(max_workers=most)
    bound = bind(policy)

    assert (7, 1) == (bound.max_workers, bound.min_workers)
    assert most is policy.max_workers
    assert ["most"] == read_so_far


def test_binding_what_is_not_late_changes_nothing() -> None:
    """It is the same object."""
    policy = Policy()

    assert policy is bind(policy)


def test_binding_does_not_ask_a_subclass_constructor() -> None:
    """Which may take other things."""

    class Mine(Policy):
        def __init__(self, most: Any, colour: str) -> None:
            super().__init__(max_workers=most)
            self.colour = colour

    bound = bind(Mine(lambda: "7", "red"))

    assert (7, "red", Mine) == (bound.max_workers, bound.colour, type(bound))


def test_a_late_value_that_does_not_fit_names_its_source() -> None:
    """The predecessor's error didn't name the argument."""
    policy = Policy(max_workers=ClientPlaceholder("ConfigMap", "c", "most", "abc"))

    with pytest.raises(ArgumentError) as caught:
        bind(policy)

    assert "Policy: max_workers: 'abc' from ConfigMap c/most is not a whole number of at least 0" == str(caught.value)


def test_late_values_that_contradict_each_other(caplog: pytest.LogCaptureFixture) -> None:
    """In the middle of a ConfigMap edit: the maximum wins, with a warning."""
    bound = bind(Policy(min_workers=lambda: "7", max_workers=lambda: "5"))

    assert (5, 5) == (bound.min_workers, bound.max_workers)
    assert [logging.WARNING] == [record.levelno for record in caplog.records]
    assert "min_workers 7 is above max_workers 5: the maximum wins" in caplog.text


# -- build --------------------------------------------------------------------------------------------------------


def test_building_fits_text_and_leaves_late_values_late() -> None:
    """Nothing given is all defaults."""

    def late() -> int:
        return pytest.fail("read")

    built = build(Policy, {"max_workers": "7", "limit": late})

    assert (1, 7, late) == (built.min_workers, built.max_workers, built.limit)
    assert Policy() == build(Policy, None)


def test_building_refuses_what_cannot_be_read() -> None:
    """An unknown name, and a value that doesn't fit."""
    with pytest.raises(ArgumentError, match="p: argument 'size' is not one of limit, max_workers, min_workers, share"):
        build(Policy, {"size": 1}, owner="p")
    with pytest.raises(ArgumentError, match=r"p: max_workers: '2\.9' is not a whole number of at least 0"):
        build(Policy, {"max_workers": "2.9"}, owner="p")


@pytest.mark.parametrize("arguments", [{"min_workers": "7"}, {"max_workers": 0}])
def test_building_lets_the_maximum_win(arguments: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Also against a default: what is refused here would be an outage at the platform."""
    built = build(Policy, arguments, owner="p")

    assert built.min_workers == built.max_workers
    assert "the maximum wins" in caplog.text
