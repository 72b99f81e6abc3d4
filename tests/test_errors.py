"""The error tree: every error is ours, and also what its callers caught before."""

from __future__ import annotations

import re

import pytest

from everai_autoscaler import errors
from everai_autoscaler.errors import AutoscalerError, UnknownNameError

TREE = {
    "ContractError": (AutoscalerError, ValueError),
    "ArgumentError": (AutoscalerError, ValueError),
    "UnknownNameError": (AutoscalerError, LookupError, ValueError),
    "PlaceholderError": (AutoscalerError, LookupError),
    "PluginError": (AutoscalerError, RuntimeError),
    "DuplicateNameError": (errors.PluginError,),
    "StateError": (AutoscalerError, RuntimeError),
    "MissingExtraError": (AutoscalerError, ImportError),
}


@pytest.mark.parametrize(("name", "bases"), TREE.items())
def test_each_error_is_ours_and_a_fitting_builtin(name: str, bases: tuple[type, ...]) -> None:
    """``except AutoscalerError`` catches all of them, ``except ValueError`` what is wrong with a value."""
    assert bases == getattr(errors, name).__bases__


def test_the_tree_is_drawn_whole() -> None:
    """Every error of the module, and no other, stands in its docstring and in ``__all__``."""
    drawn = re.findall(r"(?:├──|└──|^ {4})\s?(\w+Error)", errors.__doc__ or "", flags=re.MULTILINE)

    assert sorted([*TREE, "AutoscalerError"]) == sorted(drawn) == sorted(errors.__all__)


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        (
            "simpel",
            ["simple", "free-worker"],
            "scaler 'simpel' is not one of free-worker, simple; did you mean 'simple'?",
        ),
        ("zzz", ["simple"], "scaler 'zzz' is not one of simple"),
        ("simple", [], "scaler 'simple' is not one of (none)"),
        (5, ["simple"], "scaler 5 is not one of simple"),
    ],
)
def test_an_unknown_name_says_which_there_are(name: object, known: list[str], message: str) -> None:
    """In order, and the nearest of them."""
    error = UnknownNameError.of("scaler", name, iter(known))

    assert message == str(error)
    assert isinstance(error, UnknownNameError)
