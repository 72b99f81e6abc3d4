"""Shows what a view of an app gives, as a table or a document, with what stands over the app beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from attrs import frozen

from everai_autoscaler.cli.options.look import Look
from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.runtime.forms import StatusForm
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.view import View, open_view
from everai_autoscaler.words import counted, moment, printable, table

__all__ = ["Column", "in_columns", "look_at", "standing", "the_one", "word_of"]

T = TypeVar("T")

_MOST_NAMED = 8


@frozen
class Column:
    """One column of a list."""

    header: str
    cell: Callable[[Any], str]
    """What stands in the row of one thing."""
    right: bool = False
    """Whether it ends at the right edge, as numbers do."""


def look_at(look: Look, ask: Callable[[View], T], words: Callable[[T], str]) -> None:
    """Show what *ask* gets of an app, and what stands over it.

    Args:
        look: how it is shown, and where the app's state is.
        ask: asks a view.
        words: makes text of the answer, for people; programs get it as it is.
    """
    notes: list[str] = []

    def found() -> T:
        with open_view(look.state_dir) as view:
            found = ask(view)
            notes[:] = standing(view.status())
        return found

    look.show(found, words, notes=notes)


def standing(status: StatusForm) -> list[str]:
    """What a reader of any list has to know beside it: that nothing runs, and that an operator overrides the policy."""
    notes = []
    if not status.running:
        seen = "" if status.seen_at is None else f"; as last seen at {moment(status.seen_at)}"
        notes.append(f"nothing runs here{seen}")
    if status.stopping:
        notes.append("it drains: what is served is finished, and nothing is started any more")
    word = word_of(status)
    if word is not None:
        notes.append(f"{printable(str(word))} (since {moment(word.since)})")
    return notes


def word_of(status: StatusForm) -> Override | None:
    """The operator's override, unless its time has passed."""
    word = status.operator
    return None if word is None or word.over(time.time()) else word


def in_columns(things: Iterable[Any], columns: Sequence[Column]) -> str:
    """The *things* in a table with these *columns*."""
    rows = [[printable(column.cell(thing)) for column in columns] for thing in things]
    right = [place for place, column in enumerate(columns) if column.right]
    return table([column.header for column in columns], rows, align_right=right)


def the_one(prefix: str, known: Iterable[str]) -> str:
    """The one worker of the *known* ids that *prefix* is, or begins.

    >>> the_one("Vt", ["VtU8mgrcneAqQzSh9GE5KQ", "iMrG9wGR6y8xYanE3Dpxna"])
    'VtU8mgrcneAqQzSh9GE5KQ'

    Raises:
        UnknownNameError: there is none, or more than one.
    """
    ids = sorted(set(known))
    found = [prefix] if prefix in ids else [one for one in ids if prefix and one.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownNameError(
            f"worker {prefix!r} may be {counted(len(found), 'worker', form=',')}: {_some(found)}; say more of it"
        )
    if len(ids) > _MOST_NAMED:
        raise UnknownNameError(
            f"worker {prefix!r} is none of {counted(len(ids), 'worker', form=',')}, of which worker list tells"
        )
    raise UnknownNameError.of("worker", prefix, ids)


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_NAMED
    return ", ".join(ids[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
