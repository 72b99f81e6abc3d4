"""The error tree: every error is ours, and also what its callers caught before."""

from __future__ import annotations

import re

import pytest

from everai_autoscaler import errors
from everai_autoscaler.errors import AutoscalerError, UnknownNameError, describe_error, did_you_mean, words_of

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

    assert sorted([*TREE, "AutoscalerError"]) == sorted(drawn) == sorted(x for x in errors.__all__ if x[0].isupper())


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


class Speechless(Exception):  # noqa: N818 - it is one
    """An error that can't say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


ERRORS = [(ValueError("two\n  lines"), "ValueError", "two lines"), (ValueError(), "ValueError", "")]
ERRORS += [(Speechless(), "Speechless", "")]


@pytest.mark.parametrize(("error", "kind", "words"), ERRORS)
def test_any_error_is_described_in_one_line(error: Exception, kind: str, words: str) -> None:
    """Also one without words, and one whose words fail."""

    assert (f"{kind}: {words}" if words else kind) == describe_error(error)


@pytest.mark.parametrize(("error", "kind", "words"), ERRORS)
def test_the_words_of_an_error_are_one_line(error: Exception, kind: str, words: str) -> None:
    """An error without words gives its kind."""

    assert (words or kind) == words_of(error)


def test_the_nearest_name_is_offered() -> None:
    """A name that is nearly right is followed by the right one."""

    assert "; did you mean 'simple'?" == did_you_mean("simpel", ["free-worker", "simple"])


def test_a_name_like_no_other_has_no_offer() -> None:
    """Where no known name is near, nothing is asked."""

    assert not did_you_mean("zzz", ["simple"])


def test_names_are_compared_by_their_key() -> None:
    """The key decides what is near; the name itself is what is offered."""

    assert "; did you mean 'Europe/Berlin'?" == did_you_mean("EUROPE/BERLN", ["Europe/Berlin"], key=str.casefold)
