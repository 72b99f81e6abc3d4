"""``everai-autoscaler backtest``: recorded production decisions beside those of another scaler."""

from __future__ import annotations

import json

import click

from everai_autoscaler.cli.options.parameters import SCALER, Seconds, misused
from everai_autoscaler.cli.options.scaler_options import argument_option, key_values, secret_option
from everai_autoscaler.cli.options.simulator_options import Price
from everai_autoscaler.cli.policy.replay import replayed
from everai_autoscaler.cli.text.backtested import (
    backtest_document,
    backtest_in_words,
    rebuilt_document,
    rebuilt_in_words,
)
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.simulator.backtest import backtest as backtested
from everai_autoscaler.simulator.rebuilt import simulate_records

__all__ = ["backtest"]


@click.command
@click.argument("records", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--scaler", metavar="SCALER", type=SCALER, help="Another scaler.  [default: the recorded one]")
@argument_option
@secret_option
@click.option("--price", type=Price(), metavar="MONEY", help="What an hour of one worker costs.")
@click.option("--closed-loop", "closed", is_flag=True, help="Rebuild the demand, and simulate both scalers on it.")
@click.option("--app", metavar="NAME", help="With --closed-loop: which app, where the records are of several.")
@click.option(
    "--cold-start",
    type=Seconds(min=0),
    metavar="SECONDS",
    help="With --closed-loop: until a started worker is ready.  [default: the recorded median, or 30]",
)
@click.option(
    "--slo",
    type=Seconds(min=0),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="With --closed-loop: within which a request is to begin.",
)
@click.option(
    "--service",
    metavar="MODEL",
    help="With --closed-loop: the seconds that a request keeps a worker busy.  [default: the recorded averages]",
)
@output_option
def backtest(
    records: str,
    *,
    scaler: str | None,
    arguments: tuple[str, ...],
    secrets: tuple[str, ...],
    price: float | None,
    closed: bool,
    app: str | None,
    cold_start: float | None,
    slo: float,
    service: str | None,
    output: str,
) -> None:
    """Say how the decisions in the file RECORDS would have differed with another scaler, in workers and in money.

    Each decision is made again on its recorded snapshot, whatever the one before would have made of the fleet (open
    loop). Which decisions differ is then exact; workers and money are those until the next decision.

    With --closed-loop the demand is rebuilt from the recorded arrivals, or else from the growth of the queue, and both
    scalers are simulated on it. That is a model: a recorded queue is cut off by the capacity of its day.

    \b
    Where would it have been otherwise, and what would that have saved?
      everai-autoscaler backtest decisions.jsonl -a max_idle_time=60 --price 2.50
      everai-autoscaler backtest decisions.jsonl --scaler simple -a max_workers=5
    What would have become of the fleet?
      everai-autoscaler backtest decisions.jsonl -a max_idle_time=60 --closed-loop
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    given, known = key_values("-a", arguments), key_values("--secret", secrets)
    if closed:
        if records == "-":
            raise misused("--closed-loop reads RECORDS twice, which - doesn't allow")
        rebuilt = simulate_records(
            records,
            scaler=scaler,
            arguments=given,
            secrets=known,
            app=app,
            cold_start=cold_start,
            slo=slo,
            price=price,
            service=service,
        )
        click.echo(json.dumps(rebuilt_document(rebuilt)) if output == "json" else rebuilt_in_words(rebuilt, price))
        return
    found = backtested((again for _, again in replayed(records, scaler, given, known)), price=price)
    click.echo(json.dumps(backtest_document(found)) if output == "json" else backtest_in_words(found))
