"""Every error that this package raises on purpose.

.. code-block:: text

    AutoscalerError
    ├── ContractError       (ValueError)    a snapshot, result or record that can't be read
    ├── ArgumentError       (ValueError)    an argument that can't be read, or breaks its type or bound
    ├── UnknownNameError    (LookupError, ValueError)  a name that no plugin gave
    ├── PlaceholderError    (LookupError)   a placeholder whose value is nowhere to be found
    ├── PluginError         (RuntimeError)  a plugin that can't be used as it is
    │   └── DuplicateNameError              two plugins, one name
    ├── StateError          (RuntimeError)  a state directory or a port that can't be used, or is in use
    └── MissingExtraError   (ImportError)   an optional part that isn't installed

Each is one clear line: the thing, what was given, where it came from, and what is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

__all__ = [
    "ArgumentError",
    "AutoscalerError",
    "ContractError",
    "DuplicateNameError",
    "MissingExtraError",
    "PlaceholderError",
    "PluginError",
    "StateError",
    "UnknownNameError",
    "describe_error",
    "did_you_mean",
    "words_of",
]


class AutoscalerError(Exception):
    """Anything that this package raises on purpose."""


class ContractError(AutoscalerError, ValueError):
    """A snapshot, a result or a record that doesn't keep the contract; names the path to the field."""


class ArgumentError(AutoscalerError, ValueError):
    """An argument that can't be read, or breaks its own type or bound."""


class UnknownNameError(AutoscalerError, LookupError, ValueError):
    """A name that no plugin gave; says which names there are."""

    @classmethod
    def of(cls, kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
        """The error for *name*, with the *known* names and the nearest of them.

        >>> print(UnknownNameError.of("scaler", "simpel", ["simple", "free-worker"]))
        scaler 'simpel' is not one of free-worker, simple; did you mean 'simple'?
        """
        names = sorted(known)
        return cls(f"{kind} {name!r} is not one of {', '.join(names) or '(none)'}{did_you_mean(name, names)}")


class PlaceholderError(AutoscalerError, LookupError):
    """A placeholder whose value is nowhere to be found."""


class PluginError(AutoscalerError, RuntimeError):
    """A plugin that can't be used as it is; names the plugin and its distribution."""


class DuplicateNameError(PluginError):
    """Two plugins that offer one name; names both."""


class StateError(AutoscalerError, RuntimeError):
    """A state directory or a port that can't be used, or is in use; says which, and by whom where that is known."""


class MissingExtraError(AutoscalerError, ImportError):
    """An optional part that isn't installed; says the pip line that installs it."""


def describe_error(error: BaseException) -> str:
    r"""The kind of *error* and its words, in one line, whatever it is.

    >>> describe_error(ValueError("two\n  lines")), describe_error(ValueError())
    ('ValueError: two lines', 'ValueError')
    """
    kind, words = type(error).__name__, _words(error)
    return f"{kind}: {words}" if words else kind


def words_of(error: BaseException) -> str:
    r"""The words of *error*, in one line; its kind when it has none.

    >>> words_of(ValueError("two\n  lines")), words_of(ValueError())
    ('two lines', 'ValueError')
    """
    return _words(error) or type(error).__name__


def did_you_mean(name: object, known: Iterable[str], *, key: Callable[[str], str] = str) -> str:
    """The end of a sentence: asks whether the nearest of the *known* names was meant; empty when none is near.

    Args:
        name: what was given.
        known: the names that there are.
        key: makes of a name what is compared, ``str.casefold`` for one.

    >>> did_you_mean("simpel", ["simple", "free-worker"])
    "; did you mean 'simple'?"
    """
    compared = {key(one): one for one in known}
    near = get_close_matches(key(str(name)), compared, n=1)
    return f"; did you mean {compared[near[0]]!r}?" if near else ""


def _words(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an error that can't even say what it is
        return ""
