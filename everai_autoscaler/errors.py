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

from collections.abc import Iterable
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
        near = get_close_matches(str(name), names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return cls(f"{kind} {name!r} is not one of {', '.join(names) or '(none)'}{hint}")


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
