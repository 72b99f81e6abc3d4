"""The options that say how fast things go: how often it is decided, and how long a worker takes to start."""

from __future__ import annotations

import click

from everai_autoscaler.cli.options.bounded import Seconds

__all__ = ["cold_start_option", "interval_option"]


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
