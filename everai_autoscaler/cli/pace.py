"""The options that say how fast things go: how often it is decided, and how long a worker takes to start."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["Seconds", "cold_start_option", "interval_option"]


class Seconds(click.FloatRange):
    """A finite number of seconds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """*value* as that, or a word of what is wrong with it."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a finite number of seconds", param, ctx)
        return seconds


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
