"""What the noop decorator promises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from everai_autoscaler.builtin.decorator.arguments.noop import NoopDecorator
from everai_autoscaler.errors import ArgumentError


def test_is_called_noop():
    """A manifest calls it noop."""

    assert "noop" == NoopDecorator.name()


@pytest.mark.parametrize("given", [{}, None])
def test_is_made_without_arguments(given):
    """It is made from no arguments."""

    assert NoopDecorator() == NoopDecorator.from_arguments(given)


def test_refuses_arguments():
    """An argument that it would ignore is refused by name."""
    with pytest.raises(ArgumentError) as raised:
        NoopDecorator.from_arguments({"used_histories": "3"})

    assert "noop: argument 'used_histories' is not known; it takes no arguments" == str(raised.value)


def test_of_a_subclass_gives_the_subclass():
    """A subclass's from_arguments gives the subclass."""

    class Mine(NoopDecorator):
        pass

    assert Mine is type(Mine.from_arguments({}))


def test_changes_nothing():
    """Values come back as the very objects that went in, and in their order."""
    late = lambda: "5"
    arguments = {"min_workers": 1, "max_workers": late, "night_max_workers": "2"}
    actual = NoopDecorator()(arguments)

    assert list(arguments.items()) == list(actual.items())
    assert late is actual["max_workers"]


def test_has_the_call_form_of_its_siblings():
    """A moment may be given, and makes no difference."""
    actual = NoopDecorator()({"x": "1"}, datetime.now(UTC))

    assert {"x": "1"} == actual


def test_gives_a_copy():
    """Changing what comes out leaves the caller's mapping as it was."""
    arguments = {"x": "1"}
    NoopDecorator()(arguments)["x"] = "2"

    assert {"x": "1"} == arguments
