"""The options that say how something is shown: of which state directory, in which form, once or again and again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import click
import yaml
from attrs import frozen
from pydantic_core import to_jsonable_python

from everai_autoscaler.cli.options.parameters import Duration, Whole, packed
from everai_autoscaler.runtime.state import VARIABLE, at_home, default_directory

__all__ = ["Look", "form_options", "look_options", "state_option"]

T = TypeVar("T")

_CLEAR = "\x1b[2J\x1b[H"


def _as_it_is(found: object) -> object:
    return found


@frozen
class Look:
    """How a command shows what there is."""

    form: str
    """A table for people, or a document for programs."""
    state_dir: Path
    watch: float | None = None
    """Seconds between two looks; ``None`` for a single one."""
    times: int | None = None
    """How many looks there are, with *watch*; ``None`` for ever more."""

    @property
    def for_programs(self) -> bool:
        """Whether a program reads what is shown."""
        return self.form in ("json", "yaml")

    def shown(self, found: T, words: Callable[[T], str], document: Callable[[T], object] = _as_it_is) -> str:
        """What was *found*: the *words* of it for people; its *document*, in which models may be, for programs."""
        if not self.for_programs:
            return words(found)
        plain = to_jsonable_python(document(found))
        if self.form == "json":
            return json.dumps(plain, indent=2)
        return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)).rstrip()

    def show(
        self,
        ask: Callable[[], T],
        words: Callable[[T], str],
        document: Callable[[T], object] = _as_it_is,
        *,
        notes: Iterable[str] = (),
    ) -> None:
        """Show what *ask* finds, once or again and again, and with it, on standard error, the *notes* that it left."""
        number = 0
        while True:
            shown = self.shown(ask(), words, document)
            if self.watch is not None and sys.stdout.isatty():
                sys.stdout.write(_CLEAR)  # which isn't a colour, as echo would take it for one
            elif number:
                # Without it YAML would be one document, of which a list holds everything that was shown.
                click.echo("---" if self.form == "yaml" else "")
            for note in notes:
                click.echo(note, err=True)
            click.echo(shown)
            number += 1
            if self.watch is None or number == self.times:
                return
            time.sleep(self.watch)


def _directory(_context: click.Context, _parameter: click.Parameter, given: Path | None) -> Path:
    return default_directory() if given is None else at_home(given)


state_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar=VARIABLE,
    callback=_directory,
    metavar="DIR",
    help=f"Where ConfigMaps, workers and decisions are kept.  [default: ${VARIABLE}, or a folder of yours]",
)
_form_option = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "wide", "json", "yaml"]),
    default="text",
    show_default=True,
    help="A table for people, one with more columns, or a document for programs.",
)
_watch_option = click.option(
    "--watch",
    type=Duration(),
    is_flag=False,
    flag_value=2.0,
    default=None,
    metavar="[DURATION]",
    help="Show it again and again, every 2 s or as often as is said, until Ctrl-C.",
)
_times_option = click.option("--times", type=Whole(min=1), hidden=True, help="Looks, with --watch.")

form_options = packed("look", Look, _form_option, state_option)
"""Gives a command that is done at once its :class:`Look`, as *look*."""
look_options = packed("look", Look, _form_option, _watch_option, _times_option, state_option)
"""Gives a command that can watch its :class:`Look`, as *look*."""
