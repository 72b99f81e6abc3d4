"""The options that say which state directory is meant, how something is shown, and for how long it lasts."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic_core import to_jsonable_python

from everai_autoscaler.cli.options.bounded import Whole
from everai_autoscaler.runtime.state import VARIABLE, at_home, default_directory

__all__ = ["Duration", "form_option", "shown_as", "state_option", "watch_option", "watched"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 10 * 365 * 86_400
_CLEAR = "\x1b[2J\x1b[H"


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4, not before
    """A time span, such as ``30m``: a number with s, m, h or d, or several of them; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds that *value* says."""
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return self._above_zero(float(text), value, param, ctx)
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        if not parts or "".join(map("".join, parts)) != text:
            self.fail(f"{value!r} is not a duration such as 90s, 30m, 2h or 1h30m", param, ctx)
        return self._above_zero(sum(float(number) * _UNITS[unit] for number, unit in parts), value, param, ctx)

    def _above_zero(
        self, seconds: float, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if seconds <= 0:
            self.fail(f"{value!r} is not above 0", param, ctx)
        if seconds > _LONGEST:
            self.fail(f"{value!r} is longer than ten years", param, ctx)
        return seconds


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

form_option = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "wide", "json", "yaml"]),
    default="text",
    show_default=True,
    help="A table for people, one with more columns, or a document for programs.",
)


def watch_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* ``--watch``, as *watch*: the seconds between two looks, or ``None``."""
    return click.option(
        "--watch",
        type=Duration(),
        is_flag=False,
        flag_value=2.0,
        default=None,
        metavar="[DURATION]",
        help="Show it again and again, every 2 s or as often as is said, until Ctrl-C.",
    )(click.option("--times", type=Whole(min=1), hidden=True, help="Looks, with --watch.")(command))


def watched(
    look: Callable[[], str],
    watch: float | None,
    times: int | None = None,
    *,
    form: str = "text",
    notes: Callable[[], Iterable[str]] = tuple,
) -> None:
    """Show what *look* gives, once or again and again, and with it, on standard error, the *notes* that it has left."""
    for number in _looks(watch, times):
        shown = look()
        if watch is not None and sys.stdout.isatty():
            sys.stdout.write(_CLEAR)  # which isn't a colour, as echo would take it for one
        elif number:
            # Without it YAML would be one document, of which a list holds everything that was shown.
            click.echo("---" if form == "yaml" else "")
        for note in notes():
            click.echo(note, err=True)
        click.echo(shown)


def _looks(watch: float | None, times: int | None) -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1
        if watch is None or number == times:
            return
        time.sleep(watch)


def shown_as(form: str, document: Any) -> str:
    """*document*, which may hold pydantic models, as JSON or YAML."""
    document = to_jsonable_python(document)
    if form == "json":
        return json.dumps(document, indent=2)
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True)).rstrip()
