"""Numbers within bounds: whoever gives another is told what is accepted."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["Seconds", "Whole"]


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """*value* as that, or a word of what is accepted."""
        try:
            number: int = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a whole number {_bounds(self)}", param, ctx)
        return number


class Seconds(click.FloatRange):
    """A finite number of seconds within bounds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """*value* as that, or a word of what is accepted."""
        try:
            seconds: float = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a number of seconds {_bounds(self)}", param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a finite number of seconds", param, ctx)
        return seconds


def _bounds(kind: click.IntRange | click.FloatRange) -> str:
    if kind.max is not None:
        return f"from {kind.min} to {kind.max}"
    return f"above {kind.min}" if kind.min_open else f"from {kind.min} up"
