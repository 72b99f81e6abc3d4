"""Late values: what is read when a decision is made, and where a value comes from.

A *late* value is any callable; a ``Placeholder`` is one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Self, TypeAlias

import attrs

from everai_autoscaler.errors import ArgumentError, AutoscalerError, PlaceholderError, words_of

__all__ = ["READERS", "ArgumentType", "Placeholder", "Sourced", "is_secret", "read", "reader", "source_of"]

READERS = "everai_autoscaler.reader"
"""The group of entry points in which the package names the function that reads placeholders outside any Decider."""

ArgumentType: TypeAlias = int | float | str | Callable[[], int | float | str]
"""A number, text, or a callable that returns one when a decision is made."""


@attrs.frozen(kw_only=True)
class Placeholder:
    """An argument whose value is read at decision time.

    Args:
        kind: ``ConfigMap``, ``Secret``, ``Env``, ``File``, ``Tuned``, or a kind that a plugin gives.
        name: which one: of a ConfigMap its name, of a variable the variable, of a file its path.
        key: the entry in it; a variable has none, and a file may have none.

    >>> print(Placeholder(kind="ConfigMap", name="get-start-configmap", key="max_workers"))
    ConfigMap get-start-configmap/max_workers
    """

    kind: str
    name: str
    key: str = ""

    def __call__(self) -> str:
        """The value now.

        Raises:
            PlaceholderError: there is no such value, or no plugin offers this kind.
        """
        return reader.get()(self)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}/{self.key}" if self.key else f"{self.kind} {self.name}"


class Sourced(str):
    """A value that says where it comes from: a reader gives it where the placeholder alone doesn't say enough.

    The record of the decision then has this *source* for the argument, in the place of the placeholder's.

    >>> value = Sourced("5", source="tuned 12:35 on 24 h of traffic: rule 17")
    >>> int(value), value.source
    (5, 'tuned 12:35 on 24 h of traffic: rule 17')
    """

    __slots__ = ("source",)

    source: str
    """Where it comes from, in words."""

    def __new__(cls, value: str, *, source: str) -> Self:
        """*value* from that *source*."""
        made = super().__new__(cls, value)
        made.source = source
        return made


def _ask_the_installed_reader(placeholder: Placeholder) -> str:
    """The value of a *placeholder* that is read outside any Decider.

    The contract knows no plugins, so that the reader is looked up where the plugins are, too: among entry points.
    """
    return _installed_reader()(placeholder)


@cache
def _installed_reader() -> Callable[[Placeholder], str]:
    for entry in entry_points(group=READERS):
        found: Callable[[Placeholder], str] = entry.load()
        return found
    raise PlaceholderError(f"no installed distribution reads placeholders: none has an entry point in {READERS}")


reader: ContextVar[Callable[[Placeholder], str]] = ContextVar("reader", default=_ask_the_installed_reader)
"""What reads placeholders; a Decider sets it while it binds."""


def read(value: Any, *, name: str = "value") -> Any:
    """*value*, or what it says now when it is late.

    Raises:
        ArgumentError: it can't be read, or says nothing; names the argument *name* and the source.
    """
    if not callable(value):
        return value
    failure = ""
    try:
        given = value()
    except Exception as error:
        if not is_secret(value) or isinstance(error, AutoscalerError):
            source = source_of(value)
            why = words_of(error).removeprefix(f"{source}: ")  # a reader says what it couldn't read, too
            raise ArgumentError(f"{name}: {source} can't be read: {why}") from error
        # A stranger's error may quote what it couldn't make sense of: of a secret only the kind of error is shown.
        failure = f"{name}: {source_of(value)} can't be read: {type(error).__name__}"
    if failure:
        raise ArgumentError(failure)  # outside of the handler, so that it carries no cause that shows more
    if not isinstance(given, int | float | str):
        shown = "nothing" if given is None else f"a {type(given).__name__}"
        raise ArgumentError(f"{name}: {source_of(value)} gave {shown}, not a number or text")
    return given


def source_of(value: object) -> str:
    """Where *value* comes from, in words.

    >>> source_of(3)
    'literal'
    >>> source_of(Placeholder(kind="Env", name="MAX_WORKERS"))
    'Env MAX_WORKERS'
    """
    if not callable(value):
        return "literal"
    kind, name, key = (getattr(value, part, None) for part in ("kind", "name", "key"))
    if isinstance(kind, str) and isinstance(name, str):  # ours, or the platform client's own
        return f"{kind} {name}/{key}" if key else f"{kind} {name}"
    return f"callable {getattr(value, '__qualname__', type(value).__qualname__)}"


def is_secret(value: object) -> bool:
    """Whether what *value* says must not be shown."""
    return callable(value) and getattr(value, "kind", None) == "Secret"
