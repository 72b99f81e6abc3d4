"""The kinds of values that options take, two options that several commands have, and how options are packed."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem

from everai_autoscaler.plugin import default_registry

__all__ = [
    "SCALER",
    "Duration",
    "Moment",
    "Name",
    "Seconds",
    "Whole",
    "cold_start_option",
    "interval_option",
    "misused",
    "packed",
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 10 * 365 * 86_400
_REST = 0.999999


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """*value* as a number, or an error that says which are accepted."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is not a whole number {_bounds(self)}", param, ctx)


class Seconds(click.FloatRange):
    """A finite number of seconds within bounds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """*value* as a number, or an error that says which are accepted."""
        try:
            seconds = float(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is not a number of seconds {_bounds(self)}", param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a finite number of seconds", param, ctx)
        return seconds


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4, not before
    """A time span, such as ``30m``: a number with s, m, h or d, or several of them; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds that *value* says."""
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        if re.fullmatch(r"\d+(\.\d+)?", text):
            parts = [(text, "s")]
        elif not parts or "".join(map("".join, parts)) != text:
            self.fail(f"{value!r} is not a duration such as 90s, 30m, 2h or 1h30m", param, ctx)
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if seconds <= 0:
            self.fail(f"{value!r} is not above 0", param, ctx)
        if seconds > _LONGEST:
            self.fail(f"{value!r} is longer than ten years", param, ctx)
        return seconds


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4, not before
    """A moment in UTC: the time of a day, the last one that there was, or a date and a time."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Its epoch seconds; without a fraction, the last ones of that second: lists show no fractions."""
        text = str(value).strip()
        now = datetime.now(UTC)
        try:
            if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
                hour, minute, second, *_ = [*map(int, text.split(":")), 0]
                at = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
                return (at if at <= now else at - timedelta(days=1)).timestamp() + _REST
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 03:07:30 or 2024-07-29T03:07:30+0000", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() + (0 if at.microsecond else _REST)


class Name(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4, not before
    """One of the *known* names, which a shell completes; the command itself says when there is no such name."""

    def __init__(self, name: str, known: Callable[[], Iterable[str]]) -> None:
        self.name = name
        self._known = known

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin with *incomplete*."""
        return [CompletionItem(name) for name in self._known() if name.startswith(incomplete)]


SCALER = Name("scaler", lambda: default_registry().names("autoscalers"))
"""The name of a scaler that a plugin offers."""

interval_option = click.option(
    "--interval",
    type=Seconds(min=0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two decisions.",
)
cold_start_option = click.option(
    "--cold-start",
    type=Seconds(min=0),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="Until a started worker is ready.",
)


def packed(name: str, make: Callable[..., Any], *options: Callable[..., Any]) -> Callable[[Any], Any]:
    """Give a command the *options*, and pass it what *make* makes of their values, as its argument *name*."""

    def add(command: Any) -> Any:
        @functools.wraps(command)
        def with_options(*args: Any, **values: Any) -> Any:
            made = make(**{option.name: values.pop(option.name) for option in taken})
            return command(*args, **values, **{name: made})

        with_parameters: Any = with_options
        taken: list[click.Parameter] = []
        for option in reversed(options):
            option(with_options)
            taken.append(with_parameters.__click_params__[-1])
        return with_options

    return add


def misused(message: str) -> click.UsageError:
    """The error that says how the command that runs was given something wrong, and names its help."""
    return click.UsageError(message, click.get_current_context())


def _bounds(kind: click.IntRange | click.FloatRange) -> str:
    if kind.max is not None:
        return f"from {kind.min} to {kind.max}"
    return f"above {kind.min}" if kind.min_open else f"from {kind.min} up"
