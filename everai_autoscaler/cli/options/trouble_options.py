"""The options that say what goes wrong in a simulated cluster, and what is scarce in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from everai_autoscaler.cli.options.parameters import Seconds, Whole, misused, packed
from everai_autoscaler.cli.options.simulator_options import Price, Share
from everai_autoscaler.simulator.faults import Faults, Machine
from everai_autoscaler.simulator.lag import Lag

__all__ = ["trouble_options", "troubled"]


class _Rate(Price):
    """How often something happens to one worker in an hour."""

    name = "rate"
    what = "a number an hour of at least 0"


def _trouble(
    start_failures: float | None,
    never_ready: float | None,
    crashes: float | None,
    spot: float | None,
    reclaims: float | None,
    notice: float | None,
    spot_price: float | None,
    queue_limit: int | None,
    starts_per_minute: int | None,
    drain: bool,  # noqa: FBT001 - a flag of the command line
    news_age: float | None,
    news_lost: float | None,
    decision_delay: float | None,
) -> Mapping[str, Any]:
    if spot is None and (reclaims is not None or notice is not None or spot_price is not None):
        raise misused("--reclaims, --notice and --spot-price are about workers on --spot capacity")
    faults = Faults(
        start_failure=start_failures or 0.0,
        never_ready=never_ready or 0.0,
        crashes_per_hour=crashes or 0.0,
        spot_share=spot or 0.0,
        reclaims_per_hour=reclaims or 0.0,
        notice=notice or 0.0,
    )
    lag = Lag(observation=news_age or 0.0, loss=news_lost or 0.0, decision=decision_delay or 0.0)
    given = {
        "faults": faults if faults != Faults() else None,
        "lag": lag if lag != Lag() else None,
        "queue_limit": queue_limit,
        "starts_per_minute": starts_per_minute,
        "removal": "drain" if drain else None,
        "spot_price": spot_price,
    }
    return {name: value for name, value in given.items() if value is not None}


def troubled(setting: Mapping[str, Any], trouble: Mapping[str, Any]) -> dict[str, Any]:
    """The *setting* of a simulation with the *trouble* in it.

    >>> troubled({"price": 2.5}, {"queue_limit": 10})
    {'price': 2.5, 'queue_limit': 10}
    """
    both = {**setting, **trouble}
    if (spot_price := both.pop("spot_price", None)) is not None:
        both["machines"] = (Machine(price=setting.get("price"), spot_price=spot_price),)
    return both


trouble_options = packed(
    "trouble",
    _trouble,
    click.option(
        "--start-failures", type=Share(), metavar="SHARE", help="Of the workers that go instead of becoming ready."
    ),
    click.option("--never-ready", type=Share(), metavar="SHARE", help="Of the workers that start for ever."),
    click.option("--crashes", type=_Rate(), metavar="RATE", help="How often a worker crashes in an hour."),
    click.option("--spot", type=Share(), metavar="SHARE", help="Of the workers on capacity that may be taken back."),
    click.option("--reclaims", type=_Rate(), metavar="RATE", help="How often such a worker is taken back in an hour."),
    click.option("--notice", type=Seconds(min=0), metavar="SECONDS", help="From the word of that until it is gone."),
    click.option("--spot-price", type=Price(), metavar="MONEY", help="What an hour of such a worker costs."),
    click.option(
        "--queue-limit", type=Whole(min=0), metavar="COUNT", help="Requests that may wait; further ones are refused."
    ),
    click.option("--starts-per-minute", type=Whole(min=1), metavar="COUNT", help="Workers that may be started in one."),
    click.option("--drain", is_flag=True, help="A worker that serves and is removed finishes first."),
    click.option("--news-age", type=Seconds(min=0), metavar="SECONDS", help="How old what the scaler sees is."),
    click.option("--news-lost", type=Share(), metavar="SHARE", help="Of the snapshots in which nothing is known."),
    click.option("--decision-delay", type=Seconds(min=0), metavar="SECONDS", help="Until a decision is carried out."),
)
"""Gives a command what goes wrong, as *trouble*; empty where nothing does."""
