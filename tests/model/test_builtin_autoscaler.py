"""Scalers that a platform can run by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import ArgumentType, BuiltinAutoScaler, DecideResult, Decorators, Factors, argument
from everai_autoscaler.testing.snapshots import snapshot


@attrs.define
class Backlog(BuiltinAutoScaler):
    """A scaler of today."""

    target: ArgumentType = argument(4, ge=1)
    max_workers: ArgumentType = argument(5, ge=0)
    patience: ArgumentType = argument(60, kw_only=True, newer=True)

    @classmethod
    def autoscaler_name(cls) -> str:
        """Its name."""
        return "backlog"

    def decide(self, factors: Factors) -> DecideResult:
        """Nothing."""
        return DecideResult.hold(factors, "not known")


class Old(BuiltinAutoScaler):
    """A scaler of the predecessor's time, which overrides everything."""

    def __init__(self, size: Any, decorators: Decorators | None = None) -> None:
        self.size, self.decorators = size, decorators

    @classmethod
    def scheduler_name(cls) -> str:
        """Its scheduler."""
        return "queue"

    @classmethod
    def autoscaler_name(cls) -> str:
        """Its name."""
        return "old"

    def autoscaler_arguments(self) -> dict[str, ArgumentType]:
        """Its arguments."""
        return {"size": self.size}

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, ArgumentType]) -> Old:
        """One of them."""
        return cls(int(arguments["size"]))  # type: ignore[arg-type]

    def decide(self, factors: Factors) -> DecideResult:
        """Nothing."""
        return DecideResult(max_workers=self.size, actions=[])


def test_arguments_for_a_manifest() -> None:
    """In order, plain ones typed, late ones unread; a newer one only when it was set."""

    def late() -> int:
        return pytest.fail("read")

    assert [("target", 4), ("max_workers", 9)] == list(Backlog(max_workers="9").autoscaler_arguments().items())
    assert late is Backlog(target=late).autoscaler_arguments()["target"]
    assert {"target": 4, "max_workers": 5, "patience": 30} == Backlog(patience=30).autoscaler_arguments()


def test_from_arguments() -> None:
    """Text is fitted, late values stay late, what isn't taken is refused."""

    def late() -> int:
        return pytest.fail("read")

    made = Backlog.from_arguments({"target": "2", "max_workers": late})

    assert (2, late, 60) == (made.target, made.max_workers, made.patience)
    with pytest.raises(ArgumentError, match="backlog: argument 'size' is not one of max_workers, patience, target"):
        Backlog.from_arguments({"size": "2"})


def test_a_subclass_makes_itself() -> None:
    """The predecessor made the base class."""

    class Mine(Backlog):
        """A user's own."""

    assert Mine is type(Mine.from_arguments({}))


def test_no_decorators_go_round_a_scaler_that_has_none() -> None:
    """The attribute is there."""
    assert Backlog().decorators is None


def test_old_subclasses_keep_working() -> None:
    """Those that override everything need nothing of the new."""
    old = Old.from_arguments({"size": "3"})

    assert 3 == old.decide(snapshot()).max_workers
    assert ({"size": 3}, "old", "queue") == (old.autoscaler_arguments(), old.autoscaler_name(), old.scheduler_name())
