"""``everai-autoscaler backtest``: recorded production decisions beside those of another scaler."""

from __future__ import annotations

import json

import click

from everai_autoscaler.cli.options.parameters import SCALER
from everai_autoscaler.cli.options.scaler_options import argument_option, key_values, secret_option
from everai_autoscaler.cli.options.simulator_options import Price
from everai_autoscaler.cli.policy.replay import replayed
from everai_autoscaler.cli.text.backtested import backtest_document, backtest_in_words
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.simulator.backtest import backtest as backtested

__all__ = ["backtest"]


@click.command
@click.argument("records", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--scaler", metavar="SCALER", type=SCALER, help="Another scaler.  [default: the recorded one]")
@argument_option
@secret_option
@click.option("--price", type=Price(), metavar="MONEY", help="What an hour of one worker costs.")
@output_option
def backtest(
    records: str,
    *,
    scaler: str | None,
    arguments: tuple[str, ...],
    secrets: tuple[str, ...],
    price: float | None,
    output: str,
) -> None:
    """Say how the decisions in the file RECORDS would have differed with another scaler, in workers and in money.

    Each decision is made again on its recorded snapshot, whatever the one before would have made of the fleet (open
    loop). Which decisions differ is then exact; workers and money are those until the next decision.

    \b
    Where would it have been otherwise, and what would that have saved?
      everai-autoscaler backtest decisions.jsonl -a max_idle_time=60 --price 2.50
      everai-autoscaler backtest decisions.jsonl --scaler simple -a max_workers=5
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    given, known = key_values("-a", arguments), key_values("--secret", secrets)
    found = backtested((again for _, again in replayed(records, scaler, given, known)), price=price)
    click.echo(json.dumps(backtest_document(found)) if output == "json" else backtest_in_words(found))
