"""Which scalers are builtin, asked in each way that clients ask."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from everai_autoscaler import builtin
from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.builtin.is_builtin import is_builtin
from everai_autoscaler.model import BuiltinAutoScaler, DecideResult

ASKED = pytest.mark.parametrize("ask", [is_builtin, builtin.is_builtin, builtin.is_builtin.is_builtin])


class Mine(SimpleAutoScaler):
    """A subclass of a builtin scaler."""


class LookAlike(BuiltinAutoScaler):
    """A scaler that uses a builtin's name."""

    @classmethod
    def autoscaler_name(cls):
        return "simple"

    def decide(self, factors):
        return DecideResult(max_workers=1, actions=[])


@ASKED
@pytest.mark.parametrize("scaler", [SimpleAutoScaler, FreeWorkerAutoScaler])
def test_the_builtin_scalers_are(ask, scaler):
    """Both builtin scalers are, whatever their arguments."""

    assert ask(scaler()) is True
    assert ask(scaler(max_workers=lambda: 5)) is True


@ASKED
@pytest.mark.parametrize(
    "other",
    [Mine(), LookAlike(), SimpleAutoScaler, "simple", None],
    ids=["subclass", "look-alike", "class", "name", "nothing"],
)
def test_others_are_not(ask, other):
    """A subclass, a look-alike with the name, the class itself, its name: none of them is."""

    assert ask(other) is False


def test_the_module_is_the_question():
    """``builtin.is_builtin`` is a module, for those who import from it, and can be called, for those who don't."""
    module = importlib.import_module("everai_autoscaler.builtin.is_builtin")

    assert isinstance(builtin.is_builtin, ModuleType)
    assert module is builtin.is_builtin
