"""The options that say how fast things go: how often it is decided, and how long a worker takes to start."""

from __future__ import annotations

import click

from everai_autoscaler.cli.options.parameters import Seconds

__all__ = ["cold_start_option", "interval_option"]

_ABOVE_ZERO, _FROM_ZERO = Seconds(min=0, min_open=True), Seconds(min=0)

interval_option = click.option(
    "--interval", type=_ABOVE_ZERO, default=20.0, show_default=True, metavar="SECONDS", help="Between two decisions."
)
cold_start_option = click.option(
    "--cold-start",
    type=_FROM_ZERO,
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="Until a started worker is ready.",
)
