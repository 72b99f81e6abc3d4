"""``noop`` of snapshots: leaves them as they are."""

from __future__ import annotations

import pytest

from everai_autoscaler.builtin.decorator.factors import NoopDecorator
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.testing.snapshots import snapshot


def test_it_changes_nothing() -> None:
    """The same object comes out."""
    factors = snapshot(waiting=3, busy=1)

    assert factors is NoopDecorator()(factors)


def test_it_takes_no_arguments() -> None:
    """One is an error that names it."""
    assert NoopDecorator() == NoopDecorator.from_arguments({})
    assert "noop" == NoopDecorator.name()
    with pytest.raises(ArgumentError, match="noop: argument 'x' is not one of"):
        NoopDecorator.from_arguments({"x": "1"})
